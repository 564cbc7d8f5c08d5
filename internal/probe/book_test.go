//go:build linux

package probe

import (
	"testing"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// Very many calls are thinned out evenly, and every one is counted all the same.
func TestBookThinsOutEvenly(t *testing.T) {
	const n, epoch = 5*mostPoints + 7, 77_000_000_000
	b := newBook(Caller{Name: "ssh"})
	for i := range int64(n) {
		f := failure{}
		if i%10 == 9 {
			f = failure{phaseConnect, linux.EADDRNOTAVAIL}
		}
		b.note(epoch+(i-1000)*1e6, 40_000, f, i >= 1000)
	}
	c, err := b.record(epoch)
	if err != nil {
		t.Fatal(err)
	}
	if c.Calls != n || c.Answered != n-n/10 || len(c.Failures) != 1 || c.Failures[0] != (record.CanaryFailure{Phase: "connect", Errno: "EADDRNOTAVAIL", Count: n / 10}) {
		t.Errorf("%d calls, %d answered, %+v", c.Calls, c.Answered, c.Failures)
	}
	if b.counted != n-1000-(n/10-100) || *c.FirstFailureSeconds != -0.991 {
		t.Errorf("%d answered from the start of the load, first failure at %v", b.counted, *c.FirstFailureSeconds)
	}
	if len(c.Points) < mostPoints/2 || len(c.Points) >= mostPoints {
		t.Errorf("%d points", len(c.Points))
	}
	for i, p := range c.Points {
		if p.AtMS != float64(int64(i)*b.stride-1000) {
			t.Fatalf("point %d is at %v", i, p.AtMS)
		}
	}
	if q := c.Latency; q.Count != c.Answered || q.P50US != 40 || q.MaxUS != 40 || q.Histogram == "" {
		t.Errorf("%+v", q)
	}
}

// Latencies beyond a minute and below a microsecond are kept at the bounds.
func TestBookBounds(t *testing.T) {
	b := newBook(Caller{})
	b.note(0, 0, failure{}, true)
	b.note(1, 1e18, failure{}, true)
	c, err := b.record(0)
	if err != nil || c.Latency.Count != 2 || c.Latency.P50US != leastUS || c.Latency.MaxUS < float64(mostUS) {
		t.Errorf("%+v %v", c.Latency, err)
	}
}
