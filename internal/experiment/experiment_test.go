//go:build linux

package experiment

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/labtest"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m, os.Args)) }

// carryOut runs the scenarios as one batch.
func carryOut(soft, hard context.Context, all []scenario.Scenario, jobs int, done func(i int, t *record.Trial, err error)) {
	var trials []Trial
	for i, s := range all {
		trials = append(trials, Trial{
			Scenario: s, Options: trial.Options{Program: labtest.Program},
			Done: func(t *record.Trial, err error) { done(i, t, err) },
		})
	}
	Run(soft, hard, jobs, Once(trials))
}

func scenarios(t *testing.T, n int, set ...string) (out []scenario.Scenario) {
	t.Helper()
	base, err := scenario.Find(MatrixBase)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		s, err := base.With(append([]string{fmt.Sprintf("load.stop.connections=%d", 10+i)}, set...))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s.Resolve())
	}
	return out
}

// Each scenario is run once, whichever ends first, and told of under its own number.
func TestNetNSRunTellsOfEachOnce(t *testing.T) {
	nstest.Require(t)
	told := map[int]int64{}
	carryOut(t.Context(), t.Context(), scenarios(t, 5), 3, func(i int, r *record.Trial, err error) {
		if err != nil {
			t.Error(err)
			return
		}
		if _, again := told[i]; again {
			t.Errorf("%d was told of twice", i)
		}
		told[i] = r.Connections.OK
	})
	for i := range 5 {
		if told[i] != int64(10+i) {
			t.Errorf("trial %d opened %d connections", i, told[i])
		}
	}
}

// An interrupt lets what is under way end as interrupted, and starts nothing more.
func TestNetNSRunIsInterrupted(t *testing.T) {
	nstest.Require(t)
	soft, stop := context.WithCancel(t.Context())
	defer stop()
	var ended []record.Status
	slow := scenarios(t, 6, "load.hold=30s")
	begun := time.Now()
	time.AfterFunc(500*time.Millisecond, stop)
	carryOut(soft, t.Context(), slow, 2, func(_ int, r *record.Trial, err error) {
		if err == nil {
			ended = append(ended, r.Status)
		}
	})
	if len(ended) > 2 || time.Since(begun) > 25*time.Second {
		t.Errorf("%v after %v", ended, time.Since(begun))
	}
	for _, s := range ended {
		if s != record.Interrupted {
			t.Errorf("ended as %s", s)
		}
	}
}

// What comes next is asked for with everything told that has ended, until there is nothing.
func TestNetNSRunAsksForMore(t *testing.T) {
	nstest.Require(t)
	all := scenarios(t, 3)
	var opened, asked []int64
	Run(t.Context(), t.Context(), 2, func() (next []Trial) {
		asked = append(asked, int64(len(opened)))
		if len(asked) > 3 {
			return nil
		}
		for range len(asked) { // one, two, three
			next = append(next, Trial{
				Scenario: all[len(asked)-1], Options: trial.Options{Program: labtest.Program},
				Done: func(r *record.Trial, err error) {
					if err != nil {
						t.Error(err)
						return
					}
					opened = append(opened, r.Connections.OK)
				},
			})
		}
		return next
	})
	if diff := cmp.Diff([]int64{0, 1, 3, 6}, asked); diff != "" {
		t.Errorf("told before it asked again: %s", diff)
	}
	if diff := cmp.Diff([]int64{10, 11, 11, 12, 12, 12}, opened); diff != "" {
		t.Error(diff)
	}
}
