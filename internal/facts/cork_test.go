//go:build linux

package facts

import (
	"testing"

	"golang.org/x/sys/unix"

	"twomsl/internal/linux"
)

// What is written under TCP_CORK waits for close(), and goes out with its FIN: who reads it finds the end of the stream behind
// it, and cannot close first.
func TestNetNSCorkedBytesGoWithTheFin(t *testing.T) {
	t.Parallel()
	for version, pair := range families {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			p := pair(t)
			const n = 100
			p.serve(8080).churn(n, func(c *conn) {
				must(t, unix.SetsockoptInt(c.server, unix.IPPROTO_TCP, unix.TCP_CORK, 1))
				write(t, c.server)
				c.closeServer()
				if got, e := read(t, c.client); got == 0 || e != 0 {
					t.Fatalf("%d bytes, %v", got, e)
				}
				if got, e := linux.Read(c.client, make([]byte, 1)); got != 0 || e != 0 {
					t.Fatalf("behind the bytes: %d, %v; expected the end of the stream", got, e)
				}
				c.closeClient()
			})
			p.server.stands(inTimeWait(n))
			p.client.stands(inTimeWait(0))
		})
	}
}
