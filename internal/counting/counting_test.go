//go:build linux

package counting

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// Every way has counted the same table alike, and what it knows of is what was made.
func TestNetNSAllWaysAgree(t *testing.T) {
	nstest.Require(t)
	const tw = 500
	nstest.FillTimeWait(t, tw, 20_000)
	c, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // the test's end
	company, err := Join()
	if err != nil {
		t.Fatal(err)
	}
	defer company.Leave()
	if err := c.Settle(); err != nil {
		t.Fatal(err)
	}
	first, err := c.Do(Ways()[0])
	if err != nil {
		t.Fatal(err)
	}
	want := record.Counts{ // the TIME_WAIT have a listener of their own
		record.TimeWait: tw, record.Listen: 2, record.Established: 2 * companyOf, record.CloseWait: 2 * companyOf,
		record.FinWait2: 2 * companyOf,
	}
	if diff := cmp.Diff(want, first.Seen.States); diff != "" {
		t.Errorf("made (-), the sampler (+):\n%s", diff)
	}
	if *first.Seen.TW != tw+companyOf || *first.Seen.Estab != 4*companyOf {
		t.Errorf("tw %d, established %d", *first.Seen.TW, *first.Seen.Estab)
	}
	for _, w := range Ways()[1:] {
		got, err := c.Do(w)
		var missing *MissingError
		if errors.As(err, &missing) {
			nstest.Program(t, missing.Program, missing.Package)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", w.Name, err)
			continue
		}
		if d := Differ(first.Seen, got.Seen); d != "" {
			t.Errorf("%s: %s", w.Name, d)
		}
		if got.CPU <= 0 || got.Wall <= 0 || got.Seen.States == nil && got.Seen.TW == nil {
			t.Errorf("%s: %+v", w.Name, got)
		}
	}
}

func TestDiffer(t *testing.T) {
	full := Seen{States: record.Counts{record.TimeWait: 5, record.Listen: 1}, TW: new(int64(6)), Estab: new(int64(0))}
	for name, c := range map[string]struct {
		got  Seen
		want string
	}{
		"the same":        {full, ""},
		"tells less":      {Seen{TW: new(int64(6))}, ""},
		"another tw":      {Seen{TW: new(int64(5))}, "tw 5, where the sampler counts 6"},
		"a state missing": {Seen{States: record.Counts{record.TimeWait: 5}}, "LISTEN 0, where the sampler counts 1"},
		"a state more":    {Seen{States: record.Counts{record.TimeWait: 5, record.Listen: 1, record.LastAck: 2}}, "LAST_ACK 2, where the sampler counts 0"},
		"established":     {Seen{Estab: new(int64(3))}, "established 3, where the sampler counts 0"},
	} {
		if got := Differ(full, c.got); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestReadingTools(t *testing.T) {
	got, err := stateCounts([]byte("12 TIME-WAIT\n1 LISTEN\n3 ESTAB\n"))
	want := record.Counts{record.TimeWait: 12, record.Listen: 1, record.Established: 3}
	if diff := cmp.Diff(want, got.States); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, text := range []string{"x TIME-WAIT\n", "1 NOWHERE\n", "1\n", "-1 LISTEN\n", "1 LISTEN 2\n", "\n", "1 LISTEN\n2 LISTEN\n"} {
		if _, err := stateCounts([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	const ss = "Total: 91\nTCP:   130 (estab 4, closed 120, orphaned 2, timewait 119)\n\nTransport Total     IP        IPv6\n"
	s, err := summary([]byte(ss))
	if err != nil || *s.Estab != 4 || *s.TW != 119 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, text := range []string{"", "TCP:   130 (estab 4)\n", "TCP:   130 (estab x, timewait 1)\n", "TCP: (estab 1, timewait -1)\n"} {
		if _, err := summary([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzReadingTools(f *testing.F) {
	f.Add("12 TIME-WAIT\n1 LISTEN\n")
	f.Add("TCP:   130 (estab 4, closed 120, orphaned 2, timewait 119)\n")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := stateCounts([]byte(text)); err == nil {
			for state, n := range s.States {
				if n < 0 {
					t.Errorf("%d in %s", n, state)
				}
			}
		}
		if s, err := summary([]byte(text)); err == nil && (*s.TW < 0 || *s.Estab < 0) {
			t.Errorf("%+v", s)
		}
	})
}
