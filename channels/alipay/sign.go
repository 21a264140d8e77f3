package alipay

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
)

// signed is what is signed of a request: its parameters as name=value in the
// order of their names, those without a value left out.
func signed(parameters map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if v := parameters[name]; v != "" {
			parts = append(parts, name+"="+v)
		}
	}
	return strings.Join(parts, "&")
}

// sign is RSA2. PKCS #1 v1.5 uses randomness only against timing attacks: the
// signature of one text is always the same.
func sign(k *rsa.PrivateKey, text string) (string, error) {
	sum := sha256.Sum256([]byte(text))
	b, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
	return base64.StdEncoding.EncodeToString(b), err
}

// verify reports whether a signature is Alipay's over a text as it was sent. The
// vendor's SDKs try once more with escaped slashes written plainly, for Alipay
// signs some texts before it escapes them.
func verify(k *rsa.PublicKey, text []byte, signature string) bool {
	b, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	for _, t := range [][]byte{text, bytes.ReplaceAll(text, []byte(`\/`), []byte(`/`))} {
		sum := sha256.Sum256(t)
		if rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], b) == nil {
			return true
		}
	}
	return false
}
