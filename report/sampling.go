package report

import (
	"slices"
	"strings"

	"twomsl/internal/record"
)

// samplings are those of a host that were noted: a relay has one for each of its faces.
func samplings(t *record.Trial, host string) []*record.Sampling {
	all := []*record.Sampling{sideOf(t, host).Sampling}
	if host == relay && t.Relay != nil {
		all = []*record.Sampling{t.Relay.Client.Sampling, t.Relay.Server.Sampling}
	}
	return slices.DeleteFunc(all, func(s *record.Sampling) bool { return s == nil })
}

// samplingWords tell what counting the sockets of a side took, as chunks: "sampling 0.4 % of one processor (budget 1 %):
// 97 looks at totals, 10 us each; ...".
func samplingWords(s *record.Sampling) []string {
	head := "sampling " + share(s.SharePercent, 100) + " of one processor (budget" + nbsp + share(s.BudgetPercent, 100) + ")"
	if s.BudgetPercent == 0 {
		head = "sampling off, but for what the run itself needs to know"
	}
	var looks []string
	for _, l := range []struct {
		cost      *record.LookCost
		one, many string
	}{
		{&s.Totals, "look at totals", "looks at totals"},
		{&s.Splits, "split without TIME_WAIT", "splits without TIME_WAIT"},
		{&s.Full, "full count", "full counts"},
	} {
		if l.cost.Looks > 0 {
			looks = append(looks, counted(l.cost.Looks, l.one, l.many)+", "+micros(l.cost.MeanUS)+" each")
		}
	}
	if len(looks) == 0 {
		return words(head)
	}
	return words(head + ": " + strings.Join(looks, "; "))
}

// overBudget says where counting took more than it was allowed, and on what. Sockets that stand have no load beside them
// that it could disturb, and to count them is what such a run is for.
func overBudget(w *wording, t *record.Trial) {
	if t.Stand != nil {
		return
	}
	for _, host := range hosts(t) {
		for _, s := range samplings(t, host) {
			if s.BudgetPercent == 0 || s.SharePercent <= s.BudgetPercent {
				continue
			}
			text := "Sampling took " + share(s.SharePercent, 100) + " of one processor on the " + host + ", over its budget of " +
				share(s.BudgetPercent, 100) + ": what the run itself must know is counted whatever it costs"
			if s.Full.Looks > 0 {
				text += ", and a full count took up to " + micros(s.Full.MostUS)
			}
			w.note(noted{text: text + "."})
		}
	}
}
