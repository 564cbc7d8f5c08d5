//go:build linux

package pairing

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

// collector is a Host that takes records, for as long as the test.
func collector(t *testing.T, take func([]byte) error) (at string, token Token) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	token = NewToken()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- NewHost(Options{Token: token, Sessions: 4, Collect: take, Say: func(string) {}}).Serve(ctx, l)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String(), token
}

func TestHandIn(t *testing.T) {
	var got [][]byte
	at, token := collector(t, func(b []byte) error {
		if bytes.Contains(b, []byte("bad")) {
			return errors.New("no record")
		}
		got = append(got, b)
		return nil
	})
	ctx := context.Background()
	whole := []byte(`{"a":"` + strings.Repeat("x", 4<<20) + `"}`) // far above what other requests may be
	if err := HandIn(ctx, at, token, whole); err != nil || len(got) != 1 || !bytes.Equal(got[0], whole) {
		t.Fatalf("%d came, %v", len(got), err)
	}
	for what, c := range map[string]struct {
		token Token
		body  string
		says  string
	}{
		"another token":   {NewToken(), `{}`, "another token"},
		"refused":         {token, `{"bad":1}`, "no record"},
		"larger than all": {token, `"` + strings.Repeat("x", mostRecord) + `"`, "too large"},
	} {
		if err := HandIn(ctx, at, c.token, []byte(c.body)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(got) != 1 {
		t.Errorf("%d came", len(got))
	}
}

func TestNothingIsCollectedUnasked(t *testing.T) {
	at, token := collector(t, nil)
	if err := HandIn(context.Background(), at, token, []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "--collect") {
		t.Error(err)
	}
}

// A token is no leave to fill the disk.
func TestCollectedHasABound(t *testing.T) {
	h := NewHost(Options{Collect: func([]byte) error { return nil }})
	h.collected = mostHandedIn - 10
	if err := h.collect(make([]byte, 11)); err == nil {
		t.Error("more than the bound is taken")
	}
	if err := h.collect(make([]byte, 10)); err != nil {
		t.Error(err)
	}
}
