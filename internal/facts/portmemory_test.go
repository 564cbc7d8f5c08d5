//go:build linux

package facts

import (
	"os"
	"slices"
	"testing"

	"twomsl/internal/sample"
)

// A TIME_WAIT whose connection was made to the host holds nothing but its mini-socket. One whose connection the host opened
// itself keeps its port's two bind buckets too: that of the port, and that of the address and port. The caches are the
// whole host's: in one round of several nobody else's sockets may come or go.
func TestNetNSTimeWaitKeepsBindBuckets(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may read the kernel's caches")
	}
	const n, rounds = 2000, 24
	for name, c := range map[string]struct {
		end  func(*conn)
		each int64
	}{"opened here": {(*conn).clientFirst, 2}, "made to the host": {(*conn).serverFirst, 0}} {
		var seen []int64
		for range rounds {
			p := newPair(t)
			l := p.serve(80)
			before := bindBuckets(t)
			for i := range uint16(n) {
				c.end(l.open(bindTo(p.client.address, 40000+i)))
			}
			seen = append(seen, bindBuckets(t)-before)
			if c.each == 2 {
				p.client.stands(inTimeWait(n))
			} else {
				p.server.stands(inTimeWait(n))
			}
			if got := seen[len(seen)-1]; got > c.each*n-n/10 && got < c.each*n+n/10 {
				break
			}
		}
		t.Logf("%s: %v objects for %d TIME_WAIT", name, seen, n)
		if got := seen[len(seen)-1]; got <= c.each*n-n/10 || got >= c.each*n+n/10 {
			t.Errorf("%s: %d bind buckets for %d TIME_WAIT, %d each were expected", name, seen, n, c.each)
		}
	}
}

// bindBuckets counts the objects of the cache in which bind buckets are, alone or with others of their size.
func bindBuckets(t *testing.T) int64 {
	t.Helper()
	caches, err := sample.SlabCaches()
	must(t, err)
	sum := int64(0)
	for _, c := range caches {
		names := append([]string{c.Name}, c.Also...)
		if slices.Contains(names, "tcp_bind_bucket") || slices.Contains(names, "tcp_bind2_bucket") {
			sum += c.Objects
		}
	}
	if sum == 0 {
		t.Skip("this kernel shows no cache of bind buckets")
	}
	return sum
}
