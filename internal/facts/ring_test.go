//go:build linux

package facts

import (
	"net/netip"
	"testing"
	"time"

	"twomsl/internal/linux"
)

// ring is an io_uring of the client's, on the test's thread.
func (p *pair) ring(slots int) *linux.Ring {
	p.t.Helper()
	if err := linux.TryRing(false); err != nil {
		p.t.Skip(err)
	}
	r, err := linux.OpenRing(256, slots)
	must(p.t, err)
	p.t.Cleanup(r.Close)
	ok(p.t, "enable", r.Enable())
	return r
}

// take gives n completions, and fails where more come.
func take(t testing.TB, r *linux.Ring, n int) (all []linux.CQE) {
	t.Helper()
	if !until(func() bool {
		ok(t, "io_uring_enter", r.Enter(time.Millisecond))
		for c, some := r.Next(); some; c, some = r.Next() {
			all = append(all, c)
		}
		return len(all) >= n
	}) {
		t.Fatalf("%d completions came, expected %d", len(all), n)
	}
	ok(t, "io_uring_enter", r.Enter(5*time.Millisecond))
	if c, some := r.Next(); some || len(all) > n {
		t.Fatalf("%d completions and %+v came, expected %d", len(all), c, n)
	}
	return all
}

// The members of a chain, by their tags.
const (
	ringSocket = iota
	ringOption
	ringConnect
	ringEnd
)

// Chains connect in the order in which they were laid into a ring: with room for 20, the first 20 of 30 get through. The
// range of ports is each socket's own, set by the ring.
func TestNetNSRingConnectsInOrder(t *testing.T) {
	t.Parallel()
	const room, all = 20, 30
	p := newPair(t)
	l := p.serve(80)
	p.client.enter()
	r := p.ring(all)
	to, only := linux.NewSockaddr(l.at), linux.LocalPortRangeOpt(40000, 40000+room-1)
	held := &struct {
		to   linux.Sockaddr
		only linux.SockOpt
	}{to, only} // where it does not move
	for i := range all {
		tag := func(member int) uint64 { return uint64(i)<<8 | uint64(member) }
		r.Socket(i, false, tag(ringSocket)).Linked().Quiet()
		r.Option(i, &held.only, tag(ringOption)).Linked().Quiet()
		r.Connect(i, &held.to, tag(ringConnect))
	}
	for _, c := range take(t, r, all) {
		i, want := int(c.Tag>>8), linux.Errno(0)
		if i >= room {
			want = linux.EADDRNOTAVAIL
		}
		if c.Tag&0xff != ringConnect || c.Errno() != want {
			t.Errorf("chain %d, member %d: %v, expected connect() to give %v", i, c.Tag&0xff, c.Errno(), want)
		}
	}
	p.client.stands(map[uint8]int{linux.DiagEstablished: room})
}

// A chain whose members ask for no completion but on failure completes once: by its last member, or by the one that
// failed, and then nothing behind that one is carried out.
func TestNetNSRingChainBreaks(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	l := p.serve(80)
	p.client.enter()
	r := p.ring(2)
	held := &struct{ there, nobody linux.Sockaddr }{linux.NewSockaddr(l.at), linux.NewSockaddr(netip.AddrPortFrom(l.at.Addr(), 81))}
	chain := func(slot int, to *linux.Sockaddr) linux.CQE {
		r.Socket(slot, false, ringSocket).Linked().Quiet()
		r.Connect(slot, to, ringConnect).Linked().Quiet()
		r.Nop(ringEnd)
		return take(t, r, 1)[0]
	}
	if c := chain(0, &held.there); c.Tag != ringEnd || c.Res != 0 {
		t.Errorf("a good chain ends with %+v", c)
	}
	if c := chain(1, &held.nobody); c.Tag != ringConnect || c.Errno() != linux.ECONNREFUSED {
		t.Errorf("a chain that is refused ends with %+v", c)
	}
}

// SO_LINGER {1,0} that a ring sets makes the close of a direct descriptor send an RST, as close() does, and what stands
// behind it in the ring finds the slot free.
func TestNetNSRingLingerZeroResets(t *testing.T) {
	t.Parallel()
	const n = 20
	p := newPair(t)
	l := p.serve(80)
	p.client.enter()
	r := p.ring(1)
	held := &struct {
		to     linux.Sockaddr
		linger linux.SockOpt
	}{linux.NewSockaddr(l.at), linux.LingerOpt(0)}
	before := p.client.counter("TcpExt.TCPAbortOnData")
	p.client.enter()
	for range n {
		r.Socket(0, false, ringSocket).Linked().Quiet()
		r.Connect(0, &held.to, ringConnect)
		if c := take(t, r, 1)[0]; c.Res != 0 {
			t.Fatalf("%+v", c)
		}
		r.Option(0, &held.linger, ringOption).Quiet()
		r.CloseSlot(0, ringEnd).Quiet()
	}
	ok(t, "io_uring_enter", r.Enter(0))
	p.client.stands(nothing)
	if got := p.client.counter("TcpExt.TCPAbortOnData") - before; got != n {
		t.Errorf("%d resets of %d", got, n)
	}
}
