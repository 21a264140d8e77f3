package webpushtest

import (
	"crypto/ecdh"
	"encoding/base64"
	"testing"
)

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDecrypt: the example of RFC 8291, appendix A, comes out, and nothing does
// once a byte of it is another.
func TestDecrypt(t *testing.T) {
	key, err := ecdh.P256().NewPrivateKey(decode(t, "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"))
	if err != nil {
		t.Fatal(err)
	}
	b := browser{key: key, auth: decode(t, "BTBZMqHH6r4Tts7J_aSIgg")}
	body := decode(t, "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"+
		"AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
	text, err := b.decrypt(body)
	if want := "When I grow up, I want to be a watermelon"; err != nil || string(text) != want {
		t.Fatalf("%q, %v, want %q", text, err, want)
	}
	for i := range body {
		if i >= saltBytes && i < saltBytes+sizeBytes-1 {
			continue // a larger record size only allows more
		}
		other := append([]byte(nil), body...)
		other[i] ^= 0xff
		if text, err := b.decrypt(other); err == nil && i != saltBytes+sizeBytes-1 {
			t.Errorf("byte %d changed: %q", i, text)
		}
	}
	for n := range headBytes + 17 {
		if text, err := b.decrypt(body[:n]); err == nil {
			t.Errorf("%d bytes: %q", n, text)
		}
	}
}
