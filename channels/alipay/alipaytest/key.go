package alipaytest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"sync"
)

type pair struct{ app, alipay *rsa.PrivateKey }

// keys are made once per process, since that takes a good part of a second.
var keys = sync.OnceValue(func() pair { return pair{generate(), generate()} })

func generate() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // only an invalid size fails
	}
	return k
}

// PrivateKey is the application's key, as PEM of PKCS #1.
func PrivateKey() string {
	der := x509.MarshalPKCS1PrivateKey(keys().app)
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der}))
}

// PublicKey is Alipay's key, as the bare base64 in which Alipay shows it.
func PublicKey() string {
	der, err := x509.MarshalPKIXPublicKey(&keys().alipay.PublicKey)
	if err != nil {
		panic(err) // an RSA key always marshals
	}
	return base64.StdEncoding.EncodeToString(der)
}

// Sign is Alipay's signature of a text. It signs slashes before it escapes them.
func Sign(text string) string {
	sum := sha256.Sum256([]byte(strings.ReplaceAll(text, `\/`, `/`)))
	b, err := rsa.SignPKCS1v15(rand.Reader, keys().alipay, crypto.SHA256, sum[:])
	if err != nil {
		panic(err) // a key of this size signs every digest
	}
	return base64.StdEncoding.EncodeToString(b)
}
