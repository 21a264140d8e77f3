package alipay

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// minBits is what Alipay demands of a key for RSA2, in bits.
const minBits = 2048

// load reads a key from a setting or from the file that <setting>_file names; nil
// where neither is given. What it notes holds no part of the key.
func load[K any](s *call.Settings, name, value, file string, parse func([]byte) (*K, error)) *K {
	text, setting := s.Text(name, value, file)
	if text == "" {
		return nil
	}
	der, err := binary(text)
	if err != nil {
		s.Fail(setting, err.Error())
		return nil
	}
	k, err := parse(der)
	if err != nil {
		s.Fail(setting, err.Error())
	}
	return k
}

// binary is the DER of a key in PEM or in bare base64.
func binary(value string) ([]byte, error) {
	if b, _ := pem.Decode([]byte(value)); b != nil {
		return b.Bytes, nil
	}
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(value), ""))
	if err != nil {
		return nil, errors.New("is neither PEM nor base64")
	}
	return b, nil
}

func privateKey(der []byte) (*rsa.PrivateKey, error) {
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k, long(k.N.BitLen())
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("is not a private key in PKCS #1 or PKCS #8")
	}
	r, ok := k.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("is not an RSA key")
	}
	return r, long(r.N.BitLen())
}

func publicKey(der []byte) (*rsa.PublicKey, error) {
	k, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("is not a public key")
	}
	r, ok := k.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("is not an RSA key")
	}
	return r, long(r.N.BitLen())
}

func long(bits int) error {
	if bits < minBits {
		return fmt.Errorf("has %d bits, RSA2 needs at least %d", bits, minBits)
	}
	return nil
}
