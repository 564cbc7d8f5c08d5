// Package merge puts the records of a run's shards together into the record of the whole run: counts are added, histograms
// merged, samples aligned by the time since the loads began. It is pure, and the order of its input changes nothing.
package merge

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// Input is one record, and what errors call it.
type Input struct {
	Name  string
	Trial *record.Trial
}

// part is a record that is in the sums.
type part struct {
	Input
	*record.Shard
	t *record.Trial
	// offsetMS is what its times are behind the start of the whole run.
	offsetMS float64
}

// cut tells that its trial did not come to its end: what it lacks is told, and what it has is in the sums.
func (p *part) cut() bool { return p.t.Status != record.Complete }

// merging is the work on one run.
type merging struct {
	parts    []part // by number
	leftOut  []record.LeftOut
	doubled  []part // those that leftOut is about
	out      *record.Trial
	shared   record.SidePair[bool] // several shards' sides are one host
	warnings []record.Warning
}

// Merge gives the record of the run that the shards' records are of. Shards that are missing, were cut short or ran twice are
// told in it; records that are not of one run are an error, which names two of them and what differs.
func Merge(in []Input) (*record.Trial, error) {
	if len(in) == 0 {
		return nil, errors.New("there is no record of a shard to merge")
	}
	in = slices.Clone(in)
	slices.SortFunc(in, func(a, b Input) int { return strings.Compare(a.Name, b.Name) })
	if err := kin(in); err != nil {
		return nil, err
	}
	m := &merging{out: &record.Trial{}}
	m.choose(in)
	m.align()
	if err := m.build(); err != nil {
		return nil, err
	}
	if err := m.out.Check(); err != nil {
		return nil, fmt.Errorf("what the records come to contradicts itself, so one of them must be wrong: %w", err)
	}
	return m.out, nil
}

// build fills in the record, part by part.
func (m *merging) build() error {
	first := m.parts[0].t
	t := m.out
	*t = record.Trial{
		Schema: record.Schema, ID: m.id(), Tool: m.same(func(t *record.Trial) string { return t.Tool }),
		StartedAt: first.StartedAt, Command: first.Shard.Whole.Command, Scenario: first.Shard.Whole.Scenario,
		Engine:    m.same(func(t *record.Trial) string { return t.Engine }),
		EngineWhy: m.same(func(t *record.Trial) string { return t.EngineWhy }),
		Outcomes:  []record.Outcome{}, Ports: []record.Tuple{}, Warnings: []record.Warning{},
	}
	for _, p := range m.parts {
		if p.t.StartedAt.Before(t.StartedAt) {
			t.StartedAt = p.t.StartedAt
		}
		t.Workers.Client, t.Workers.Server = t.Workers.Client+p.t.Workers.Client, t.Workers.Server+p.t.Workers.Server
	}
	m.status()
	m.connections()
	m.phases()
	m.ports()
	if err := m.latency(); err != nil {
		return err
	}
	m.sides()
	m.twoHosts()
	m.bytes()
	m.ledgers()
	m.close()
	m.kept()
	m.restart()
	m.environment()
	m.merged()
	m.warn()
	return nil
}

// id names the record by what it is made of: the same shards give the same name.
func (m *merging) id() string {
	h := sha256.New()
	for _, p := range m.parts {
		fmt.Fprintln(h, p.t.ID)
	}
	for _, l := range m.leftOut {
		fmt.Fprintln(h, "without", l.ID)
	}
	run := m.parts[0].RunID
	if len(run) > 150 { // a file name is bounded
		run = run[:150]
	}
	return run + "-merged-" + hex.EncodeToString(h.Sum(nil)[:4])
}

// same joins what the shards say that is meant to be one word for all.
func (m *merging) same(get func(*record.Trial) string) string {
	var seen []string
	for _, p := range m.parts {
		if s := get(p.t); !slices.Contains(seen, s) {
			seen = append(seen, s)
		}
	}
	return strings.Join(seen, ", ")
}

// status is the worst of all: a whole run whose part was cut short was cut short.
func (m *merging) status() {
	m.out.Status = record.Complete
	for _, p := range m.parts {
		switch {
		case p.t.Status == record.Failed && m.out.Failure == nil:
			m.out.Status = record.Failed
			f := record.Failure{Side: "conductor"}
			if p.t.Failure != nil {
				f = *p.t.Failure
			}
			f.Text = fmt.Sprintf("shard %d: %s", p.Number, f.Text)
			m.out.Failure = &f
		case p.t.Status == record.Interrupted && m.out.Status == record.Complete:
			m.out.Status = record.Interrupted
		}
	}
}

// merged tells what the record is made of.
func (m *merging) merged() {
	out := &record.Merged{
		RunID: m.parts[0].RunID, Of: m.parts[0].Of, Shards: []record.MergedShard{}, Missing: []int{},
		LeftOut: m.leftOut, Hosts: m.hosts(),
	}
	there := map[int]bool{}
	for _, p := range m.parts {
		there[p.Number] = true
		out.Shards = append(out.Shards, record.MergedShard{
			Number: p.Number, ID: p.t.ID, Host: p.Host, Status: p.t.Status, StartAt: p.StartAt, LoadBegan: p.LoadBegan,
			OffsetMS: p.offsetMS, Connections: p.t.Connections,
		})
	}
	for n := 1; n <= out.Of; n++ {
		if !there[n] {
			out.Missing = append(out.Missing, n)
		}
	}
	m.out.Merged = out
}

// sum adds up a count. A shard that was cut short may lack it; where another one does, there is no sum.
func (m *merging) sum(get func(*record.Trial) *int64) *int64 {
	var total *int64
	for i := range m.parts {
		switch v := get(m.parts[i].t); {
		case v != nil && total == nil:
			total = new(*v)
		case v != nil:
			*total = plus(*total, *v)
		case !m.parts[i].cut():
			return nil
		}
	}
	return total
}

// most is the same for what is no sum.
func most[T cmp.Ordered](m *merging, get func(*record.Trial) *T) *T {
	var out *T
	for i := range m.parts {
		if v := get(m.parts[i].t); v != nil && (out == nil || *v > *out) {
			out = new(*v)
		}
	}
	return out
}

// plus adds two counts, and stops at what a count can hold.
func plus(a, b int64) int64 {
	if a > 0 && b > math.MaxInt64-a {
		return math.MaxInt64
	}
	if a < 0 && b < math.MinInt64-a {
		return math.MinInt64
	}
	return a + b
}
