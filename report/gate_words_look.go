package report

import (
	"math"
	"strings"

	"twomsl/internal/record"
)

// What one look at a budget shows, in words: its trials, its values, its change.

func trialsOf(v *record.Value) int { return len(v.Values) + max(0, v.Never) }

// lookTrials tells how many trials stand behind a look: "6 + 6 trials", the reference first.
func lookTrials(b *record.GateBudget, l *record.GateLook) string {
	if n := trialsOf(&l.Reference); b.Relative && n > 0 {
		return count(int64(n)) + " + " + counted(int64(trialsOf(&l.Tested)), "trial", "trials")
	}
	return counted(int64(trialsOf(&l.Tested)), "trial", "trials")
}

// lastLook is the one that decides.
func lastLook(b *record.GateBudget) *record.GateLook {
	if b.Again != nil {
		return b.Again
	}
	return &b.First
}

func lookMeasured(b *record.GateBudget, l *record.GateLook) bool {
	return trialsOf(&l.Tested) > 0 && (!b.Relative || trialsOf(&l.Reference) > 0)
}

// movedBy says what a look shows: "fell by 12.1 %", "was 1,204".
func movedBy(b *record.GateBudget, l *record.GateLook) string {
	m := lookMetric(b, l)
	before, after := l.ReferenceMedian, l.TestedMedian
	switch {
	case !b.Relative:
		return "was " + tellValue(m, false)
	case before == nil || after == nil:
		return "went " + tellValue(m, true) + " -> " + tellValue(m, false)
	case *before == *after:
		return "stayed at " + tellValue(m, false)
	case l.Change == nil || !b.Share:
		return risen(*after-*before) + " by " + tellNumber(b.Unit, math.Abs(*after-*before)) +
			" (" + tellValue(m, true) + " -> " + tellValue(m, false) + ")"
	}
	return risen(*l.Change) + " by " + percent(math.Abs(*l.Change))
}

// lookMoved says it with the interval: "fell by 12.1 % (9.0 to 15.3 %)". One that has a fall and a rise in it is told with
// signs.
func lookMoved(b *record.GateBudget, l *record.GateLook) string {
	text, i := movedBy(b, l), l.Interval
	if i == nil || l.Change == nil || !b.Share || !b.Relative {
		return text
	}
	switch {
	case *l.Change < 0 && i.High <= 0:
		return text + " (" + percents(-i.High, -i.Low) + ")"
	case *l.Change > 0 && i.Low >= 0:
		return text + " (" + percents(i.Low, i.High) + ")"
	}
	return "changed by " + signedShare(*l.Change) + nbsp + "% (" + signedShare(i.Low) + nbsp + "to" + nbsp + signedShare(i.High) + nbsp + "%)"
}

func risen(by float64) string {
	if by < 0 {
		return "fell"
	}
	return "rose"
}

// percent writes a share that was measured.
func percent(v float64) string { return percentFigure(v) + nbsp + "%" }

func percentFigure(v float64) string {
	switch a := math.Abs(v); {
	case a >= 10:
		return figure(100*v, 0)
	case a < 0.0005 && a > 0:
		return figure(100*v, 2)
	}
	return figure(100*v, 1)
}

// percents writes an interval of shares.
func percents(low, high float64) string {
	return percentFigure(low) + nbsp + "to" + nbsp + percent(high)
}

// signedShare writes a share with its sign.
func signedShare(v float64) string {
	text := percentFigure(v)
	if v > 0 {
		text = "+" + text
	}
	return text
}

// lookMetric is a look as a comparison's metric, so that its values are told alike.
func lookMetric(b *record.GateBudget, l *record.GateLook) *record.Metric {
	m := &record.Metric{
		Name: b.Metric, Unit: clean(b.Unit), Exact: b.Exact, Before: l.ReferenceMedian, After: l.TestedMedian,
		Details: record.ValuePair{Before: l.Reference, After: l.Tested}, Verdict: record.Worse,
	}
	if l.Verdict == record.Holds {
		m.Verdict = record.NoDifference
	}
	return m
}

// lookValues are a look's reference and what was tested; a gap where there is none.
func lookValues(b *record.GateBudget, l *record.GateLook) (reference, tested string) {
	m := lookMetric(b, l)
	if b.Relative {
		reference = tellValue(m, true)
	}
	return reference, tellValue(m, false)
}

// lookChange is the change with its interval: "-12.1 % (-15.3 to -9.0 %)"; for an absolute budget by how many trials it was
// missed.
func lookChange(b *record.GateBudget, l *record.GateLook) string {
	if !b.Relative {
		return strings.TrimPrefix(outsideWords(b, l), "; ")
	}
	text := ""
	switch before, after := l.ReferenceMedian, l.TestedMedian; {
	case l.Change != nil && (b.Share || !b.Exact):
		text = signedShare(*l.Change) + nbsp + "%"
	case before != nil && after != nil && *before != *after:
		text = tellNumber(b.Unit, *after-*before)
		if *after > *before {
			text = "+" + text
		}
	case before != nil && after != nil:
		text = "none"
	}
	if i := l.Interval; i != nil {
		text += " (" + signedShare(i.Low) + nbsp + "to" + nbsp + signedShare(i.High) + nbsp + "%)"
	}
	return strings.TrimPrefix(text, " ")
}

// lookWords is one look in a line: trials, figures, what it was judged by.
func lookWords(g *record.Gate, b *record.GateBudget, l *record.GateLook) string {
	reference, tested := lookValues(b, l)
	text := lookTrials(b, l) + ": "
	if reference != "" {
		text += reference + " -> "
	}
	text += tested
	if change := lookChange(b, l); change != "" {
		text += ", " + change
	}
	if p := lookP(g, l); p != "" {
		text += ", " + p
	}
	text += ": " + lookMark(l)
	if why := lookWhy(l); why != "" {
		text += " (" + why + ")"
	}
	return text
}

// lookWhy is a look's reason, where the figures beside it do not say it.
func lookWhy(l *record.GateLook) string {
	why := strings.TrimSuffix(clean(l.Why), ".")
	if strings.HasPrefix(why, "outside in ") {
		return ""
	}
	return why
}

func lookMark(l *record.GateLook) string {
	if mark := clean(l.Verdict); mark != "" {
		return mark
	}
	return "not judged"
}

// lookP is the probability that decides, with what it is held against; "" for counted metrics.
func lookP(g *record.Gate, l *record.GateLook) string {
	p, shows, below := l.PBroken, "broken", l.Alpha
	if l.Verdict == record.Holds {
		p, shows, below = l.PHolds, "holds", g.Plan.Level
	}
	if p == nil {
		return ""
	}
	return tellP(&record.Metric{P: p}) + " (" + shows + " below" + nbsp + bare0(times(below, math.Round)) + ")"
}

// namedLook is a look with its name.
type namedLook struct {
	name string
	*record.GateLook
}

// looksOf are the looks of a budget that was looked at.
func looksOf(b *record.GateBudget) (out []namedLook) {
	if b.First.Verdict != "" || trialsOf(&b.First.Tested) > 0 {
		out = append(out, namedLook{"first look", &b.First})
	}
	if b.Again != nil {
		name := "second look"
		if b.First.Verdict == record.Unclear && !b.Exact { // nothing was suspected
			name = "both looks"
		}
		out = append(out, namedLook{name, b.Again})
	}
	return out
}
