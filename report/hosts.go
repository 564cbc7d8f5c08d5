package report

import (
	"fmt"
	"math"
	"strings"

	"twomsl/internal/record"
)

// hostsRow says of two hosts where the server was, and how well the times of the two fit.
func hostsRow(w *wording, t *record.Trial) {
	h := t.Hosts
	if h == nil {
		return
	}
	parts := []string{"server " + clean(h.Server), "by " + clean(h.Control)}
	if h.Clock.UncertaintyUS > 0 {
		parts = append(parts, "clocks within "+micros(h.Clock.UncertaintyUS))
	}
	if d := h.Clock.DriftUS; d != nil {
		parts = append(parts, micros(math.Abs(*d))+" drift")
	}
	w.row("hosts", append(dotted(parts), othersWords(h.Others)...)...)
	if there := dotted(machineParts(&h.Environment)); len(there) > 0 {
		w.row("its machine", there...)
	}
}

// othersWords tell of connections that were not the run's.
func othersWords(n record.SidePair[*int64]) []string {
	var busy []string
	for _, s := range []struct {
		name string
		n    *int64
	}{{client, n.Client}, {server, n.Server}} {
		if s.n != nil && *s.n > 0 {
			busy = append(busy, fmt.Sprintf("%d on the %s's", *s.n, s.name))
		}
	}
	if len(busy) == 0 {
		return nil
	}
	return []string{"· connections of others: " + strings.Join(busy, ", ")}
}
