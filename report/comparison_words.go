package report

import (
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// metricWords is how people call a metric, and what they say when it moves.
type metricWords struct {
	label string
	// better and worse are clauses for the sentence at the top; "" where there is nothing better to say than the label.
	better, worse string
	// connections tells a metric that the connections themselves feel: one that fails, waits or loses something.
	connections bool
}

// metricNames has the words for each metric of a comparison. SIDE in a text is client or server.
var metricNames = map[string]metricWords{
	"connects_per_second": {"connects a second", "more connections a second", "fewer connections a second", true},
	"failed":              {"failed connections", "fewer connections fail", "more connections fail", true},
	"first_exhaustion_seconds": {
		"first EADDRNOTAVAIL", "the ports last longer", "the ports run out sooner", true,
	},
	"rate_that_lasts": {"rate that lasts", "a higher rate lasts", "only a lower rate lasts", true},
	"SIDE.time_wait.peak": {
		label: "TIME_WAIT, SIDE", better: "fewer TIME_WAIT on the SIDE", worse: "more TIME_WAIT on the SIDE",
	},
	"SIDE.time_wait.plateau": {
		label: "TIME_WAIT plateau, SIDE", better: "fewer TIME_WAIT on the SIDE", worse: "more TIME_WAIT on the SIDE",
	},
	"ports.peak_share": {
		label: "ports taken, peak", better: "fewer ports are taken", worse: "more ports are taken",
	},
	"time_wait_seconds": {
		label: "TIME_WAIT lifetime", better: "TIME_WAIT ends sooner", worse: "TIME_WAIT lasts longer",
	},
	"fin_wait_2_seconds": {
		label: "FIN_WAIT_2 lifetime", better: "FIN_WAIT_2 ends sooner", worse: "FIN_WAIT_2 lasts longer",
	},
	"connect.p50_us":  {"connect() p50", "connect() is faster at p50", "connect() is slower at p50", true},
	"connect.p99_us":  {"connect() p99", "connect() is faster at p99", "connect() is slower at p99", true},
	"connect.p999_us": {"connect() p99.9", "connect() is faster at p99.9", "connect() is slower at p99.9", true},
	"tw_reused": {
		label: "TIME_WAIT reused", better: "more TIME_WAIT are reused", worse: "fewer TIME_WAIT are reused",
	},
	"tw_overflow": {
		label: "closed without TIME_WAIT", better: "fewer are closed without the TIME_WAIT that protects them",
		worse: "more are closed without the TIME_WAIT that protects them",
	},
	"resets_seen": {"resets seen by peers", "peers see fewer resets", "peers see more resets", true},
	"bytes_lost":  {"bytes lost", "fewer bytes are lost", "more bytes are lost", true},
	"listen_drops": {
		"dropped by the listener", "the listener drops fewer segments", "the listener drops more segments", true,
	},
	"syncookies_sent": {label: "SYN cookies sent", better: "fewer SYN cookies", worse: "more SYN cookies"},
	"SIDE.cpu_us_per_connection": {
		label:  "CPU per connection, SIDE",
		better: "a connection costs the SIDE less processor time", worse: "a connection costs the SIDE more processor time",
	},
	"time_wait_bytes_each": {
		label: "memory of a TIME_WAIT", better: "a TIME_WAIT takes less memory", worse: "a TIME_WAIT takes more memory",
	},
}

// causeWords name what a connection failed of, for failed.CAUSE.
var causeWords = map[record.Cause]string{
	record.AddrNotAvailable: "EADDRNOTAVAIL",
	record.AddrInUse:        "EADDRINUSE",
	record.Refused:          "refused",
	record.Reset:            "reset",
	record.TimedOut:         "timed out",
	record.Unreachable:      "unreachable",
	record.OutOfDescriptors: "out of descriptors",
	record.OutOfMemory:      "out of memory",
	record.NotPermitted:     "not permitted",
	record.ShortRead:        "short read",
	record.WrongBytes:       "wrong bytes",
	record.SelfConnect:      "connected to itself",
}

// wordsFor gives the words for a metric by its name. One that is not known is called as it is.
func wordsFor(name string) metricWords {
	if w, ok := metricNames[name]; ok {
		return w
	}
	for _, side := range sides {
		if rest, ok := strings.CutPrefix(name, side+"."); ok {
			if w, ok := metricNames["SIDE."+rest]; ok {
				w.label = strings.ReplaceAll(w.label, "SIDE", side)
				w.better = strings.ReplaceAll(w.better, "SIDE", side)
				w.worse = strings.ReplaceAll(w.worse, "SIDE", side)
				return w
			}
		}
	}
	if cause, ok := strings.CutPrefix(name, "failed."); ok {
		said := causeWords[record.Cause(cause)]
		if said == "" {
			said = strings.ReplaceAll(clean(cause), "-", " ")
		}
		return metricWords{"failed: " + said, "fewer connections fail", "more connections fail", true}
	}
	return metricWords{label: clean(name)}
}

// inText is a metric's label where other words stand around it: "TIME_WAIT on the client".
func inText(name string) string {
	label := wordsFor(name).label
	for tail, said := range map[string]string{", client": " on the client", ", server": " on the server", ", peak": " at the peak"} {
		if rest, ok := strings.CutSuffix(label, tail); ok {
			return rest + said
		}
	}
	return label
}

// spoken is a reason from a record, cleaned, in which the names of metrics are their labels. What follows --primary is to
// be typed and stays.
func spoken(text string) string {
	list := words(clean(text))
	for i, word := range list {
		name := strings.Trim(word, ",;:.()")
		// Only what can be no word of a sentence: failed can.
		known := strings.ContainsAny(name, "._") && inText(name) != name
		if known && (i == 0 || list[i-1] != "--primary") {
			list[i] = strings.Replace(word, name, inText(name), 1)
		}
	}
	return strings.Join(list, " ")
}

// tellNumber writes v in a metric's unit as a person would.
func tellNumber(unit string, v float64) string {
	switch unit {
	case "1/s":
		return rate(v)
	case "s":
		return seconds(v)
	case "us":
		return micros(v)
	case "bytes":
		return size(v)
	case "share":
		if v > 0 && v <= 1 {
			return share(v, 1)
		}
		return figure(100*v, 0) + nbsp + "%"
	case "connections", "sockets":
		return significant(math.Round(v)) // the median of two counts may lie between them
	case "":
		return significant(v)
	}
	return significant(v) + nbsp + clean(unit)
}

// tellFiner writes v with that many decimals, for two values that look alike and are not.
func tellFiner(unit string, v float64, decimals int) string {
	switch unit {
	case "1/s":
		return figure(v, decimals) + "/s"
	case "share":
		return figure(100*v, decimals) + nbsp + "%"
	case "connections", "sockets", "":
		return figure(v, decimals)
	}
	return figure(v, decimals) + nbsp + clean(unit)
}

// tellValue writes a metric's value before or after: "1,000", "998 to 1,000", ">= 200/s", "never"; a gap where it was
// not measured.
func tellValue(m *record.Metric, before bool) string {
	coarse := func(v float64) string { return tellNumber(m.Unit, v) }
	b, a := valueText(m, true, coarse), valueText(m, false, coarse)
	differs := m.Before != nil && m.After != nil && *m.Before != *m.After &&
		(m.Verdict == record.Better || m.Verdict == record.Worse)
	const most = 6
	for decimals := 1; differs && a == b && decimals <= most; decimals++ {
		fine := func(v float64) string { return tellFiner(m.Unit, v, decimals) }
		b, a = valueText(m, true, fine), valueText(m, false, fine)
	}
	if before {
		return b
	}
	return a
}

func valueText(m *record.Metric, before bool, write func(float64) string) string {
	median, v := m.After, &m.Details.After
	if before {
		median, v = m.Before, &m.Details.Before
	}
	switch {
	case v.Unmeasured != "":
		return gap
	case median == nil && (v.Bound == "never" || v.Never > 0):
		return "never"
	case median == nil:
		return gap
	}
	text := write(*median)
	if m.Exact && len(v.Values) > 0 {
		text = between(write(slices.Min(v.Values)), write(slices.Max(v.Values)))
	}
	if v.Bound == "at-least" {
		text = ">=" + nbsp + text
	}
	if v.Never > 0 {
		text += ", never in " + count(int64(v.Never)) + " of " + count(int64(v.Never+len(v.Values)))
	}
	return text
}

// tellChange says how after relates to before: the whole that counts are part of, the ratio with its interval and p, and
// by what a value was cut off. It is "" where there is nothing to add to the two values.
func tellChange(m *record.Metric) string {
	var parts []string
	if of := tellOf(m); of != "" {
		parts = append(parts, of)
	}
	if text := tellRatio(m); text != "" {
		parts = append(parts, text)
	}
	if notes := cutOff(m); len(notes) > 0 {
		parts = append(parts, "("+strings.Join(notes, "; ")+")")
	}
	text := strings.Join(parts, " ")
	if p := tellP(m); p != "" && m.Verdict != record.NoDifference {
		text = strings.TrimPrefix(text+", "+p, ", ")
	}
	return text
}

// isPart tells a count of which the whole is known: it says more than a ratio does.
func isPart(m *record.Metric) bool { return m.Details.Before.Of != nil || m.Details.After.Of != nil }

func tellOf(m *record.Metric) string {
	b, a := m.Details.Before.Of, m.Details.After.Of
	switch {
	case b != nil && a != nil && tellNumber(m.Unit, *b) != tellNumber(m.Unit, *a):
		return "of " + tellNumber(m.Unit, *b) + " and of " + tellNumber(m.Unit, *a)
	case b != nil:
		return "of " + tellNumber(m.Unit, *b)
	case a != nil:
		return "of " + tellNumber(m.Unit, *a)
	}
	return ""
}

// tellRatio writes after/before: "x 0.82 (0.79 to 0.86)", "x 0.5", "at least x 12"; "" where the two values say it.
func tellRatio(m *record.Metric) string {
	said := m.Interval == nil && (m.Ratio == nil || *m.Ratio == 0 || *m.Ratio == 1 || isPart(m) || m.Unit == "share")
	if said {
		return ""
	}
	text := ""
	if m.Ratio != nil {
		switch v := *m.Ratio; {
		case m.RatioBound == "at-least":
			text = "at least x" + nbsp + bare0(times(v, math.Floor))
		case m.RatioBound == "at-most":
			text = "at most x" + nbsp + bare0(times(v, math.Ceil))
		case m.Interval == nil:
			text = "x" + nbsp + bare0(times(v, math.Round))
		default:
			text = "x" + nbsp + times(v, math.Round)
		}
	}
	if i := m.Interval; i != nil {
		text += nbsp + "(" + times(i.Low, math.Round) + nbsp + "to" + nbsp + times(i.High, math.Round) + ")"
	}
	return strings.TrimPrefix(text, nbsp)
}

// bare0 leaves away the zeros at the end of a fraction.
func bare0(text string) string {
	if !strings.Contains(text, ".") || strings.Contains(text, "e") {
		return text
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// times writes a factor with as many digits as a reader compares; round keeps a bound a bound.
func times(v float64, round func(float64) float64) string {
	at := 0
	switch a := math.Abs(v); {
	case a == 0 || a >= 9.995:
	case a >= 0.0995:
		at = 2
	default:
		at = min(12, 1-int(math.Floor(math.Log10(a)))) // two digits that tell something
	}
	scale := math.Pow10(at)
	if scaled := v * scale; math.Abs(scaled) < 1e15 {
		// A bound that is a hair off its own figure, as 2.3 is in binary, stays that figure.
		if near := math.Round(scaled); math.Abs(near-scaled) < 1e-9*math.Abs(scaled) {
			scaled = near
		}
		v = round(scaled) / scale
	}
	return figure(v, at)
}

func tellP(m *record.Metric) string {
	p := m.Adjusted
	if p == nil {
		p = m.P
	}
	switch {
	case p == nil:
		return ""
	case *p < 0.0005:
		return "p" + nbsp + "<" + nbsp + "0.001"
	case *p < 0.0995:
		return "p" + nbsp + figure(*p, 3)
	}
	return "p" + nbsp + figure(*p, 2)
}

// cutOff says what kept a value from being seen whole, and which one was computed.
func cutOff(m *record.Metric) []string {
	var notes []string
	b, a := &m.Details.Before, &m.Details.After
	if b.Bound == "at-least" || a.Bound == "at-least" {
		if m.Unit == "1/s" {
			notes = append(notes, "all that was asked")
		} else {
			notes = append(notes, "as long as it ran")
		}
	}
	switch {
	case b.Computed && a.Computed:
		notes = append(notes, "computed")
	case b.Computed:
		notes = append(notes, "computed before")
	case a.Computed:
		notes = append(notes, "computed after")
	}
	return notes
}
