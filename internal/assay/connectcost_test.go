//go:build linux

package assay

import (
	"fmt"
	"testing"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
)

// The range is filled in the order that was asked for, whoever takes the ports past half of it: connect() takes those of
// the low end's parity first, bind() the others, and a random order keeps to neither. What fails fails when nothing is left.
func TestNetNSConnectCostFillsInOrder(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	const size, samples = 400, 4
	for _, way := range Ways {
		for _, order := range Orders {
			t.Run(way+" "+order, func(t *testing.T) {
				t.Parallel()
				got, err := Run(t.Context(), program, try(fmt.Sprintf(
					"connect-cost way=%s order=%s low=40000 high=%d steps=0,50,75,100 samples=%d", way, order, 40000+size-1, samples)))
				if got.Cannot != "" && linux.ProbeLocalPortRange() != nil {
					t.Skip(got.Cannot)
				}
				if err != nil || got.Failure != "" || got.Cannot != "" || len(got.Parts) != 4 {
					t.Fatalf("%+v, %v", got, err)
				}
				for i, p := range got.Parts {
					checkPart(t, p, []int{0, size / 2, size * 3 / 4, size}[i], size)
					checkOrder(t, p, way, order, size)
					if len(p.CallNS) != samples || len(p.CPUNS) != samples {
						t.Errorf("%d taken: %d samples, %d of processor time", p.Taken, len(p.CallNS), len(p.CPUNS))
					}
				}
			})
		}
	}
}

func checkPart(t *testing.T, p Part, taken, size int) {
	t.Helper()
	failed := 0
	if taken == size {
		failed = len(p.CallNS)
	}
	if p.Taken != taken || p.LowParity+p.OtherParity != taken || p.Failed != failed || (p.Errno != "") != (failed > 0) {
		t.Errorf("%d were to be taken: %+v", taken, p)
	}
	for i, ns := range p.CallNS {
		if ns <= 0 || p.CPUNS[i] <= 0 {
			t.Errorf("%d taken: a call of %d ns, %d ns of processor time", taken, ns, p.CPUNS[i])
		}
	}
}

func checkOrder(t *testing.T, p Part, way, order string, size int) {
	t.Helper()
	if order == "plain" {
		way = "plain"
	}
	first, then := p.LowParity, p.OtherParity
	if way == "bind" {
		first, then = then, first
	}
	switch {
	case order == "random" || way == "own-range":
		// Each parity has half of what is taken, give or take: 6 deviations are 60 ports of 400 at the most.
		if p.Taken < size && (first-then > 120 || then-first > 120) {
			t.Errorf("%d taken: %d of one parity, %d of the other", p.Taken, first, then)
		}
	case first != min(p.Taken, size/2) || then != max(0, p.Taken-size/2):
		t.Errorf("%d taken: %d of the parity that comes first, %d of the other", p.Taken, first, then)
	}
}

// Who has no time left stops, and says how far it came; what makes no sense is refused.
func TestNetNSConnectCostStops(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	got, err := Run(t.Context(), program, try("connect-cost low=40000 high=40399 steps=0,50,75 for=0s"))
	if err != nil || got.Failure != "" || len(got.Parts) != 1 || len(got.Texts) != 1 {
		t.Errorf("no time at all: %+v, %v", got, err)
	}
	for _, words := range []string{"way=fast", "order=odd", "high=40000", "low=40000 high=40002", "steps=50,25", "steps=101", "steps=", "for=soon"} {
		if got, err := Run(t.Context(), program, try("connect-cost "+words)); err != nil || got.Failure == "" {
			t.Errorf("%s: %+v, %v", words, got, err)
		}
	}
}

// A port is taken by a connection of the kind that is measured: what bind() leaves in TIME_WAIT is another thing to connect().
func TestFillingTakesItsOwnKind(t *testing.T) {
	for _, c := range []struct {
		fills, order string
		count        int
		named        bool
		want         string
		port         bool
	}{
		{"plain", "kernel", 1, true, "plain", false},
		{"plain", "kernel", 2, true, "own-range", false},
		{"plain", "kernel", 2, false, "plain", false},
		{"no-port", "kernel", 1, true, "no-port", false},
		{"no-port", "kernel", 3, true, "own-range", false},
		{"own-range", "kernel", 3, true, "own-range", false},
		{"bind", "kernel", 1, true, "bind", false},
		{"bind", "kernel", 2, true, "bind", true},
		{"bind", "kernel", 2, false, "bind", true},
		{"bind", "random", 0, false, "bind", true},
		{"plain", "random", 0, true, "own-range", true},
		{"no-port", "random", 3, true, "own-range", true},
	} {
		f := &filling{low: 40000, high: 40003, fills: c.fills, order: c.order, named: c.named, count: c.count, shuffled: []int{2}}
		f.taken = []bool{c.count > 0, c.count > 2, c.count > 1, false}
		way, port := f.next()
		if way != c.want || (port != 0) != c.port {
			t.Errorf("%s, %s, %d of 4 taken: %s, port %d; want %s", c.fills, c.order, c.count, way, port, c.want)
		}
		if port != 0 && (port < f.low || port > f.high || c.order == "kernel" && f.taken[port-f.low]) {
			t.Errorf("%s, %s: port %d", c.fills, c.order, port)
		}
	}
}
