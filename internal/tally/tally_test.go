//go:build linux

package tally

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

func TestOutcomesAreInTheOrderOfPhaseAndErrno(t *testing.T) {
	var c Tally
	add := func(n int, p Phase, e End) {
		for range n {
			c.Add(p, e)
		}
	}
	// in no order
	add(1, Close, Errno(linux.ECONNRESET))
	add(2, Read, WrongBytes)
	add(3, Read, GaveUp)
	add(4, Connect, Errno(linux.EADDRNOTAVAIL))
	add(5, Read, ShortRead)
	add(6, Connect, GaveUp)
	add(7, Socket, Errno(linux.EMFILE))
	add(8, Read, Errno(linux.ECONNRESET))
	add(9, Connect, Errno(linux.ETIMEDOUT))
	want := []record.Outcome{
		{Side: "client", Cause: "ok", Count: 100},
		{Side: "client", Phase: "socket", Cause: "out-of-descriptors", Errno: "EMFILE", Count: 7},
		{Side: "client", Phase: "connect", Cause: "address-not-available", Errno: "EADDRNOTAVAIL", Count: 4},
		{Side: "client", Phase: "connect", Cause: "timed-out", Errno: "ETIMEDOUT", Count: 9},
		{Side: "client", Phase: "connect", Cause: "timed-out", Count: 6},
		{Side: "client", Phase: "read", Cause: "reset", Errno: "ECONNRESET", Count: 8},
		{Side: "client", Phase: "read", Cause: "timed-out", Count: 3},
		{Side: "client", Phase: "read", Cause: "short-read", Count: 5},
		{Side: "client", Phase: "read", Cause: "wrong-bytes", Count: 2},
		{Side: "client", Phase: "close", Cause: "reset", Errno: "ECONNRESET", Count: 1},
	}
	if diff := cmp.Diff(want, c.Outcomes("client", 100)); diff != "" {
		t.Error(diff)
	}
}

func TestNothingCountedIsOneLine(t *testing.T) {
	want := []record.Outcome{{Side: "server", Cause: "ok"}}
	if diff := cmp.Diff(want, new(Tally).Outcomes("server", 0)); diff != "" {
		t.Error(diff)
	}
}

func TestEveryPhaseHasAName(t *testing.T) {
	seen := map[string]bool{}
	for p := range phases {
		if name := p.String(); name == "" || seen[name] {
			t.Errorf("phase %d is called %q", p, name)
		}
		seen[p.String()] = true
	}
}

// Numbers beyond the kernel's table must not run into the ends that are ours.
func TestEveryErrnoStaysAnErrno(t *testing.T) {
	for e := linux.Errno(1); e < 1000; e++ {
		if end := Errno(e); end >= GaveUp {
			t.Fatalf("errno %d counts as end %d", e, end)
		}
	}
	if Errno(linux.MaxErrno) == Errno(linux.MaxErrno-1) {
		t.Error("the last two errnos are one")
	}
}

func TestMergeAdds(t *testing.T) {
	var a, b, both Tally
	for p := range phases {
		for e := range ends {
			for range int(p) + int(e)%3 {
				a.Add(p, e)
				both.Add(p, e)
			}
			for range int(e) % 5 {
				b.Add(p, e)
				both.Add(p, e)
			}
		}
	}
	a.Merge(&b)
	if a != both {
		t.Error("two merged are not what one would have counted")
	}
}
