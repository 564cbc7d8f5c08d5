//go:build linux

package lab

import (
	"errors"
	"syscall"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"twomsl/internal/linux"
	"twomsl/internal/sample"
)

// tracked counts the connections that a host's namespace tracks.
func (h *host) tracked() int64 {
	h.t.Helper()
	h.ns.Enter(h.t)
	c, err := sample.OpenConntrack(sample.Here)
	if errors.Is(err, sample.ErrNoConntrack) {
		h.t.Skip(err)
	}
	must(h.t, err)
	defer func() { _ = c.Close() }()
	v, err := c.Read()
	must(h.t, err)
	return v.Entries
}

// A host tracks from the rule on, the other does not, and packet holds come and go beside it.
func TestNetNSTrack(t *testing.T) {
	bothFamilies(t, func(t *testing.T, client, server *host) {
		l, at := server.listen(4001)
		client.dial(at)
		server.accept(l)
		if n := server.tracked(); n != 0 {
			t.Errorf("%d connections are tracked before anybody asked", n)
		}
		server.ns.Enter(t)
		must(t, Track())
		for range 3 {
			client.dial(at)
			server.accept(l)
		}
		client.stands(linux.DiagEstablished, 4)
		if here, there := server.tracked(), client.tracked(); here < 3 || there != 0 { // IPv6 has entries of its own besides
			t.Errorf("%d entries on the server, %d on the client; want 3 and none", here, there)
		}
		if server.passed() == 0 {
			t.Error("nothing passed as part of a connection that is known")
		}
		server.hold(Hold{Segment: SYN})
		server.hold()
		before := server.tracked()
		client.dial(at)
		server.accept(l)
		if n := server.tracked(); n <= before {
			t.Errorf("%d entries, %d before: setting packet holds ended the tracking", n, before)
		}
	})
}

// passed is how many packets the rule let pass.
func (h *host) passed() (n uint64) {
	h.t.Helper()
	h.ns.Enter(h.t)
	c, err := nftables.New()
	must(h.t, err)
	rules, err := c.GetRules(&nftables.Table{Name: trackTable, Family: nftables.TableFamilyINet}, &nftables.Chain{Name: "input"})
	must(h.t, err)
	for _, r := range rules {
		for _, e := range r.Exprs {
			if counter, ok := e.(*expr.Counter); ok {
				n += counter.Packets
			}
		}
	}
	return n
}

func TestCannotTrack(t *testing.T) {
	var u *UnavailableError
	for _, e := range []syscall.Errno{syscall.ENOENT, syscall.EOPNOTSUPP, syscall.EPERM, syscall.EPROTONOSUPPORT} {
		if err := cannotTrack(e); !errors.As(err, &u) || u.Remedy == "" || !errors.Is(err, e) {
			t.Errorf("%v: %v", e, err)
		}
	}
	if err := cannotTrack(syscall.EINVAL); err == nil || errors.As(err, &u) && errors.Is(u, syscall.EINVAL) {
		t.Errorf("EINVAL: %v", err)
	}
	if cannotTrack(nil) != nil {
		t.Error("nothing is wrong")
	}
}
