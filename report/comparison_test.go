package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

func renderComparison(t *testing.T, format string, c *record.Comparison, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteComparison(format, &b, c, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func comparisonOptions(c *record.Comparison, width int) Options {
	return Options{Width: width, RecordPath: "twomsl-results/" + c.ID + ".json"}
}

// textFormats are those of this file's goldens; the others have tests of their own.
var textFormats = map[string]string{"markdown": "md", "csv": "csv", "csv-lines": "lines.csv"}

func TestComparisonGoldens(t *testing.T) {
	for _, made := range comparisons() {
		name := stemOf(made.ID)
		t.Run(name, func(t *testing.T) {
			golden(t, name+".json", renderComparison(t, "json", made, Options{}))
			c, err := record.ReadComparison(filepath.Join("testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range widths {
				golden(t, fmt.Sprintf("%s.%d.txt", name, w), renderComparison(t, "terminal", c, comparisonOptions(c, w)))
			}
			for format, ending := range textFormats {
				if format != "csv-lines" || c.Plan.ByLine {
					golden(t, name+"."+ending, renderComparison(t, format, c, comparisonOptions(c, 0)))
				}
			}
		})
	}
	golden(t, "compare-four-lines.color.txt", renderComparison(t, "terminal", fourLines(), Options{Color: true}))
}

func TestComparisonFormats(t *testing.T) {
	for _, want := range []string{"csv", "csv-lines", "json", "markdown", "terminal"} {
		if !slices.Contains(ComparisonFormats(), want) {
			t.Errorf("no format %s among %q", want, ComparisonFormats())
		}
	}
	var b bytes.Buffer
	err := WriteComparison("states", &b, sameTwice(), Options{})
	if err == nil || !strings.HasPrefix(err.Error(), `unknown format "states" for a comparison: it is one of csv, csv-lines,`) || b.Len() > 0 {
		t.Errorf("got %v and %q", err, b.String())
	}
	for _, f := range ComparisonFormats() {
		if err := WriteComparison(f, brokenPipe{}, sameTwice(), Options{}); err == nil || !strings.Contains(err.Error(), "broken pipe") {
			t.Errorf("%s: error is %v", f, err)
		}
	}
}

// The fixtures are what a run would have made: counts are parts of their wholes, ratios and medians are those of the
// values, what a TIME_WAIT became is accounted for, and rate x time is the count.
func TestComparisonFixturesAgreeWithThemselves(t *testing.T) {
	for _, c := range comparisons() {
		if err := c.Check(); err != nil {
			t.Errorf("%s: %v", c.ID, err)
		}
		for i := range c.Variants {
			if v := &c.Variants[i]; v.Counted != countedOf(c, v.Name) {
				t.Errorf("%s: %s counts %d trials, there are %d", c.ID, v.Name, v.Counted, countedOf(c, v.Name))
			}
		}
		for i := range c.Metrics {
			agrees(t, c, &c.Metrics[i])
		}
	}
	at := func(name string) float64 {
		c := fourLines()
		list := metricsOf(c, "after")
		return *list[slices.IndexFunc(list, func(m *record.Metric) bool { return m.Name == name })].After
	}
	const load = 10 // seconds
	if entered := at("connects_per_second") * load; at("tw_reused")+at("client.time_wait.peak") != entered {
		t.Errorf("%v TIME_WAIT entered, %v reused and %v standing", entered, at("tw_reused"), at("client.time_wait.peak"))
	}
}

// agrees holds a metric to its own values.
func agrees(t *testing.T, c *record.Comparison, m *record.Metric) {
	t.Helper()
	name := c.ID + " " + m.Variant + " " + m.Name
	for _, side := range []struct {
		median  *float64
		value   *record.Value
		variant string
	}{{m.Before, &m.Details.Before, c.Variants[0].Name}, {m.After, &m.Details.After, m.Variant}} {
		n := len(side.value.Values)
		if n+side.value.Never != countedOf(c, side.variant) && side.value.Unmeasured == "" {
			t.Errorf("%s: %d values for %d trials of %s", name, n, countedOf(c, side.variant), side.variant)
		}
		if side.median != nil && n > 0 {
			sorted := slices.Sorted(slices.Values(side.value.Values))
			if median := (sorted[(n-1)/2] + sorted[n/2]) / 2; math.Abs(median-*side.median) > 1e-9*math.Abs(median) {
				t.Errorf("%s: the median of %v is not %v", name, sorted, *side.median)
			}
		}
		if whole := side.value.Of; whole != nil && side.median != nil && *side.median > *whole {
			t.Errorf("%s: %v of %v", name, *side.median, *whole)
		}
	}
	if m.Ratio != nil && math.Abs(*m.Ratio - *m.After / *m.Before) > 1e-9 {
		t.Errorf("%s: ratio %v of %v and %v", name, *m.Ratio, *m.Before, *m.After)
	}
	if i := m.Interval; i != nil && (i.Low > *m.Ratio || i.High < *m.Ratio) {
		t.Errorf("%s: ratio %v outside of %v", name, *m.Ratio, *i)
	}
}

// Every line fits, and colour changes nothing but colour.
func TestComparisonLinesFit(t *testing.T) {
	for _, c := range comparisons() {
		for _, w := range []int{60, 61, 72, 80, 90, 99, 100, 110, 120, 200} {
			opt := comparisonOptions(c, w)
			without := renderComparison(t, "terminal", c, opt)
			fits(t, c.ID, without, w)
			opt.Color = true
			with := renderComparison(t, "terminal", c, opt)
			if diff := cmp.Diff(without, escape.ReplaceAllString(with, "")); diff != "" {
				t.Errorf("%s: Color changes more than colour:\n%s", c.ID, diff)
			}
		}
	}
}

func TestComparisonSameBytes(t *testing.T) {
	for _, format := range ComparisonFormats() {
		for _, c := range comparisons() {
			first := renderComparison(t, format, c, comparisonOptions(c, 80))
			t.Setenv("NO_COLOR", "1")
			t.Setenv("LC_ALL", "zh_CN.UTF-8")
			for range 3 {
				if again := renderComparison(t, format, c, comparisonOptions(c, 80)); again != first {
					t.Fatalf("%s of %s differs the second time:\n%s", format, c.ID, cmp.Diff(first, again))
				}
			}
		}
	}
}

// The screen says it in the words that people are to read; the Markdown has every metric.
func TestComparisonTellsEverything(t *testing.T) {
	for name, tc := range map[string]struct {
		c    *record.Comparison
		want []string
	}{
		"by line": {fourLines(), []string{
			"Better: connections go on where they failed before",
			"One line did it: net.ipv4.tcp_tw_reuse on the client.", "of 2,000", "never", ">= 200/s",
			"at least x 12 (all that was asked; computed before)", "1,501 TIME_WAIT ended by reuse", "the same memory of a TIME_WAIT 256 bytes",
			"not applied net.ipv4.tcp_tw_recycle: gone since Linux 4.12: it broke connections of clients behind NAT",
			"tcp_syncookies = 1 already set already set", "tcp_tw_recycle = 1 missing missing",
			"tcp_fin_timeout = 30 no effect no effect",
			"Enough on its own: net.ipv4.tcp_tw_reuse = 1, on the client.",
			"no difference shown: TIME_WAIT lifetime 60.0 s -> 60.0 s (would have seen 0.2 s)",
			"the load was shorter than a TIME_WAIT lives",
			"not judged CPU per connection on the client 41 us (described only: --primary NAME judges it)",
			"2 of each of 11 variants; in turns, in the order of seed 20261121; 4 labs side by side; in 78.4 s",
		}},
		"price": {lingerZero(), []string{
			"Better for TIME_WAIT on the client, at a price; worse for resets seen by peers and bytes lost.",
			"price of these 2 bytes lost in 1,560 of 2,000 connections", "of 131 MB",
		}},
		"overflow": {fewerBuckets(), []string{
			"Nothing changed for the connections; fewer TIME_WAIT on the server, at a price. The price: 1,000 of 1,500",
			"connects a second >= 300/s",
		}},
		"three": {noisyThree(), []string{
			"With wide, better: connect() is faster at p99. With late, worse: connect() is slower at p50.",
			"wide against plain", "late against plain", "x 0.16 (0.15 to 0.16), p < 0.001", "x 1.06 (1.04 to 1.08), p 0.016",
			"would have seen 94 us", "Not to be relied on: connect() p99.9.",
		}},
		"A/A": {sameTwice(), []string{
			"The variants are equal: what differs between them is chance. Nothing changed for the connections.",
			"Before and after ask for the same settings. Name the change with --after",
		}},
		"interrupted": {stoppedShort(), []string{
			"Interrupted: 7 of 16 trials are done, and kept.", "Inconclusive. 4 trials of each are needed: before has 3, after has 4.",
			"1 trial of before: the server's process was killed 0.2 s into the load (signal 9)", "continue twomsl compare --resume twomsl-results/compare-interrupted-",
		}},
		"elsewhere": {twoKernels(), []string{
			"Inconclusive. 4 boots of each are needed, since the trials were not interleaved: linux-6.12 has 1,",
			"recorded elsewhere, not in turns", "998 to 1,000 -> 999 to 1,000", "repeat twomsl compare --records",
		}},
	} {
		screen := renderComparison(t, "terminal", tc.c, comparisonOptions(tc.c, 200)) // where no cell wraps
		for _, want := range tc.want {
			if !strings.Contains(flat(screen), want) {
				t.Errorf("%s: the screen lacks %q:\n%s", name, want, screen)
			}
		}
		md := renderComparison(t, "markdown", tc.c, comparisonOptions(tc.c, 0))
		for i := range tc.c.Metrics {
			m := &tc.c.Metrics[i]
			if v := toldVariants(tc.c); v[0].Name == m.Variant && !strings.Contains(md, "| "+m.Name+" |") {
				t.Errorf("%s: the markdown lacks %s", name, m.Name)
			}
		}
	}
}

// A narrow screen has every word of a wide one.
func TestComparisonWidthsTellTheSame(t *testing.T) {
	count := func(c *record.Comparison, w int) map[string]int {
		n := map[string]int{}
		for _, word := range strings.Fields(renderComparison(t, "terminal", c, Options{Width: w, RecordPath: "c.json"})) {
			n[word]++
		}
		for _, head := range []string{"change", "why", "variant", "outcome"} {
			n[head] = 0 // a column that is told below has no head
		}
		return n
	}
	for _, c := range comparisons() {
		wide := count(c, 200)
		for _, w := range []int{72, 80, 100, 120} {
			narrow := count(c, w)
			for word, n := range wide {
				if narrow[word] < n && word != "·" { // a dot between two parts does not begin a line
					t.Errorf("%s at %d: %q is there %d times, not %d", c.ID, w, word, narrow[word], n)
				}
			}
		}
	}
}

// A price stands with its gain in every format, and no such gain is called plainly better.
func TestNoGainWithoutItsPrice(t *testing.T) {
	for _, c := range comparisons() {
		for i := range c.Metrics {
			m := &c.Metrics[i]
			if m.Price == "" || m.Verdict != record.Better {
				continue
			}
			if got := verdictWords(m); (got == "better, at a price") != m.Bought {
				t.Errorf("%s %s is %q, bought %v", c.ID, m.Name, got, m.Bought)
			}
			if !slices.Contains(names(toldVariants(c)), m.Variant) {
				continue
			}
			for _, format := range []string{"terminal", "markdown", "csv"} {
				out := flat(renderComparison(t, format, c, comparisonOptions(c, 120)))
				if !strings.Contains(out, m.Price) {
					t.Errorf("%s: %s lacks the price of %s", c.ID, format, m.Name)
				}
			}
			for line := range strings.Lines(renderComparison(t, "terminal", c, comparisonOptions(c, 120))) {
				if m.Bought && strings.HasPrefix(line, "  "+wordsFor(m.Name).label+"  ") && strings.HasSuffix(line, " better\n") {
					t.Errorf("%s: a bought gain is plainly better: %s", c.ID, line)
				}
			}
		}
	}
}

func names(list []*record.Variant) []string {
	var out []string
	for _, v := range list {
		out = append(out, v.Name)
	}
	return out
}

func TestMetricWords(t *testing.T) {
	for name, want := range map[string]string{
		"connects_per_second": "connects a second", "failed": "failed connections", "failed.reset": "failed: reset",
		"failed.address-not-available": "failed: EADDRNOTAVAIL", "failed.new-cause": "failed: new cause",
		"first_exhaustion_seconds": "first EADDRNOTAVAIL", "rate_that_lasts": "rate that lasts",
		"client.time_wait.peak": "TIME_WAIT, client", "server.time_wait.plateau": "TIME_WAIT plateau, server",
		"ports.peak_share": "ports taken, peak", "time_wait_seconds": "TIME_WAIT lifetime",
		"fin_wait_2_seconds": "FIN_WAIT_2 lifetime", "connect.p50_us": "connect() p50", "connect.p99_us": "connect() p99",
		"connect.p999_us": "connect() p99.9", "tw_reused": "TIME_WAIT reused", "tw_overflow": "closed without TIME_WAIT",
		"resets_seen": "resets seen by peers", "bytes_lost": "bytes lost", "listen_drops": "dropped by the listener",
		"syncookies_sent": "SYN cookies sent", "server.cpu_us_per_connection": "CPU per connection, server",
		"time_wait_bytes_each": "memory of a TIME_WAIT", "never.heard_of": "never.heard_of",
		"client.never_heard": "client.never_heard", "\x1b[2Jx": "?[2Jx",
	} {
		if got := wordsFor(name).label; got != want {
			t.Errorf("%q is called %q, want %q", name, got, want)
		}
	}
	for _, w := range metricNames {
		if strings.Contains(wordsFor("client.time_wait.peak").better, "SIDE") || w.better == "" || w.worse == "" {
			t.Errorf("%q lacks words for better or worse, or keeps SIDE", w.label)
		}
	}
}

func TestMetricSentences(t *testing.T) {
	value := func(values ...float64) record.Value { return record.Value{Values: values} }
	metric := func(name, unit, verdict string, before, after float64) record.Metric {
		return record.Metric{
			Name: name, Unit: unit, Verdict: verdict, Exact: true, Before: &before, After: &after,
			Details: record.ValuePair{Before: value(before), After: value(after)},
		}
	}
	failed := metric("failed", "connections", record.Better, 1000, 0)
	failed.Details.Before.Of, failed.Details.After.Of = ptr(2000.0), ptr(2000.0)
	life := metric("time_wait_seconds", "s", record.NoDifference, 60.1, 60.1)
	life.WouldHaveSeen = ptr(0.2)
	bought := metric("server.time_wait.peak", "sockets", record.Better, 1500, 500)
	bought.Price, bought.Bought = "1,000 were closed without it", true
	first := metric("first_exhaustion_seconds", "s", record.Better, 5, 0)
	first.After, first.Details.After = nil, record.Value{Never: 3, Bound: "never"}
	some := metric("first_exhaustion_seconds", "s", record.Better, 5, 9)
	some.Details.After.Never, some.Details.Before.Values = 2, []float64{4.9, 5, 5.1}
	cpu := metric("client.cpu_us_per_connection", "us", record.Better, 41.24, 40.86)
	cpu.Exact = false
	none := metric("bytes_lost", "bytes", record.Inconclusive, 0, 0)
	none.Before, none.Details.Before = nil, record.Value{Unmeasured: "not matched"}
	none.Why = "not matched"
	zero := metric("connect.p50_us", "us", record.NoDifference, 44, 44)
	zero.WouldHaveSeen = ptr(0.0)
	small := metric("connect.p50_us", "us", record.NoDifference, 44, 44)
	small.WouldHaveSeen = ptr(0.04)
	of := metric("failed", "connections", record.Worse, 0, 3)
	of.Details.Before.Of, of.Details.After.Of = ptr(2000.0), ptr(1500.0)
	spread := metric("ports.peak_share", "share", record.Worse, 0.5, 1)
	spread.Details.After.Values = []float64{0.25, 1, 1}
	for _, tc := range []struct {
		m    record.Metric
		want string
	}{
		{failed, "failed connections 1,000 of 2,000 -> 0: better"},
		{life, "TIME_WAIT lifetime 60.1 s -> 60.1 s: no difference shown (would have seen 0.2 s)"},
		{bought, "TIME_WAIT, server 1,500 -> 500: better, at a price: 1,000 were closed without it"},
		{first, "first EADDRNOTAVAIL 5.0 s -> never: better"},
		{some, "first EADDRNOTAVAIL 4.9 s to 5.1 s -> 9.0 s, never in 2 of 3: better"},
		{cpu, "CPU per connection, client 41.2 us -> 40.9 us: better"},
		{none, "bytes lost - -> 0 bytes: inconclusive: not matched"},
		{zero, "connect() p50 44 us -> 44 us: no difference shown"},
		{small, "connect() p50 44 us -> 44 us: no difference shown (would have seen 0.04 us)"},
		{of, "failed connections 0 of 2,000 -> 3 of 1,500: worse"},
		{spread, "ports taken, peak 50 % -> 25 % to 100 %: worse"},
	} {
		if got := strings.ReplaceAll(tellMetric(&tc.m), nbsp, " "); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

func TestChanges(t *testing.T) {
	bound := func(b string, r float64) record.Metric {
		m := record.Metric{Unit: "1/s", Ratio: &r, RatioBound: b, Before: ptr(1.0), After: &r, Verdict: record.Better}
		m.Details.After.Bound = map[string]string{"at-least": "at-least"}[b]
		return m
	}
	noisy := func(r, low, high, p float64) record.Metric {
		return record.Metric{Unit: "us", Ratio: &r, Interval: &record.Interval{Low: low, High: high}, P: &p, Verdict: record.Worse}
	}
	adjusted, same := noisy(1.5, 1.2, 1.9, 0.004), noisy(1.01, 0.98, 1.04, 0.4)
	adjusted.Adjusted, same.Verdict = ptr(0.008), record.NoDifference
	for _, tc := range []struct {
		m    record.Metric
		want string
	}{
		{bound("at-least", 12.5), "at least x 12 (all that was asked)"},
		{bound("at-least", 2.399), "at least x 2.39 (all that was asked)"},
		{bound("at-least", 2.3), "at least x 2.3 (all that was asked)"},
		{bound("at-most", 0.123), "at most x 0.13"},
		{bound("", 0.5), "x 0.5"},
		{bound("", 0.00345), "x 0.0035"},
		{bound("", 1234), "x 1,234"},
		{bound("", 0), ""},
		{noisy(0.82, 0.79, 0.86, 0.008), "x 0.82 (0.79 to 0.86), p 0.008"},
		{noisy(0.82, 0.79, 0.86, 0.00003), "x 0.82 (0.79 to 0.86), p < 0.001"},
		{noisy(1, 0.9, 1.1, 0.2), "x 1.00 (0.90 to 1.10), p 0.20"},
		{adjusted, "x 1.50 (1.20 to 1.90), p 0.008"},
		{same, "x 1.01 (0.98 to 1.04)"},
	} {
		if got := strings.ReplaceAll(tellChange(&tc.m), nbsp, " "); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

// headlined is the sentence over a comparison with these metrics; a name that begins with ! is not primary.
func headlined(metrics map[string]string, change func(*record.Comparison)) string {
	c := comparisonOf("c", "s", "", "", 3, defaults(), record.Variant{Name: "after"})
	order := []string{
		"failed", "failed.reset", "first_exhaustion_seconds", "rate_that_lasts", "connect.p99_us", "client.time_wait.peak",
		"!failed.reset", "!bytes_lost", "!connect.p50_us", "!tw_overflow",
	}
	for _, name := range order {
		verdict, ok := metrics[name]
		if !ok {
			continue
		}
		verdict, price, _ := strings.Cut(verdict, "$")
		m := exact(c, "after", strings.TrimPrefix(name, "!"), "connections", "lower", 10, 5)
		m.Verdict, m.Price, m.Bought, m.Primary = verdict, price, price != "", !strings.HasPrefix(name, "!")
		m.Exact = !strings.HasPrefix(m.Name, "connect.")
	}
	if change != nil {
		change(c)
	}
	return strings.ReplaceAll(headlineOf(c), nbsp, " ")
}

// A variant is told by its files, each once with its sides, and by the settings of no file that are in force.
func TestVariantWords(t *testing.T) {
	of := func(file string, settings ...string) (out []record.VariantSetting) {
		for i, s := range settings {
			key, value, _ := strings.Cut(s, "=")
			out = append(out, record.VariantSetting{Key: key, Value: value, File: file, Line: i + 1})
		}
		return out
	}
	sysctl := func(client, server []record.VariantSetting) record.SidePair[[]record.VariantSetting] {
		return record.SidePair[[]record.VariantSetting]{Client: client, Server: server}
	}
	for want, v := range map[string]record.Variant{
		"v: a.conf, on the client": {Source: "client:a.conf", Sysctl: sysctl(of("a.conf", "x=1", "y=2"), nil)},
		"v: a.conf, both sides and b.conf, on the server": {
			Source: "a.conf, server:b.conf",
			Sysctl: sysctl(of("a.conf", "x=1"), append(of("a.conf", "x=1"), of("b.conf", "y=2")...)),
		},
		"v: kernel defaults and all.conf, both sides": {Source: "default", Sysctl: sysctl(of("all.conf", "x=1"), of("all.conf", "x=1"))},
		"v: a.conf, on the client and y=3 on the client": {
			Source: "a.conf", Sysctl: sysctl(slices.Concat(of("", "x=0", "y=2"), of("a.conf", "x=1"), of("", "y=3")), nil),
		},
		"v: /records/old":      {Source: "/records/old"},
		"v: close.side=server": {Set: []string{"close.side=server"}},
	} {
		v.Name = "v"
		if got := strings.ReplaceAll(variantWords(&v), nbsp, " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestHeadlines(t *testing.T) {
	const better, worse, same, open = record.Better, record.Worse, record.NoDifference, record.Inconclusive
	type given = map[string]string
	for _, tc := range []struct {
		metrics given
		change  func(*record.Comparison)
		want    string
	}{
		{given{"failed": better}, nil, "Better: fewer connections fail."},
		{given{"failed": better}, func(c *record.Comparison) { c.Metrics[0].After = ptr(0.0) }, "Better: connections go on where they failed before."},
		{given{"failed": better, "failed.reset": better, "client.time_wait.peak": better}, nil, "Better: fewer connections fail."},
		{
			given{"failed": better, "first_exhaustion_seconds": better, "rate_that_lasts": better, "connect.p99_us": better},
			nil,
			"Better: fewer connections fail, the ports last longer and 2 more.",
		},
		{given{"failed": worse}, nil, "Worse: more connections fail."},
		{given{"failed": worse}, func(c *record.Comparison) { c.Metrics[0].Before = ptr(0.0) }, "Worse: connections fail that went through before."},
		{given{"failed": better, "connect.p99_us": worse}, nil, "Better for failed connections, worse for connect() p99."},
		{
			given{"client.time_wait.peak": better + "$half of the bytes", "!bytes_lost": worse},
			nil,
			"Better for TIME_WAIT on the client, at a price; worse for bytes lost. The price: half of the bytes.",
		},
		{
			given{"failed": same, "client.time_wait.peak": better + "$protection"},
			nil,
			"Nothing changed for the connections; fewer TIME_WAIT on the client, at a price. The price: protection.",
		},
		{given{"failed": same, "client.time_wait.peak": better}, nil, "Nothing changed for the connections; fewer TIME_WAIT on the client."},
		{given{"client.time_wait.peak": better}, nil, "Better: fewer TIME_WAIT on the client."},
		{given{"failed": same, "connect.p99_us": same}, nil, "Nothing changed for the connections."},
		{given{"client.time_wait.peak": same}, nil, "No difference shown in anything that decides."},
		// what nobody asked about does not decide, unless connections lose something that can be counted
		{given{"failed": same, "!connect.p50_us": worse, "!tw_overflow": worse}, nil, "Nothing changed for the connections."},
		{given{"failed": same, "!bytes_lost": worse}, nil, "Worse: more bytes are lost."},
		// of which cause they fail is no loss where as many fail
		{given{"failed": same, "!failed.reset": worse}, nil, "Nothing changed for the connections."},
		{given{"!failed.reset": worse}, nil, "Worse: more connections fail."},
		{given{"!bytes_lost": better}, nil, "Better: fewer bytes are lost."},
		{
			given{"failed": same, "connect.p99_us": open},
			func(c *record.Comparison) { c.Metrics[1].Why = "3 trials of each cannot tell: 4 are needed" },
			"Inconclusive. 3 trials of each cannot tell: 4 are needed.",
		},
		{given{"connect.p99_us": open}, nil, "Inconclusive. Open is connect() p99."},
		{
			given{"failed": open},
			func(c *record.Comparison) {
				none := record.Value{Unmeasured: "no trial counts"}
				c.Metrics[0].Before, c.Metrics[0].After, c.Metrics[0].Details = nil, nil, record.ValuePair{Before: none, After: none}
			},
			"There is no verdict yet: no trial has figures that decide.",
		},
		{given{"failed": better, "connect.p99_us": open}, nil, "Better: fewer connections fail. Inconclusive for connect() p99."},
		{given{}, nil, "There is no verdict yet: no trial has figures that decide."},
		{given{"failed": better}, func(c *record.Comparison) { c.Variants = c.Variants[:1] }, "There is nothing to compare: the record has no second variant."},
		{
			given{"failed": better},
			func(c *record.Comparison) {
				c.Enough = []record.LineRef{{Key: "a.b", Side: "both"}, {Key: "c.d", Side: server}}
			},
			"Better: fewer connections fail. 2 lines did it together: a.b on both sides and c.d on the server.",
		},
		{
			given{"failed": same},
			func(c *record.Comparison) {
				c.Plan.ByLine = true
				line := func(key, side, verdict string) {
					c.Lines = append(c.Lines, record.Line{LineRef: record.LineRef{Key: key, Side: side}, Verdict: verdict})
				}
				line("a.b", client, record.Helps)
				line("c.d", client, record.Harmful)
				line("c.d", server, record.Harmful)
			},
			"Nothing changed for the connections. Alone a.b on the client would help; c.d on both sides undoes it.",
		},
		{
			given{"failed": same},
			func(c *record.Comparison) { c.Variants = append(c.Variants, record.Variant{Name: "third"}) },
			"With after, nothing changed for the connections. With third, there is no verdict yet: no trial has figures that decide.",
		},
	} {
		if got := headlined(tc.metrics, tc.change); got != tc.want {
			t.Errorf("%v: got %q, want %q", tc.metrics, got, tc.want)
		}
	}
}

// A row that says again what another one says is left out: the one cause of all failures, a plateau that is the peak.
func TestRowsThatSayNothingNew(t *testing.T) {
	c := comparisonOf("c", "s", "", "", 3, defaults(), record.Variant{Name: "after"})
	for _, name := range []string{
		"failed", "failed.reset", "failed.refused", "client.time_wait.peak", "client.time_wait.plateau", "server.time_wait.plateau",
	} {
		exact(c, "after", name, "", "lower", 9, 3)
	}
	*c.Metrics[2].After = 2
	d := divide(metricsOf(c, "after"))
	var got []string
	for _, m := range d.shown {
		got = append(got, m.Name)
	}
	want := []string{"failed", "failed.refused", "client.time_wait.peak", "server.time_wait.plateau"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A reason speaks of metrics by their labels, but for what is to be typed.
func TestSpoken(t *testing.T) {
	for text, want := range map[string]string{
		"without it rate_that_lasts, client.time_wait.peak is worse": "without it rate that lasts, TIME_WAIT on the client is worse",
		"2 trials failed": "2 trials failed",
		"described only: --primary connect.p99_us judges it": "described only: --primary connect.p99_us judges it",
		"tcp_fin_timeout = 30 (connect.p99_us)":              "tcp_fin_timeout = 30 (connect() p99)",
	} {
		if got := spoken(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Whatever a record lacks, it is told: each of its values in turn is taken away.
func TestComparisonWithoutAnyValue(t *testing.T) {
	c := fourLines()
	c.Variants, c.Trials = c.Variants[:2], c.Trials[:2]
	c.Metrics = slices.Clone(metricsOfValue(c, "after"))
	c.Warnings = []record.Warning{{Code: "a", Text: "b", Advice: "c", Spoils: []string{"failed"}}}
	data, err := record.EncodeComparison(c)
	if err != nil {
		t.Fatal(err)
	}
	var whole any
	if err := json.Unmarshal(data, &whole); err != nil {
		t.Fatal(err)
	}
	taken := 0
	withoutEach(whole, func() {
		less, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		c, err := record.DecodeComparison("FILE", less)
		if err != nil {
			return // a record that contradicts itself is told of by its reader
		}
		taken++
		for _, format := range []string{"terminal", "markdown", "csv", "csv-lines"} {
			out := renderComparison(t, format, c, Options{Width: 80})
			if format == "terminal" {
				fits(t, string(less[:40]), out, 80)
			}
		}
	})
	if taken < 500 {
		t.Errorf("only %d records were told", taken)
	}
}

func TestHeadlineColours(t *testing.T) {
	for c, want := range map[*record.Comparison]style{
		fourLines(): green, lingerZero(): yellow, fewerBuckets(): yellow, sameTwice(): plain, twoKernels(): yellow,
	} {
		if got := headlines(c)[0].mood; got != want {
			t.Errorf("%s: %q is in the wrong colour", c.ID, headlines(c)[0].text)
		}
	}
	three := headlines(noisyThree())
	if three[0].mood != green || three[1].mood != red {
		t.Errorf("better is not green, or worse not red: %v", three)
	}
}

func metricsOfValue(c *record.Comparison, variant string) []record.Metric {
	var out []record.Metric
	for _, m := range metricsOf(c, variant) {
		out = append(out, *m)
	}
	return out
}

// withoutEach sets each value of a JSON document to null for the time of a call.
func withoutEach(doc any, call func()) {
	visit := func(v any, set func(any)) {
		set(nil)
		call()
		set(v)
		withoutEach(v, call)
	}
	switch doc := doc.(type) {
	case map[string]any:
		for k, v := range doc {
			visit(v, func(v any) { doc[k] = v })
		}
	case []any:
		for i, v := range doc {
			visit(v, func(v any) { doc[i] = v })
		}
	}
}

// What became of a setting is told with since when it is gone and what took its place.
func TestSettingsTold(t *testing.T) {
	c := fourLines()
	gone := record.ComparedSetting{Variant: "after", Side: client}
	gone.Key, gone.Asked, gone.Outcome, gone.Optional = "net.ipv4.netfilter.ip_conntrack_max", "9", record.SysctlMissing, true
	gone.GoneSince, gone.ReplacedBy = "4.9", "net.netfilter.nf_conntrack_max"
	wide := record.ComparedSetting{Variant: "after", Side: server}
	wide.Key, wide.Outcome = "net.ipv4.tcp_mem", record.SysctlHostWide
	refused := asked("after", client, "net.ipv4.tcp_syn_retries", "6", "6")
	refused.Asked, refused.Outcome, refused.Reason = "900", record.SysctlRefused, `the kernel does not take "900": a whole number from 1 to 127`
	other := asked("after", server, "net.core.somaxconn", "4096", "65535")
	other.Asked = "99999"
	c.Settings = append(c.Settings, gone, wide, refused, other)
	out := flat(renderComparison(t, "terminal", c, Options{Width: 200}))
	for _, want := range []string{
		"net.ipv4.netfilter.ip_conntrack_max on the client: not in this kernel; gone since Linux 4.9; " +
			"now net.netfilter.nf_conntrack_max; marked as optional",
		"net.ipv4.tcp_mem on the server: there is one for the whole machine",
		`net.ipv4.tcp_syn_retries on the client: the kernel does not take "900": a whole number from 1 to 127`,
		"net.core.somaxconn server 4096 99999 65535 changed, but not",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the screen lacks %q:\n%s", want, renderComparison(t, "terminal", c, Options{Width: 100}))
		}
	}
}

func TestLines(t *testing.T) {
	c := fourLines()
	c.Lines, c.Enough = []record.Line{
		{
			LineRef: record.LineRef{Key: "a", Value: "1", Side: "both"}, LineNo: 1, Verdict: record.Helps, Metric: "first_exhaustion_seconds",
			Before: ptr(5.0), Alone: record.Better, LeftOut: record.NoDifference,
		},
		{
			LineRef: record.LineRef{Key: "a", Value: "2", Side: "both"}, LineNo: 2, Verdict: record.Harmful, Metric: "connect.p99_us",
			Before: ptr(41.0), After: ptr(52.0),
		},
		{
			LineRef: record.LineRef{Key: "b", Value: "1", Side: "both"}, LineNo: 3, Verdict: record.Inconclusive, Why: "2 more trials are needed",
			Alone: record.NoDifference, LeftOut: record.Worse,
		},
	}, nil
	out := flat(renderComparison(t, "terminal", c, Options{Width: 120}))
	for _, want := range []string{
		"line both sides why", "a = 1 helps first EADDRNOTAVAIL 5.0 s -> never; the other lines do it without this one, too",
		"a = 2 harmful connect() p99 41 us -> 52 us", "b = 1 inconclusive 2 more trials are needed; only together with other lines",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the screen lacks %q:\n%s", want, renderComparison(t, "terminal", c, Options{Width: 120}))
		}
	}
	if strings.Contains(out, "Enough") || strings.Contains(out, "did it") {
		t.Error("names lines that are enough, where none is known")
	}
	c.Lines = c.Lines[1:2]
	if out := renderComparison(t, "terminal", c, Options{}); !strings.Contains(out, "No line helps here.") {
		t.Errorf("does not say that no line helps:\n%s", out)
	}
	c.Lines[0].Verdict, c.Lines[0].Why = record.NoEffect, "could not be judged by failed: too few trials"
	if out := flat(renderComparison(t, "terminal", c, Options{})); !strings.Contains(out, "not all of them could be judged.") {
		t.Errorf("says more than was seen:\n%s", out)
	}
}

// What was not measured is a gap with its reason, never a zero.
func TestComparisonMissingIsNeverZero(t *testing.T) {
	c := sameTwice()
	c.Metrics = nil
	m := exact(c, "after", "bytes_lost", "bytes", "lower", 0, 4096)
	m.After, m.Details.After, m.Verdict = nil, record.Value{Unmeasured: "the meter was full"}, record.Inconclusive
	m.Primary = true
	out := flat(renderComparison(t, "terminal", c, Options{Width: 100}))
	if want := "not measured bytes lost: the meter was full (only after; before it was 0 bytes)"; !strings.Contains(out, want) {
		t.Errorf("lacks %q:\n%s", want, out)
	}
	if md := renderComparison(t, "markdown", c, Options{}); !strings.Contains(md, "| 0 bytes | - |") {
		t.Errorf("the markdown lacks the gap:\n%s", md)
	}
}

// The CSV has every metric of every variant and every figure of the record; docs/CSV.md tells what the columns mean.
func TestComparisonCSV(t *testing.T) {
	c := fourLines()
	rows, err := csv.NewReader(strings.NewReader(renderComparison(t, "csv", c, Options{}))).ReadAll()
	if err != nil || len(rows) != len(c.Metrics)+1 {
		t.Fatalf("%d rows for %d metrics: %v", len(rows), len(c.Metrics), err)
	}
	column := func(name string) int { return slices.Index(rows[0], name) }
	for i, row := range rows[1:] {
		m := &c.Metrics[i]
		if row[column("metric")] != m.Name || row[column("variant")] != m.Variant {
			t.Errorf("row %d is %q, want %s of %s", i, row, m.Name, m.Variant)
		}
		if m.Before != nil {
			if v, err := strconv.ParseFloat(row[column("before")], 64); err != nil || v != *m.Before {
				t.Errorf("%s before is %q, want %v", m.Name, row[column("before")], *m.Before)
			}
		} else if row[column("before")] != "" {
			t.Errorf("%s before is %q, want nothing", m.Name, row[column("before")])
		}
	}
	lines, err := csv.NewReader(strings.NewReader(renderComparison(t, "csv-lines", c, Options{}))).ReadAll()
	if err != nil || len(lines) != len(c.Lines)+1 {
		t.Fatalf("%d rows for %d lines: %v", len(lines), len(c.Lines), err)
	}
	enough := 0
	for _, row := range lines[1:] {
		if row[len(row)-1] == "true" {
			enough++
		}
	}
	if enough != 1 {
		t.Errorf("%d lines are enough, want 1", enough)
	}
	if got := csvText("=HYPERLINK(1)"); got != "'=HYPERLINK(1)" {
		t.Errorf("a formula came through: %q", got)
	}
}

func TestCSVIsDocumented(t *testing.T) {
	const path = "../docs/CSV.md"
	var b strings.Builder
	b.WriteString(csvIntro)
	fmt.Fprintf(&b, "\n## csv\n\nOne row for each metric of each variant but the first.\n\n%s", csvTable(slices.Concat(metricFields, engineFields(&record.Comparison{}))))
	fmt.Fprintf(&b, "\n## csv-lines\n\nOne row for each line of the recipe on each side; only the header where the comparison did not go\n"+
		"line by line (`--by-line`).\n\n%s", csvTable(append(slices.Clone(lineFields), enoughField(fourLines()))))
	fmt.Fprintf(&b, "\n# A benchmark as CSV\n\n## csv of a benchmark\n\nOne row for each metric of each row of the benchmark.\n\n%s", csvTable(benchFields))
	fmt.Fprintf(&b, "\n## csv-curve\n\nOne row for each part of the range of ports, where the benchmark has figures against how full it is.\n\n%s",
		csvTable(benchCurveFields))
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(have)); diff != "" {
		t.Errorf("%s is not what the code does; go test ./report -update:\n%s", path, diff)
	}
}

const csvIntro = `# A comparison as CSV

Made from the code by ` + "`go test ./report -update`" + `. ` + "`twomsl report FILE -o csv=out.csv`" + ` has the metrics,
` + "`-o csv-lines=out.csv`" + ` the lines of a recipe. Figures are the record's own, unrounded, in the unit that stands beside them; an empty
cell was not measured or does not apply. Text that a spreadsheet would take for a formula begins with an apostrophe.
Columns may be added at the end; those below keep their names and their order.
`

func csvTable[T any](fields []field[T]) string {
	var b strings.Builder
	b.WriteString("| column | what it holds |\n| --- | --- |\n")
	for _, f := range fields {
		fmt.Fprintf(&b, "| `%s` | %s |\n", f.name, f.means)
	}
	return b.String()
}

// What a record holds can neither steer a terminal nor be markup.
func TestComparisonHostileText(t *testing.T) {
	const evil = "\x1b[2J\x9b31m\r\n\u202ered\x00\xff | <b>`*x*` [a](b)\t```"
	c := noisyThree()
	c.ID, c.Command, c.Tool, c.Status = "m", evil, evil, record.Interrupted
	c.Scenario.Name, c.Scenario.Title, c.Environment.Kernel = evil, evil, evil
	for i := range c.Variants {
		v := &c.Variants[i]
		v.Source, v.Set = evil, []string{evil}
		v.Name = fmt.Sprint(evil, i)
		v.Sysctl.Client = []record.VariantSetting{{Key: evil, Value: evil, File: evil}}
	}
	for i := range c.Metrics {
		m := &c.Metrics[i]
		m.Variant = c.Variants[1+i%2].Name
		m.Name, m.Unit, m.Why, m.Price = evil+strings.Repeat("x", i), evil, evil, evil
		m.Details.Before.Unmeasured = map[bool]string{true: evil}[i%5 == 4]
		m.Verdict = []string{record.Better, record.Worse, record.Inconclusive, record.NoDifference}[i%4]
	}
	for i := range c.Settings {
		s := &c.Settings[i]
		s.Variant, s.Outcome = c.Variants[1].Name, record.SysctlMissing
		s.Key, s.Asked, s.Reason, s.GoneSince, s.ReplacedBy = evil, evil, evil, evil, evil
		s.Default, s.Before, s.Value = ptr(evil), ptr(evil), ptr(evil)
	}
	for _, side := range sides {
		c.Lines = append(c.Lines, record.Line{
			LineRef: record.LineRef{Key: evil, Value: evil, Side: side}, File: evil, Verdict: record.Helps, Metric: evil,
			Before: ptr(1.0), After: ptr(2.0), Price: evil, Why: evil,
		})
	}
	c.Enough = []record.LineRef{c.Lines[0].LineRef}
	c.Trials[3].Failure, c.Trials[3].Variant = evil, evil
	c.Plan.Primary = []string{evil}
	c.Warnings = []record.Warning{{Code: evil, Text: evil, Advice: evil, Spoils: []string{evil}}}
	for _, format := range []string{"terminal", "markdown", "csv", "csv-lines"} {
		out := renderComparison(t, format, c, Options{RecordPath: evil, Width: 80})
		for _, r := range out {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				t.Fatalf("%s: %q came through:\n%q", format, r, out)
			}
		}
		switch format {
		case "terminal":
			fits(t, "hostile", out, 80)
		case "markdown":
			prose, code, _ := strings.Cut(out, "\n```sh\n")
			if strings.Contains(prose, "<b>") || strings.Contains(prose, " | &lt;b") || strings.Count(code, "```") != 1 {
				t.Errorf("markup came through:\n%s", out)
			}
			markdownIsWhole(t, prose)
		}
	}
}

// markdownIsWhole holds every table to rows of one width: nothing in a cell ends it.
func markdownIsWhole(t *testing.T, text string) {
	t.Helper()
	cells := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := len(regexp.MustCompile(`(^|[^\\])((\\\\)*)\|`).FindAllString(line, -1))
		if cells != 0 && n != cells {
			t.Errorf("a row of %d bars in a table of %d: %s", n, cells, line)
		}
		cells = n
	}
}

func TestComparisonMarkdownIsWhole(t *testing.T) {
	for _, c := range comparisons() {
		out := renderComparison(t, "markdown", c, comparisonOptions(c, 0))
		markdownIsWhole(t, out)
		if strings.Count(out, "<details>") != strings.Count(out, "</details>") || strings.Contains(out, nbsp) {
			t.Errorf("%s: a block is not closed, or an odd space is left", c.ID)
		}
	}
}

func FuzzRenderComparison(f *testing.F) {
	for _, c := range comparisons() {
		data, err := record.EncodeComparison(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(80))
	}
	f.Fuzz(func(t *testing.T, data []byte, width uint8) {
		c, err := record.DecodeComparison("FILE", data)
		if err != nil {
			return
		}
		for _, format := range ComparisonFormats() {
			var b bytes.Buffer
			if err := WriteComparison(format, &b, c, Options{Width: int(width), RecordPath: "FILE"}); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if b.Len() == 0 || slices.Contains(b.Bytes(), 0x1b) {
				t.Fatalf("%s: nothing, or an escape sequence: %q", format, b.String())
			}
			for line := range strings.Lines(b.String()) {
				if n := columns(strings.TrimSuffix(line, "\n")); format == "terminal" && width >= 60 && n > int(width) {
					t.Fatalf("%d columns of %d: %s", n, width, line)
				}
			}
		}
	})
}

// What a comparison over two hosts takes to go on stands in its command, and nowhere else.
func TestResumeNamesTheOtherHost(t *testing.T) {
	for command, want := range map[string]string{
		"twomsl compare steady-200 --server h:7000 --trials 6 --token-file 'my token' --accept-risk=host-ports -q": " --server h:7000 --token-file 'my token' --accept-risk=host-ports",
		"twomsl compare steady-200 --server=h:7000 --token-file=t":                                                 " --server=h:7000 --token-file=t",
		"twomsl compare steady-200 --accept-risk=host-sysctl":                                                      "",
	} {
		c := record.Comparison{Status: record.Interrupted, Command: command}
		if got := resume(&c, Options{RecordPath: "c.json"}); got != "twomsl compare --resume c.json"+want {
			t.Errorf("%s: %s", command, got)
		}
	}
}

// A line that is broken within quotes is another command.
func TestArgumentsKeepQuotes(t *testing.T) {
	got := arguments("twomsl run x --set 'a=40000 40049  2' --rate 5 -q 'two words' 'it'\\''s one'")
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], nbsp, "_")
	}
	want := []string{"twomsl", "run", "x", "--set_'a=40000_40049__2'", "--rate_5", "-q_'two_words'", `'it'\''s_one'`}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
