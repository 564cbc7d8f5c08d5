package record

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rebuilt is a reproduction whose trial stood as seen over the hold.
func rebuilt(asked, least, most Counts) *Reproduction {
	t := &Trial{ID: "reproduce-x-1", Status: Complete, Stand: &Stand{
		Asked: asked, Standing: most, Least: least, Most: most, Looks: 5, HeldSeconds: 3,
		How: map[State]string{TimeWait: "the server closed first"},
	}}
	r := &Reproduction{
		ID: "reproduce-x-1", Scale: 1, Clients: 1, Closer: "server", Asked: asked, Source: Pasted{Name: "x", Counts: asked},
		HoldSeconds: 3,
	}
	r.Reproduced(t)
	return r
}

// Within 1 % is good from 100 sockets on; below, only to the last one.
func TestReproductionIsJudged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		asked, least, most Counts
		holds              bool
		worst              float64
		sockets            int64
	}{
		"exact":                   {Counts{TimeWait: 18_122, Closing: 1}, Counts{TimeWait: 18_122, Closing: 1}, Counts{TimeWait: 18_122, Closing: 1}, true, 0, 0},
		"one of 99 is missing":    {Counts{FinWait1: 99}, Counts{FinWait1: 98}, Counts{FinWait1: 99}, false, 1.0 / 99, 1},
		"one of 100 is missing":   {Counts{FinWait1: 100}, Counts{FinWait1: 99}, Counts{FinWait1: 100}, true, 0.01, 1},
		"two of 199":              {Counts{FinWait1: 199}, Counts{FinWait1: 197}, Counts{FinWait1: 199}, false, 2.0 / 199, 2},
		"too many":                {Counts{FinWait1: 100}, Counts{FinWait1: 100}, Counts{FinWait1: 102}, false, 0.02, 2},
		"1 % of 18,122":           {Counts{TimeWait: 18_122}, Counts{TimeWait: 17_941}, Counts{TimeWait: 18_122}, true, 181.0 / 18_122, 181},
		"one more":                {Counts{TimeWait: 18_122}, Counts{TimeWait: 17_940}, Counts{TimeWait: 18_122}, false, 182.0 / 18_122, 182},
		"what nobody asked for":   {Counts{TimeWait: 500}, Counts{TimeWait: 500}, Counts{TimeWait: 500, CloseWait: 3}, false, 3, 3},
		"a listener, not asked":   {Counts{TimeWait: 5}, Counts{TimeWait: 5, Listen: 1}, Counts{TimeWait: 5, Listen: 1}, true, 0, 0},
		"a listener is missing":   {Counts{Listen: 50}, Counts{Listen: 49}, Counts{Listen: 50}, false, 0.02, 1},
		"worst share, not number": {Counts{TimeWait: 10_000, Closing: 4}, Counts{TimeWait: 9_990, Closing: 3}, Counts{TimeWait: 10_000, Closing: 4}, false, 0.25, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rebuilt(c.asked, c.least, c.most)
			if r.Holds == nil || *r.Holds != c.holds || *r.WorstDeviation != c.worst || *r.WorstSockets != c.sockets {
				t.Errorf("holds %v, worst %v, %v sockets", *r.Holds, *r.WorstDeviation, *r.WorstSockets)
			}
			if err := r.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What was not seen is not judged: nothing counted, or a hold that broke off while all was well.
func TestReproductionThatWasNotSeen(t *testing.T) {
	t.Parallel()
	asked := Counts{TimeWait: 5}
	r := rebuilt(asked, asked, asked)
	for name, c := range map[string]struct {
		change func(*Trial)
		holds  bool // else nil
	}{
		"interrupted":      {func(t *Trial) { t.Status = Interrupted }, false},
		"nothing counted":  {func(t *Trial) { t.Stand = &Stand{Asked: asked} }, false},
		"off, interrupted": {func(t *Trial) { t.Status, t.Stand.Least = Interrupted, Counts{TimeWait: 4} }, true},
	} {
		tr, stand := *r.Trial, *r.Trial.Stand
		tr.Stand = &stand
		c.change(&tr)
		again := &Reproduction{ID: r.ID, Asked: asked, Closer: "server", Source: r.Source}
		again.Reproduced(&tr)
		if c.holds != (again.Holds != nil) || c.holds && *again.Holds {
			t.Errorf("%s: holds %v", name, again.Holds)
		}
		if err := again.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReproductionRoundTrip(t *testing.T) {
	t.Parallel()
	r := rebuilt(Counts{TimeWait: 5}, Counts{TimeWait: 5}, Counts{TimeWait: 5})
	dir := t.TempDir()
	path, err := WriteReproduction(dir, r)
	if err != nil || path != filepath.Join(dir, "reproduce-x-1.json") {
		t.Fatalf("%s, %v", path, err)
	}
	got, err := ReadReproduction(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := EncodeReproduction(got)
	if err != nil || string(again) != string(data) {
		t.Errorf("read and written again it is another: %v\n%s", err, cmp.Diff(string(data), string(again)))
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "holds a reproduction (twomsl/reproduction/v1)") {
		t.Errorf("read as a trial: %v", err)
	}
	if schema, err := SchemaOf(path, data); err != nil || schema != ReproductionSchema {
		t.Errorf("schema %q, %v", schema, err)
	}
}

func TestReproductionCheck(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Reproduction){
		"schema is":                    func(r *Reproduction) { r.Schema = Schema },
		"id ":                          func(r *Reproduction) { r.ID = "../x" },
		"trial is missing":             func(r *Reproduction) { r.Trial = nil },
		"trial contradicts itself":     func(r *Reproduction) { r.Trial.Stand.Looks = -1 },
		"asked.TIME_WAIT":              func(r *Reproduction) { r.Asked = Counts{TimeWait: -1} },
		"asked has \"FOO\"":            func(r *Reproduction) { r.Asked = Counts{"FOO": 1} },
		"closer is":                    func(r *Reproduction) { r.Closer = "both" },
		"scale cannot be -1":           func(r *Reproduction) { r.Scale = -1 },
		"states[0].state":              func(r *Reproduction) { r.States[0].State = "FOO" },
		"states[0].least is 9, more":   func(r *Reproduction) { *r.States[0].Least = 9 },
		"worst_deviation cannot be -1": func(r *Reproduction) { *r.WorstDeviation = -1 },
		"source.closed":                func(r *Reproduction) { r.Source.Closed = -1 },
	} {
		r := rebuilt(Counts{TimeWait: 5}, Counts{TimeWait: 5}, Counts{TimeWait: 5})
		change(r)
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; expected %q", err, want)
		}
	}
}

func TestScaledCounts(t *testing.T) {
	t.Parallel()
	got := ScaledCounts(Counts{TimeWait: 18_122, Closing: 33, LastAck: 1, Listen: 0}, 0.01)
	if want := (Counts{TimeWait: 181, Closing: 1, LastAck: 1}); !cmp.Equal(got, want) {
		t.Error(got)
	}
	if got := ScaledCounts(Counts{Closing: 33}, 1.5); got[Closing] != 50 {
		t.Error(got)
	}
}

func FuzzDecodeReproduction(f *testing.F) {
	asked := Counts{TimeWait: 5}
	whole, err := EncodeReproduction(rebuilt(asked, asked, asked))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/3])
	f.Add([]byte(`{"schema":"twomsl/reproduction/v1","id":"a","status":"complete","closer":"client","trial":{"id":"b","status":"complete"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := DecodeReproduction("FILE", data)
		if err != nil {
			if got != nil || err.Error() == "" {
				t.Fatalf("a reproduction or nothing to read comes with the error %q", err)
			}
			return
		}
		again, err := EncodeReproduction(got)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		twice, err := DecodeReproduction("FILE", again)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		got.Trial.Scenario.Spec, twice.Trial.Scenario.Spec = squashed(got.Trial.Scenario.Spec), squashed(twice.Trial.Scenario.Spec)
		if diff := cmp.Diff(got, twice); diff != "" {
			t.Fatalf("written and read again differs:\n%s", diff)
		}
	})
}
