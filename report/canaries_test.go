package report

import (
	"strings"
	"testing"

	"twomsl/internal/record"
)

// What canaries mean is said in a sentence for each case.
func TestCanaryMeaning(t *testing.T) {
	good := "SSH and names work, from outside and on the client itself."
	for name, c := range map[string]struct {
		change func([]record.Canary) []record.Canary
		want   []string
		mood   style
	}{
		"all answered": {func(c []record.Canary) []record.Canary { return c }, []string{good}, green},
		"no ports": {func(c []record.Canary) []record.Canary {
			failing(&c[5], 2, 1, "connect", "EADDRNOTAVAIL")
			return c
		}, []string{
			good, "A new connection to 10.99.0.254:8080 fails: connect() EADDRNOTAVAIL 4 times, first at 1.0 s.",
			"Another port of the same host is reached all the same.",
		}, yellow},
		"a wrong answer": {func(c []record.Canary) []record.Canary {
			failing(&c[2], 2, -0.25, "answer", "")
			return c
		}, []string{"Names fail from outside: 9 of 10 calls, wrong answer, first before the load.", "SSH works, from outside and on the client itself."}, yellow},
		"a second destination": {func(c []record.Canary) []record.Canary {
			failing(&c[4], 2, 1.75, "connect", "ETIMEDOUT")
			return c
		}, []string{good, "A connection to another port of the same host fails: connect() ETIMEDOUT 1 time, first at 1.8 s."}, yellow},
		"ssh on the host": {func(c []record.Canary) []record.Canary {
			failing(&c[1], 2, 1.75, "socket", "EMFILE")
			return c[:4]
		}, []string{"SSH fails on the client itself: 1 of 10 calls, socket() EMFILE, first at 1.8 s.", "Names work, from outside and on the client itself."}, yellow},
		"none": {func([]record.Canary) []record.Canary { return nil }, nil, plain},
	} {
		tr := exhaustionSmall()
		tr.Scenario.Struck = client
		tr.Canaries = c.change(all6(2))
		said := newWording().words(tr, canaryMeaning)
		if len(c.want) == 0 {
			if len(said) != 0 {
				t.Errorf("%s: %+v", name, said)
			}
			continue
		}
		if len(said) != 1 {
			t.Errorf("%s: %+v", name, said)
			continue
		}
		if got := strings.ReplaceAll(strings.Join(said[0].chunks, " "), nbsp, " "); got != strings.Join(c.want, " ") || said[0].mood != c.mood {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// The charts show every call: a line is broken where none was answered, and those stand along the top.
func TestCanaryCharts(t *testing.T) {
	tr := canariesSmall()
	figures := drawCanaries(tr)
	if len(figures) != 2 || figures[0].name != "canaries" || figures[1].name != "canaries-tuple" {
		t.Fatalf("%+v", figures)
	}
	tuple := figures[1].chart.Panels[0]
	if len(tuple.Lines) != 2 || len(tuple.Moments) != 1 || tuple.Moments[0].At != 5.25 || tuple.X.Least != -0.5 {
		t.Fatalf("%+v", tuple)
	}
	answered, lost := 0, 0
	for i, p := range tuple.Lines[0].Points {
		q := tuple.Lines[1].Points[i]
		switch {
		case p.Y == p.Y && q.Y != q.Y: //nolint:gocritic // NaN differs from itself
			answered++
		case p.Y != p.Y && q.Y == tuple.Y.Most: //nolint:gocritic // the same
			lost++
		default:
			t.Errorf("point %d is %v and %v", i, p, q)
		}
	}
	if c := tr.Canaries[5]; int64(answered) != c.Answered || int64(lost) != c.Calls-c.Answered {
		t.Errorf("%d answered and %d lost of %+v", answered, lost, c.Calls)
	}
	if tr.Canaries = nil; drawCanaries(tr) != nil {
		t.Error("a chart of no canaries")
	}
	one := record.Canary{Name: "ssh", Calls: 1, Failures: []record.CanaryFailure{{Phase: "connect", Errno: "ETIMEDOUT", Count: 1}}}
	one.Points = []record.CanaryPoint{{AtMS: 5, Phase: "connect", Errno: "ETIMEDOUT"}}
	if tr.Canaries = []record.Canary{one}; len(drawCanaries(tr)) != 1 {
		t.Error("no chart of a canary that was never answered")
	}
}
