//go:build linux

package lab

import (
	"testing"

	"twomsl/internal/linux"
)

// A host that has vanished hears nothing and is not heard, and the other is told nothing: what it sends is sent again, its
// idle connection stands, and its neighbour is still there.
func TestNetNSVanish(t *testing.T) {
	bothFamilies(t, func(t *testing.T, client, server *host) {
		l, at := server.listen(4001)
		idle, talks := client.dial(at), client.dial(at)
		server.accept(l)
		to := server.accept(l)
		client.ns.Enter(t)
		must(t, Vanish())
		linux.SetLinger(idle, 0)
		client.close(idle) // its RST stays inside
		if n, e := linux.Write(to, []byte("?")); n != 1 || e != 0 {
			t.Fatalf("write: %d, %v", n, e)
		}
		until(t, "it is sent again", func() bool {
			again := false
			must(t, server.diag.Dump(linux.DiagQuery{IPv6: server.ipv6, States: 1 << linux.DiagEstablished}, func(r *linux.DiagRow) {
				again = again || r.Timer == linux.DiagTimerRetransmit && r.Retrans > 2
			}))
			return again
		})
		server.stay(linux.DiagEstablished, 2)
		if n, e := linux.Read(talks, make([]byte, 1)); e != linux.EAGAIN {
			t.Errorf("the vanished host reads %d bytes, %v", n, e)
		}
		if e := linux.SocketError(to); e != 0 {
			t.Errorf("the other host was told %v", e)
		}
	})
}
