package report

import (
	"regexp"
	"strings"

	"twomsl/internal/record"
)

// The names of the two sides, in the order in which screens show them.
const (
	client = "client"
	server = "server"
)

var sides = []string{client, server}

// sideOf gives a host; the relay where there is one.
func sideOf(t *record.Trial, side string) *record.Side {
	switch side {
	case client:
		return &t.Sides.Client
	case relay:
		return relaySide(t)
	}
	return &t.Sides.Server
}

func ledgerOf(t *record.Trial, side string) *record.LedgerSide {
	if side == client {
		return &t.Ledger.Client
	}
	return &t.Ledger.Server
}

// peakTimeWait is the most TIME_WAIT that a side held; nil where nothing counted them.
func peakTimeWait(s *record.Side) *int64 {
	if s.TimeWait.Peak != nil {
		return s.TimeWait.Peak
	}
	return countOf(s.States.Peak, record.TimeWait)
}

// endTimeWait is what a side held at the end; nil where nothing counted them.
func endTimeWait(s *record.Side) *int64 { return countOf(s.States.End, record.TimeWait) }

// countOf is nil for a table that was not taken, and 0 for a state that was counted and found empty.
func countOf(c record.Counts, s record.State) *int64 {
	if c == nil {
		return nil
	}
	n := c[s]
	return &n
}

// holder is the side that held the most TIME_WAIT; where both held as many, the one that closes first.
func holder(t *record.Trial) string {
	c, s := valueOr(peakTimeWait(&t.Sides.Client), -1), valueOr(peakTimeWait(&t.Sides.Server), -1)
	if c > s || c == s && t.Scenario.CloseSide == client {
		return client
	}
	return server
}

func valueOr[T any](p *T, other T) T {
	if p == nil {
		return other
	}
	return *p
}

var index = regexp.MustCompile(`\[\d*\]`)

// missing is what stands in the place of a figure that is null, with the reason where the record knows it.
func (w *wording) missing(t *record.Trial, path, metric string) string {
	if key := unmeasuredKey(t, path); key != "" {
		w.told[key] = true
	}
	return notMeasured(t, path, metric)
}

// unmeasuredKey finds the entry of Environment.Unmeasured that speaks of the field at path: under the path itself, with
// * for the side, without indexes, under any parent or the bare name; "" where there is none.
func unmeasuredKey(t *record.Trial, path string) string {
	why := t.Environment.Unmeasured
	for p := path; p != ""; p = parent(p) {
		star := strings.NewReplacer("."+client+".", ".*.", "."+server+".", ".*.").Replace(p + ".")
		for _, key := range []string{p, index.ReplaceAllString(p, "[]"), index.ReplaceAllString(p, ""), star[:len(star)-1]} {
			if why[key] != "" {
				return key
			}
		}
	}
	if name := path[strings.LastIndexByte(path, '.')+1:]; why[name] != "" {
		return name
	}
	return ""
}

// reason tells why the field at path is null: from the environment's list of what was not measured, else from a warning
// that spoils metric. It is "" where the record does not say.
func reason(t *record.Trial, path, metric string) string {
	if key := unmeasuredKey(t, path); key != "" {
		return clean(t.Environment.Unmeasured[key])
	}
	for i := range t.Warnings {
		for _, spoiled := range t.Warnings[i].Spoils {
			if metric != "" && spoiled == metric {
				return clean(t.Warnings[i].Text)
			}
		}
	}
	return ""
}

func parent(path string) string { return path[:max(0, strings.LastIndexByte(path, '.'))] }

// notMeasured says so of a figure that is null, with the reason where the record knows it.
func notMeasured(t *record.Trial, path, metric string) string {
	if why := reason(t, path, metric); why != "" {
		return "not measured: " + why
	}
	return "not measured"
}
