//go:build linux

package pairing

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"time"
)

// ErrWrongToken is in a conductor's error where the server has another token.
var ErrWrongToken = errors.New("the server there has another token")

// protocol is told by ALPN (RFC 7301): a conductor finds out early that somebody else is listening.
const protocol = "http/1.1"

// certificate holds the token's key. It has no date that a clock could be wrong about: the key alone counts.
func certificate(t Token) (tls.Certificate, error) {
	key, err := t.key()
	if err != nil {
		return tls.Certificate{}, err
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280, section 4.1.2.5: no well-defined end
		DNSNames:     []string{"twomsl"},
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func serverTLS(t Token) (*tls.Config, error) {
	c, err := certificate(t)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS13, NextProtos: []string{protocol}}, nil
}

// clientTLS takes a server whose key is the token's, and no other.
func clientTLS(t Token) (*tls.Config, error) {
	key, err := t.key()
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{protocol}, ServerName: "twomsl",
		InsecureSkipVerify: true, //nolint:gosec // names and dates say nothing here; VerifyConnection holds the key to the token's
		VerifyConnection: func(s tls.ConnectionState) error {
			theirs, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
			if !ok || !theirs.Equal(key.Public()) {
				return ErrWrongToken
			}
			return nil
		},
	}, nil
}
