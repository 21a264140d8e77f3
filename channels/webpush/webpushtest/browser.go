package webpushtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// Origin is the address of the push service in the endpoints of its subscriptions.
// Nothing listens there: calls must be led to the double's URL.
const Origin = "https://push.example.com"

// Host is the name in Origin.
const Host = "push.example.com"

// browser is the keys of one subscription.
type browser struct {
	key  *ecdh.PrivateKey
	auth []byte
}

// browserOf makes the keys of the i-th browser, always the same ones, so that a
// subscription outlives a double.
func browserOf(i int) browser {
	secret := sha256.Sum256(fmt.Appendf(nil, "auth of browser %d", i))
	return browser{key: keyOf(fmt.Sprintf("key of browser %d", i)), auth: secret[:16]}
}

// keyOf makes a key of a name: for doubles only.
func keyOf(name string) *ecdh.PrivateKey {
	scalar := sha256.Sum256([]byte(name))
	key, err := ecdh.P256().NewPrivateKey(scalar[:])
	if err != nil {
		panic(err) // a hash is no scalar once in 2^32 names, and the names are fixed
	}
	return key
}

// Device makes the i-th browser's subscription, as a device of the ledger.
func Device(i int) string {
	b := browserOf(i)
	return fmt.Sprintf("%s/push/%d#%s.%s", Origin, i, encode(b.key.PublicKey().Bytes()), encode(b.auth))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// What RFC 8188 puts before the text: a salt, the record's size and the sender's key.
const (
	saltBytes = 16
	sizeBytes = 4
	keyBytes  = 65
	headBytes = saltBytes + sizeBytes + 1 + keyBytes
)

// Decrypt returns the text of a push to the i-th browser.
func Decrypt(i int, body []byte) ([]byte, error) { return browserOf(i).decrypt(body) }

// decrypt does what a browser does with the body of a push (RFC 8291, section 3.4).
func (b browser) decrypt(body []byte) ([]byte, error) {
	if len(body) < headBytes || body[saltBytes+sizeBytes] != keyBytes {
		return nil, errors.New("the header is not that of one sender's key")
	}
	salt, sender := body[:saltBytes], body[saltBytes+sizeBytes+1:headBytes]
	size := binary.BigEndian.Uint32(body[saltBytes:])
	if record := len(body) - headBytes; record > int(size) {
		return nil, fmt.Errorf("a record of %d bytes in one of %d", record, size)
	}
	from, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, fmt.Errorf("the sender's key: %w", err)
	}
	shared, err := b.key.ECDH(from)
	if err != nil {
		return nil, fmt.Errorf("the shared secret: %w", err)
	}
	info := "WebPush: info\x00" + string(b.key.PublicKey().Bytes()) + string(sender)
	secret, err := hkdf.Key(sha256.New, shared, b.auth, info, 32)
	if err != nil {
		return nil, fmt.Errorf("the input key: %w", err)
	}
	return open(secret, salt, body[headBytes:])
}

// open decrypts the one record of a push (RFC 8188, section 2).
func open(secret, salt, record []byte) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, fmt.Errorf("the content key: %w", err)
	}
	nonce, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, fmt.Errorf("the nonce: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("the cipher: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("the cipher: %w", err)
	}
	text, err := gcm.Open(nil, nonce, record, nil)
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	text, last := bytes.CutSuffix(bytes.TrimRight(text, "\x00"), []byte{2})
	if !last {
		return nil, errors.New("the record is not the last one")
	}
	return text, nil
}
