//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"twomsl/internal/lab"
	"twomsl/internal/peer"
	"twomsl/internal/record"
)

// benched runs rows of a frame that keeps its records in a directory of the test.
func benched(t *testing.T, soft context.Context, rounds int, rows ...benchRow) (*record.Bench, *benchFrame) {
	t.Helper()
	f := newBenchFrame(rounds)
	f.live, f.records, f.seed = &live{}, t.TempDir(), 1
	b := f.measure(soft, context.Background(), &benchPlan{kind: "churn", title: "a test", rows: rows})
	if err := b.Check(); err != nil {
		t.Error(err)
	}
	return b, &f
}

// turned is a row that gives what turn gives.
func turned(name string, turn func(round int) benchTurn) benchRow {
	return benchRow{record.BenchRow{Name: name}, func(_, _ context.Context, round int) benchTurn { return turn(round) }}
}

func one(v float64) benchTurn {
	return benchTurn{metrics: []record.BenchMetric{benchFigure("speed", "conns/s", "higher", v)}}
}

func valuesOf(r record.BenchRow) (out []float64) {
	for _, m := range r.Metrics {
		out = append(out, m.Values...)
	}
	return out
}

// Every row has one turn in each round, and the rounds have orders of their own; the values are those of the rounds.
func TestBenchRowsTakeTurns(t *testing.T) {
	var order [][]string
	row := func(name string) benchRow {
		return turned(name, func(round int) benchTurn {
			if round == len(order) {
				order = append(order, nil)
			}
			order[round] = append(order[round], name)
			return one(float64(round))
		})
	}
	b, _ := benched(t, context.Background(), 8, row("a"), row("b"), row("c"))
	for i := range b.Rows {
		if got := valuesOf(b.Rows[i]); !slices.Equal(got, []float64{0, 1, 2, 3, 4, 5, 6, 7}) {
			t.Errorf("row %d has %v", i, got)
		}
	}
	orders := map[string]bool{}
	for _, round := range order {
		orders[strings.Join(round, "")] = true
		if slices.Sort(round); !slices.Equal(round, []string{"a", "b", "c"}) {
			t.Errorf("a round had %v", round)
		}
	}
	if len(order) != 8 || len(orders) < 2 || b.Status != record.Complete {
		t.Errorf("%d rounds in %d orders, %s", len(order), len(orders), b.Status)
	}
}

// A row that fails or that the machine cannot do is not run again; the others go on, and what was measured stays.
func TestBenchRowsThatEnd(t *testing.T) {
	turns := map[string]int{}
	row := func(name string, at int, err error) benchRow {
		return turned(name, func(round int) benchTurn {
			if turns[name]++; round == at {
				return benchTurn{err: err}
			}
			return one(1)
		})
	}
	b, f := benched(
		t, context.Background(), 3, row("fails", 1, errors.New("no peer")), row("cannot", 0, fmt.Errorf("x: %w", &peer.CannotError{Text: "no such option"})),
		row("nolab", 0, &lab.UnavailableError{What: "a lab", Remedy: "be root", Err: errors.New("EPERM")}), row("runs", 9, nil),
	)
	if turns["fails"] != 2 || turns["cannot"] != 1 || turns["nolab"] != 1 || turns["runs"] != 3 {
		t.Errorf("the turns were %v", turns)
	}
	r := b.Rows
	if r[0].Failure != "round 2: no peer" || len(valuesOf(r[0])) != 1 || r[1].Unsupported != "no such option" || r[2].Unsupported == "" || r[3].Failure != "" {
		t.Errorf("%+v", r)
	}
	if b.Status != record.Failed || f.first == nil {
		t.Errorf("status %s, %v", b.Status, f.first)
	}
}

// Ctrl-C leaves the rounds that are over, and nothing of the turn that it met; after the last turn it interrupts nothing.
func TestBenchInterrupted(t *testing.T) {
	for at, want := range map[int]record.Status{1: record.Interrupted, 2: record.Complete} {
		soft, stop := context.WithCancel(context.Background())
		b, _ := benched(t, soft, 3, turned("a", func(round int) benchTurn {
			if round == at {
				if stop(); at == 1 {
					return benchTurn{trial: &record.Trial{Status: record.Interrupted}, metrics: one(9).metrics}
				}
			}
			return one(7)
		}))
		if b.Status != want || len(valuesOf(b.Rows[0])) != map[int]int{1: 1, 2: 3}[at] || len(b.Rows[0].Trials) > 0 || b.Rows[0].Failure != "" {
			t.Errorf("stopped in round %d: %s, %+v", at, b.Status, b.Rows)
		}
	}
}

// Warnings of trials travel, each once, with how often and where it was said first.
func TestBenchWarnings(t *testing.T) {
	warn := func(code string) benchTurn {
		turn := one(1)
		turn.warnings = []record.Warning{{Code: code, Text: "Something is odd.", Spoils: []string{"rate"}}}
		return turn
	}
	b, _ := benched(t, context.Background(), 2, turned("a", func(int) benchTurn { return warn("odd") }),
		turned("b", func(round int) benchTurn { return warn([]string{"odd", "rare"}[round]) }))
	if len(b.Warnings) != 2 || b.Warnings[0].Code != "odd" || !strings.Contains(b.Warnings[0].Text, "Something is odd (said 3 times; first of ") ||
		b.Warnings[1].Text != "Something is odd (b)" || len(b.Warnings[1].Spoils) != 1 {
		t.Errorf("%+v", b.Warnings)
	}
}

func TestBenchName(t *testing.T) {
	got := benchName("Churn", []record.BenchKey{{Key: "engine", Value: "split/uring"}, {Key: "how", Value: "linger=0"}, {Key: "server", Value: "nginx -c x"}})
	if got != "Churn/engine=split:uring/how=linger=0/server=nginx_-c_x" {
		t.Error(got)
	}
}

// The side that keeps the TIME_WAIT is given what it takes to go on, and only that side.
func TestChurnSettles(t *testing.T) {
	for _, c := range []struct {
		side, how      string
		reuse, buckets bool
		addresses      int
	}{
		{"client", "fin", true, false, 1},
		{"server", "fin", false, true, 4},
		{"both", "simultaneous", true, true, 4},
		{"client", "linger=0", false, false, 1},
		{"server", "linger=0", false, false, 1},
	} {
		f := churnFlags{duration: "3s"}
		row, err := f.row(engineIO{"split", "epoll"}, c.side, c.how, "1B", churnVariant{})
		if err != nil {
			t.Fatal(err)
		}
		s := row.scenario
		reuse := s.Sysctl.Client["net.ipv4.tcp_tw_reuse"] == "1"
		_, buckets := s.Sysctl.Server["net.ipv4.tcp_max_tw_buckets"]
		if reuse != c.reuse || buckets != c.buckets || s.Client.Addresses != c.addresses || s.Payload.Request != 1 || (len(row.notes) > 0) != (reuse || buckets) {
			t.Errorf("%s %s: %+v, %d addresses, notes %q", c.side, c.how, s.Sysctl, s.Client.Addresses, row.notes)
		}
	}
}

func FuzzChurnFlags(f *testing.F) {
	f.Add("nodelay=client.no_delay=on,x=y", "1B:64KiB", "3s", "fin")
	f.Add("=", ":", "-1s", "linger=0")
	f.Fuzz(func(t *testing.T, variant, payload, duration, how string) {
		flags := churnFlags{
			engines: []string{"split"}, sides: []string{"client"}, hows: []string{how}, payloads: []string{payload}, variants: []string{variant}, duration: duration,
		}
		rows, err := flags.rows()
		if err != nil {
			return
		}
		for _, r := range rows {
			if r.Name == "" || strings.ContainsAny(r.Name, " \n\t") || r.scenario.Load.Stop.After <= 0 {
				t.Errorf("%q", r.Name)
			}
		}
	})
}
