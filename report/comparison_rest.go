package report

import (
	"slices"
	"strings"

	"twomsl/internal/record"
)

// division is a variant's metrics by what a screen does with them.
type division struct {
	shown, same, alike, aside, open, described, unmeasured []*record.Metric
}

// divide sorts out what moved, what decides and what has a price; the rest is summed up.
func divide(list []*record.Metric) division {
	var d division
	for _, m := range list {
		switch {
		case !measured(m):
			d.unmeasured = append(d.unmeasured, m)
		case saidBy(m, list):
		case m.Better == record.Neither && tellValue(m, true) == tellValue(m, false):
			d.same = append(d.same, m)
		case m.Better == record.Neither:
			d.aside = append(d.aside, m)
		case m.Primary, m.Verdict == record.Better, m.Verdict == record.Worse, clean(m.Price) != "":
			d.shown = append(d.shown, m)
		case m.Verdict == record.Inconclusive && !m.Exact:
			d.described = append(d.described, m)
		case m.Verdict == record.Inconclusive:
			d.open = append(d.open, m)
		case (m.Exact || bounded(m)) && tellValue(m, true) == tellValue(m, false):
			d.same = append(d.same, m)
		default:
			d.alike = append(d.alike, m)
		}
	}
	return d
}

// bounded tells a metric of which both values were cut off.
func bounded(m *record.Metric) bool {
	return m.Details.Before.Bound != "" && m.Details.After.Bound != ""
}

// saidBy tells a metric that would only say again what another row says: the one cause of all failures, and a plateau
// that is the peak.
func saidBy(m *record.Metric, list []*record.Metric) bool {
	other := ""
	if side, ok := strings.CutSuffix(m.Name, ".plateau"); ok {
		other = side + ".peak"
	} else if strings.HasPrefix(m.Name, "failed.") {
		other = "failed"
	}
	at := slices.IndexFunc(list, func(o *record.Metric) bool { return o.Name == other })
	return !m.Primary && at >= 0 && measured(list[at]) && m.Verdict == list[at].Verdict &&
		sameValue(list[at].Before, m.Before) && sameValue(list[at].After, m.After)
}

func sameValue(a, b *float64) bool {
	return a != nil && b != nil && *a == *b
}

// labelledRow is a row under the tables.
type labelledRow struct {
	label, text string
}

// restWords sums up what the table leaves out.
func (d *division) restWords() []labelledRow {
	var out []labelledRow
	add := func(label string, said []string) {
		if len(said) > 0 {
			out = append(out, labelledRow{label, strings.Join(said, "; ")})
		}
	}
	var none, same, alike []string
	for _, m := range d.same {
		if text := tellValue(m, true); text == "0" || text == tellNumber(m.Unit, 0) {
			none = append(none, inText(m.Name))
		} else {
			same = append(same, inText(m.Name)+" "+text)
		}
	}
	if len(none) > 0 {
		same = append(same, "none in both: "+enumerate(none))
	}
	for _, m := range d.alike {
		text := inText(m.Name) + " " + tellMoved(m)
		if wouldHaveSeen(m) != "" {
			text += " (" + wouldHaveSeen(m) + ")"
		}
		alike = append(alike, text)
	}
	add("the same", same)
	if len(alike) > 0 {
		alike[0] = "no difference shown: " + alike[0]
	}
	add("the rest", alike)
	var aside []string
	for _, m := range d.aside {
		aside = append(aside, movedWords(m))
	}
	add("besides", aside)
	add("inconclusive", reasoned(d.open, movedWords, whyWords))
	add("not judged", reasoned(d.described, movedWords, whyWords))
	add("not measured", reasoned(d.unmeasured, func(m *record.Metric) string { return inText(m.Name) }, unmeasuredWhy))
	return out
}

// movedWords is a metric with both values, or with one where they look alike.
func movedWords(m *record.Metric) string {
	if b := tellValue(m, true); b == tellValue(m, false) {
		return inText(m.Name) + " " + b
	}
	return inText(m.Name) + " " + tellMoved(m)
}

// whyWords is why there is no verdict. That a metric is only described is the same reason for each, whatever its name.
func whyWords(m *record.Metric) string {
	return strings.ReplaceAll(spoken(m.Why), "--primary "+clean(m.Name), "--primary NAME")
}

// unmeasuredWhy says why a metric has no value, and where one side of the arrow has, which.
func unmeasuredWhy(m *record.Metric) string {
	b, a := clean(m.Details.Before.Unmeasured), clean(m.Details.After.Unmeasured)
	switch {
	case b == a, a == "" && tellValue(m, false) == gap, b == "" && tellValue(m, true) == gap:
		return b + map[bool]string{true: a}[b == ""]
	case a == "":
		return b + " (only before; after it was " + tellValue(m, false) + ")"
	case b == "":
		return a + " (only after; before it was " + tellValue(m, true) + ")"
	}
	return "before: " + b + "; after: " + a
}

// reasoned gathers metrics by their reason: "a and b: why".
func reasoned(list []*record.Metric, say, why func(*record.Metric) string) []string {
	var order []string
	labels := map[string][]string{}
	for _, m := range list {
		reason := why(m)
		if labels[reason] == nil {
			order = append(order, reason)
		}
		labels[reason] = append(labels[reason], say(m))
	}
	var out []string
	for _, reason := range order {
		text := enumerate(labels[reason])
		switch {
		case strings.Contains(reason, ": "):
			text += " (" + reason + ")"
		case reason != "":
			text += ": " + reason
		}
		out = append(out, text)
	}
	return out
}

// knownAbove tells that the row before says the same of its gain. What was given up for a gain stands beside each.
func knownAbove(list []*record.Metric, i int) bool {
	return i > 0 && !list[i].Bought && clean(list[i].Price) == clean(list[i-1].Price)
}
