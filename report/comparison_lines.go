package report

import (
	"slices"
	"strings"

	"twomsl/internal/record"
)

// recipeLine is one line of a recipe with what it does on each side that it was tried on.
type recipeLine struct {
	key, value string
	at         map[string]*record.Line // client, server or both
	// undone tells that all lines together do not give what a line gives alone.
	undone bool
}

// recipeLines puts the sides of a line together, in the record's order.
func recipeLines(c *record.Comparison) []*recipeLine {
	type id struct {
		key, value, file string
		line             int
	}
	var out []*recipeLine
	known := map[id][]*recipeLine{}
	for i := range c.Lines {
		l := &c.Lines[i]
		k := id{l.Key, l.Value, l.File, l.LineNo}
		at := slices.IndexFunc(known[k], func(r *recipeLine) bool { return r.at[l.Side] == nil })
		if at < 0 {
			r := &recipeLine{key: clean(l.Key), value: clean(l.Value), at: map[string]*record.Line{}, undone: isUndone(c)}
			out, known[k] = append(out, r), append(known[k], r)
			at = len(known[k]) - 1
		}
		known[k][at].at[l.Side] = l
	}
	return out
}

// lineSides are the places that a line can stand, in the order of the columns.
var lineSides = []string{client, server, "both"}

func sidesOf(lines []*recipeLine) []string {
	var out []string
	for _, side := range lineSides {
		if slices.ContainsFunc(lines, func(l *recipeLine) bool { return l.at[side] != nil }) {
			out = append(out, side)
		}
	}
	return out
}

// why says what shows the line's effect, and why it has the one it has. What holds for all sides is said once.
func (r *recipeLine) why() string {
	var order []string
	by := map[string][]string{}
	for _, side := range lineSides {
		l := r.at[side]
		if l == nil {
			continue
		}
		for _, text := range []string{effectWords(l), spoken(l.Why), r.besideWords(l)} {
			if text == "" {
				continue
			}
			if by[text] == nil {
				order = append(order, text)
			}
			by[text] = append(by[text], side)
		}
	}
	var out []string
	for _, text := range order {
		if len(by[text]) == 1 && len(r.at) > 1 {
			text = "on the " + by[text][0] + ": " + text
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// shortWhy is why without what a line that is missing everywhere has been said of among the settings not applied.
func (r *recipeLine) shortWhy() string {
	for _, l := range r.at {
		if l.Verdict != record.Missing {
			return r.why()
		}
	}
	short, _, _ := strings.Cut(r.why(), ": ")
	return short
}

// effectWords shows a line's effect by the metric that shows it best.
func effectWords(l *record.Line) string {
	if clean(l.Metric) == "" || l.Verdict != record.Helps && l.Verdict != record.Harmful {
		return ""
	}
	text := inText(l.Metric)
	unit := unitOf(l.Metric)
	switch {
	case l.Before != nil && l.After != nil:
		return text + " " + tellNumber(unit, *l.Before) + " -> " + tellNumber(unit, *l.After)
	case l.Before != nil && l.Metric == "first_exhaustion_seconds":
		return text + " " + tellNumber(unit, *l.Before) + " -> never"
	case l.After != nil && l.Metric == "first_exhaustion_seconds":
		return text + " never -> " + tellNumber(unit, *l.After)
	}
	return text
}

// unitOf is the unit of a metric by its name, which a line does not carry.
func unitOf(name string) string {
	switch {
	case name == "connects_per_second", name == "rate_that_lasts":
		return "1/s"
	case name == "ports.peak_share":
		return "share"
	case strings.HasSuffix(name, "_seconds"):
		return "s"
	case strings.HasSuffix(name, "_us"), strings.HasSuffix(name, "cpu_us_per_connection"):
		return "us"
	case name == "bytes_lost", name == "time_wait_bytes_each":
		return "bytes"
	}
	return "sockets" // or connections: both are whole numbers
}

// besideWords says where the two ways to try a line differ: alone, and all lines without it.
func (r *recipeLine) besideWords(l *record.Line) string {
	switch {
	case l.Alone == record.Better && l.LeftOut == record.NoDifference && r.undone:
		return "only alone: with the other lines it does nothing"
	case l.Alone == record.Better && l.LeftOut == record.NoDifference:
		return "the other lines do it without this one, too"
	case l.Alone == record.NoDifference && l.LeftOut == record.Worse && !strings.Contains(l.Why, "together"):
		return "only together with other lines"
	}
	return ""
}

// prices are what the line costs, each thing once, however often the sides say it.
func (r *recipeLine) prices() []string {
	var out []string
	for _, side := range lineSides {
		l := r.at[side]
		if l == nil {
			continue
		}
		for p := range strings.SplitSeq(clean(l.Price), "; ") {
			if p != "" && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	if len(out) > 0 {
		out = []string{strings.Join(out, "; ")}
	}
	return out
}

// unsure tells a line of which a metric that decides says nothing.
func unsure(l record.Line) bool {
	return l.Verdict == record.Inconclusive || strings.Contains(l.Why, "could not be judged")
}

// enoughWords names the smallest set of lines that gives the whole effect; "" where there is nothing to name.
func enoughWords(c *record.Comparison) string {
	if len(c.Enough) == 0 {
		switch helping := linesThat(c, record.Helps); {
		case len(c.Lines) == 0 || c.Status != record.Complete:
			return ""
		case len(helping) == 0 && slices.ContainsFunc(c.Lines, unsure):
			return "No line was seen to help; not all of them could be judged."
		case len(helping) == 0:
			return "No line helps here."
		}
		return undoneWords(c)
	}
	var refs []string
	for _, r := range c.Enough {
		refs = append(refs, clean(r.Key)+" = "+clean(r.Value)+", "+onSide(r.Side))
	}
	if len(refs) == 1 {
		return "Enough on its own: " + refs[0] + "."
	}
	return "Enough together: " + strings.Join(refs, "; ") + "."
}

// linesThat are the lines of that verdict, "net.ipv4.tcp_tw_reuse on the client"; one on both sides is named once.
func linesThat(c *record.Comparison, verdict string) (said []string) {
	for _, r := range recipeLines(c) {
		var at []string
		for _, side := range lineSides {
			if l := r.at[side]; l != nil && l.Verdict == verdict {
				at = append(at, side)
			}
		}
		switch len(at) {
		case 0:
		case 1:
			said = append(said, r.key+" "+onSide(at[0]))
		default:
			said = append(said, r.key+" "+onSide("both"))
		}
	}
	return said
}

// isUndone tells that the recipe as a whole was tried and made nothing better that decides.
func isUndone(c *record.Comparison) bool {
	if !c.Plan.ByLine || c.Status != record.Complete || len(c.Enough) > 0 || len(c.Variants) < 2 {
		return false
	}
	b := newBalance(c, c.Variants[1].Name)
	return b.deciding > 0 && len(b.gains)+len(b.open) == 0
}

// undoneWords says that lines help which the others undo; "" where the recipe as a whole helps, or none does.
func undoneWords(c *record.Comparison) string {
	helping, harmful := linesThat(c, record.Helps), linesThat(c, record.Harmful)
	switch {
	case !isUndone(c) || len(helping) == 0:
		return ""
	case len(harmful) == 0:
		return "Alone " + enumerate(helping) + " would help, but not with the other lines."
	}
	return "Alone " + enumerate(helping) + " would help; " + enumerate(harmful) + " undoes it."
}

// shortKey leaves away what nearly every key begins with, unless that makes two keys look alike.
func shortKey(c *record.Comparison, key string) string {
	const usual = "net.ipv4."
	short, ok := strings.CutPrefix(key, usual)
	if !ok {
		return key
	}
	for _, other := range allKeys(c) {
		if other == short {
			return key
		}
	}
	return short
}

func allKeys(c *record.Comparison) []string {
	var out []string
	for i := range c.Lines {
		out = append(out, clean(c.Lines[i].Key))
	}
	for i := range c.Settings {
		out = append(out, clean(c.Settings[i].Key))
	}
	return out
}
