//go:build linux

package pairing

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
)

// Token is the secret that both hosts know. The server's TLS key is made of it, so that whoever knows the token knows the
// server, and nobody who does not can stand in its place; so it must not be guessable.
type Token string

// leastToken is how many characters a token has: 128 bits, in base64.
const leastToken = 22

// NewToken makes one of 256 bits.
func NewToken() Token {
	var b [32]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return Token(base64.RawURLEncoding.EncodeToString(b[:]))
}

// ParseToken reads a token as a file has it. The error says what is wrong, and shows none of it.
func ParseToken(text string) (Token, error) {
	t := strings.TrimSpace(text)
	switch {
	case t == "":
		return "", fmt.Errorf("it is empty: write a token there (`twomsl server` makes and prints one when it is given none)")
	case len(t) < leastToken:
		return "", fmt.Errorf("its token has %d characters: %d at least, so that nobody can guess it (openssl rand -base64 32)", len(t), leastToken)
	case len(t) > 4096 || strings.ContainsFunc(t, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", fmt.Errorf("its token is not one word of printable ASCII, 4,096 characters at most")
	}
	return Token(t), nil
}

// key is the server's, the same wherever the token is known (RFC 5869, RFC 8032).
func (t Token) key() (ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, []byte(t), nil, "twomsl control key", ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("the token's key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// is compares in a time that tells nothing.
func (t Token) is(shown string) bool {
	return subtle.ConstantTimeCompare([]byte(t), []byte(shown)) == 1
}

// String keeps tokens out of what is printed by accident.
func (t Token) String() string { return "(token)" }
