//go:build linux

package pairing

import (
	"net"
	"testing"
	"time"
)

// A copy of the listener that a child has until its exec() keeps the port: it is waited for.
func TestVacatedWaitsForCopies(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	copied, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(50 * time.Millisecond)
		copied.Close() //nolint:errcheck // a copy
	}()
	if err := vacated(t.Context(), uint16(at.Port)); err != nil {
		t.Fatal(err)
	}
	again, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	again.Close() //nolint:errcheck // nothing came
}
