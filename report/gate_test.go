package report

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

func renderGate(t *testing.T, format string, g *record.Gate, opt Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteGate(format, &b, g, opt); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gateOptions(g *record.Gate, width int) Options {
	return Options{Width: width, RecordPath: "twomsl-results/" + g.ID + ".json"}
}

// gateFiles are the formats that a golden is kept of, and how it ends.
var gateFiles = map[string]string{
	"markdown": "md", "junit": "xml", "annotations": "annotations.txt", "benchfmt": "bench", "prometheus": "prom",
}

func TestGateGoldens(t *testing.T) {
	for _, made := range gates() {
		name := stemOf(made.ID)
		golden(t, name+".json", renderGate(t, "json", made, Options{}))
		g, err := record.ReadGate(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range widths {
			golden(t, fmt.Sprintf("%s.%d.txt", name, w), renderGate(t, "terminal", g, gateOptions(g, w)))
		}
		for format, end := range gateFiles {
			golden(t, name+"."+end, renderGate(t, format, g, gateOptions(g, 0)))
		}
		golden(t, filepath.Join("pages", name+".html"), dataURI.ReplaceAllString(renderGate(t, "html", g, gateOptions(g, 0)), "data:PICTURE"))
	}
	golden(t, "gate-regression.color.txt", renderGate(t, "terminal", regressionGate(), Options{Color: true}))
}

func TestGateFits(t *testing.T) {
	for _, g := range append(gates(), &record.Gate{ID: "empty"}) {
		for _, w := range []int{60, 61, 72, 80, 99, 100, 120, 200} {
			opt := gateOptions(g, w)
			text := renderGate(t, "terminal", g, opt)
			fits(t, g.ID, text, w)
			opt.Color = true
			if diff := cmp.Diff(text, escape.ReplaceAllString(renderGate(t, "terminal", g, opt), "")); diff != "" {
				t.Errorf("%s at %d: colour changes more than colour:\n%s", g.ID, w, diff)
			}
		}
	}
}

// Nothing in a record becomes markup, a terminal's command, a workflow's command or a line of its own.
func TestGateIsOnlyText(t *testing.T) {
	for _, g := range gates() {
		standsAlone(t, g.ID, renderGate(t, "html", g, gateOptions(g, 0)))
		for _, format := range slices.DeleteFunc(GateFormats(), func(f string) bool { return f == "json" || f == "html" }) {
			text := renderGate(t, format, g, gateOptions(g, 0))
			if strings.ContainsAny(text, "\x1b\u202e\x00\u009b\ufffe"+nbsp) {
				t.Errorf("%s as %s lets the record speak for itself:\n%s", g.ID, format, text)
			}
		}
		markdown := unfenced(renderGate(t, "markdown", g, gateOptions(g, 0)))
		if strings.Contains(markdown, "```") || strings.Contains(markdown, "<script") || strings.Contains(markdown, "\n# ") {
			t.Errorf("%s: markup in Markdown:\n%s", g.ID, markdown)
		}
		for line := range strings.Lines(renderGate(t, "annotations", g, Options{})) {
			if !regexp.MustCompile(`^::(error|warning|notice) (file=[^:,]+,)?(line=\d+,)?title=[^:,]+::.+\n$`).MatchString(line) {
				t.Errorf("%s: no workflow command: %q", g.ID, line)
			}
		}
	}
}

// unfenced takes the blocks of code out of Markdown, in which nothing is markup.
func unfenced(text string) string {
	var out strings.Builder
	fence := ""
	for line := range strings.Lines(text) {
		switch marks := line[:len(line)-len(strings.TrimLeft(line, "`"))]; {
		case fence == "" && len(marks) >= 3:
			fence = marks
		case fence == "":
			out.WriteString(line)
		case strings.TrimSpace(line) == fence:
			fence = ""
		}
	}
	return out.String() + fence
}

// The verdict with its reason comes first, then the budgets, what they rest on, and what to do.
func TestGateAnswersFirst(t *testing.T) {
	for name, in := range map[string]struct {
		gate *record.Gate
		want []string
	}{
		"pass": {passGate(), []string{
			"smoke gate against git:main Linux 6.18 · split/epoll · 4f2a9c1d0b7e", "Pass: all 5 budgets hold.", "connects_per_second: drop <= 5% 30,878/s 30,500/s -1.2 % (-3.3 to +0.9 %) pass",
			"this machine ±2.1 % between trials of connects_per_second (churn); 6 + 6 trials, and 12 + 12 again, tell what is 4 % apart, the plan asks for 5 %",
			"would catch a drop by 8.1 % of connects_per_second (churn) and a rise by 23.1 % of connect.p99_us (churn), 8 times in 10", "36 trials' records lie beside it", "repeat twomsl gate smoke.yaml",
		}},
		"regression": {regressionGate(), []string{
			"Regression: 2 of 5 budgets are broken: connects_per_second (churn) fell by 12.1 % and client.time_wait.peak (exhaustion) was 1,180 to 1,230.",
			"first look 6 + 6 trials: 30,878/s -> 27,100/s, -12.2 % (-15.6 to -8.8 %), p 0.001 (broken below 0.013): broken", "second look 12 + 12 trials:",
			"outside it in 12 of 12 trials regression", "next See which trials differ",
		}},
		"one regression": {oneRegression(), []string{
			"Regression: connects_per_second fell by 12.1 % (8.9 to 15.2 %), more than the 5 % that the plan allows; seen twice, in 6 and in 12 trials of each.",
		}},
		"noisy":       {noisyGate(), []string{"Inconclusive: connects_per_second fell by 4.8 %: the change lies between -11.9 % and +2.4 %, and the limit, -5.0 %, within that.", "that takes 54 of each", "next Plan 54 trials of each"}},
		"spoilt":      {spoiltGate(), []string{"Inconclusive: 2 of 5 budgets are open:", "Not to be relied on: connects_per_second and connect.p99_us.", "next Run it on a machine that is not shared."}},
		"unconfirmed": {unconfirmedGate(), []string{"Pass: all 5 budgets hold.", "suspected at the first look, and not seen again"}},
		"absolute":    {absoluteGate(), []string{"Pass: all 3 budgets hold.", "budget tested verdict", "first_exhaustion_seconds > 60 never pass"}},
		"elsewhere": {elsewhereGate(), []string{
			"2 of 6 budgets are open: the baseline's times are not held against", "listen_drops: rise <= 5 2 3 +1 pass", "baseline ci/base.json · saved 2026-11-12 · 4 sessions · revision 91bb03e8a4d1",
			"It differs in kernel (6.12.48-amd64 there, 6.18.5-amd64 here); processor", "Timed metrics are not held against it.", "next Save a baseline on this machine",
		}},
		"invalid":     {invalidGate(), []string{`Invalid: ci/smoke.yaml:9: budget "connects_per_second: drop <= 5"`}},
		"unsupported": {unsupportedGate(), []string{"Not possible on this machine: no namespaces can be made here"}},
		"failed":      {failedGate(), []string{"Failed: building the reference failed: make server: exit status 2.", "| go build ./cmd/server", "| cmd/server/main.go:12:2: undefined: x"}},
		"interrupted": {interruptedGate(), []string{"Interrupted: what was measured so far stands in the report, without a verdict.", "bytes_lost == 0 0 bytes pass", "no EADDRNOTAVAIL not judged", "next Run it again"}},
		"empty":       {&record.Gate{ID: "empty", Status: record.Complete, Verdict: record.Pass}, []string{"Pass: no budget was judged."}},
	} {
		text := flat(renderGate(t, "terminal", in.gate, gateOptions(in.gate, 120)))
		at := 0
		for _, want := range in.want {
			i := strings.Index(text[at:], want)
			if i < 0 {
				t.Errorf("%s: %q is not there, or not after what comes before it:\n%s", name, want, text)
				continue
			}
			at += i
		}
	}
}

// oneRegression has nothing else that is broken.
func oneRegression() *record.Gate {
	g := regressionGate()
	g.Budgets[4] = passGate().Budgets[4]
	return g
}

// The budgets' figures say why; where there are none, the record does, and its verdict is not told twice.
func TestGateReasons(t *testing.T) {
	g := invalidGate()
	for why, want := range map[string]string{
		"Invalid: no such file":         "Invalid: no such file.",
		"no such file.":                 "Invalid: no such file.",
		"invalid":                       "Invalid.",
		"a is wrong\nb is wrong\n":      "Invalid: a is wrong.",
		"ci/smoke.yaml:9: no budget \n": "Invalid: ci/smoke.yaml:9: no budget.",
	} {
		g.Why = why
		if got, _, _ := gateHeadline(g); got != want {
			t.Errorf("%q is told as %q, want %q", why, got, want)
		}
	}
	g = oneRegression()
	g.Why = "regression: churn: connects_per_second: drop <= 5%"
	if got, _, _ := gateHeadline(g); !strings.HasPrefix(got, "Regression: connects_per_second fell by 12.1"+nbsp+"%") {
		t.Error(got)
	}
	g.Budgets[0].First.Verdict = record.Unclear // then all trials were looked at together
	if got, _, _ := gateHeadline(g); !strings.HasSuffix(got, "; seen in 12 trials of each.") || looksOf(&g.Budgets[0])[1].name != "both looks" {
		t.Error(got)
	}
	g.Budgets, g.Why = nil, "regression: nobody knows"
	if got, _, _ := gateHeadline(g); got != "Regression: nobody knows." {
		t.Error(got)
	}
}

// Reasons that are put into the record are those that reports give, and are not told twice.
func TestExplainGate(t *testing.T) {
	for _, g := range gates() {
		before, _, _ := gateHeadline(g)
		ExplainGate(g)
		if after, _, _ := gateHeadline(g); plainSpaces(after) != plainSpaces(before) {
			t.Errorf("%s: %q is told as %q", g.ID, before, after)
		}
		for i := range g.Budgets {
			b := &g.Budgets[i]
			if strings.Contains(b.Why+g.Why, nbsp) || b.Verdict == record.Regression && strings.Count(budgetClause(b), "plan") > 1 {
				t.Errorf("%s: %q", g.ID, budgetClause(b))
			}
		}
	}
}

// A regression of each kind is said in a clause.
func TestBudgetClauses(t *testing.T) {
	two, three, nine := 2.0, 3.0, 9.0
	count := record.GateBudget{
		Metric: "listen_drops", Relative: true, Exact: true, Operator: "rise", Limit: 5, Verdict: record.Regression,
		First: record.GateLook{
			Reference: record.Value{Values: []float64{2, 2}}, Tested: record.Value{Values: []float64{9, 9}}, ReferenceMedian: &two, TestedMedian: &nine,
			Change: ptr(3.5), Verdict: record.Broken,
		},
	}
	never := record.GateBudget{
		Metric: "first_exhaustion_seconds", Unit: "s", Operator: ">", Limit: 60, Verdict: record.Regression,
		First: record.GateLook{Tested: record.Value{Values: []float64{3}, Never: 1}, TestedMedian: &three, Outside: 1, Verdict: record.Broken},
	}
	unseen := record.GateBudget{
		Metric: "syncookies_sent", Operator: "==", Verdict: record.Inconclusive,
		First: record.GateLook{Tested: record.Value{Unmeasured: "the kernel has no such counter"}, Verdict: record.Unclear},
	}
	alone := elsewhereGate().Budgets[0]
	alone.Why, alone.First.Reference = "the baseline has no such metric", record.Value{}
	same := count
	same.Verdict, same.First.TestedMedian, same.First.Tested = record.Pass, &two, same.First.Reference
	for want, b := range map[string]record.GateBudget{
		"listen_drops rose by 7 (2 -> 9), more than the 5 that the plan allows":                                        count,
		"first_exhaustion_seconds was 3.0 s, never in 1 of 2; the plan wants > 60.0 s; outside it in 1 of 2 trials":    never,
		"syncookies_sent was not measured: the kernel has no such counter":                                             unseen,
		"connects_per_second was not held against anything: the baseline has no such metric":                           alone,
		"listen_drops stayed at 2, within the 5 that the plan allows":                                                  same,
		"connects_per_second fell by 1.2 %: too uncertain to tell whether that is within the 5 % that the plan allows": func() record.GateBudget { b := elsewhereGate().Budgets[0]; b.Why = ""; return b }(),
		"connects_per_second changed by -1.2 % (-3.3 to +0.9 %), within the 5 % that the plan allows":                  passGate().Budgets[0],
	} {
		if got := strings.ReplaceAll(budgetClause(&b), nbsp, " "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestGateFormats(t *testing.T) {
	want := []string{"annotations", "benchfmt", "html", "json", "junit", "markdown", "prometheus", "terminal"}
	if diff := cmp.Diff(want, GateFormats()); diff != "" {
		t.Error(diff)
	}
	if err := WriteGate("csv", &bytes.Buffer{}, passGate(), Options{}); err == nil || !strings.Contains(err.Error(), `unknown format "csv" for a gate`) {
		t.Error(err)
	}
	for _, g := range gates() {
		if err := g.Check(); err != nil && g.ID != hostileGate().ID {
			t.Errorf("%s: %v", g.ID, err)
		}
		for _, f := range GateFormats() {
			if first := renderGate(t, f, g, Options{}); first != renderGate(t, f, g, Options{}) {
				t.Errorf("%s as %s: other bytes the second time", g.ID, f)
			}
		}
	}
}

// The charts have every trial, every look and the limit; history marks what was a regression.
func TestGatePictures(t *testing.T) {
	g := historyGate()
	figures := budgetFigures(g)
	if len(figures) != 2 || !strings.Contains(figures[0].title, "connects_per_second") || len(figures[0].chart.Panels) != 2 {
		t.Fatalf("%d charts of budgets: %+v", len(figures), figures)
	}
	dots := 0
	for _, l := range figures[0].chart.Panels[0].Lines {
		if l.Dots {
			dots += len(l.Points) / 2
		}
	}
	if dots != 6+6+12+12 {
		t.Errorf("%d dots for 36 trials", dots)
	}
	past, still := historyFigures(g)
	if len(past) != 3 || len(still) != 2 || len(past[0].chart.Panels[0].Moments) != 3 || len(past[0].chart.Panels[0].Lines[2].Points) != 30 {
		t.Errorf("%d charts of history, %d that stand still", len(past), len(still))
	}
	pictures, err := GatePictures(g, "svg")
	if err != nil || len(pictures) != 2*(2+3) {
		t.Errorf("%d pictures, %v", len(pictures), err)
	}
	for i := range g.Budgets { // the first gate's
		g.History[i].Plan = "another"
	}
	if past, _ = historyFigures(g); len(past[0].chart.Panels[0].X.Ticks) != 29 {
		t.Error("points of another plan are drawn")
	}
}

// A figure that is none is left out of every format, and JSON refuses it.
func TestGateTellsNoNaN(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(-1)
	g := historyGate()
	g.Seconds, g.Host.LoadBefore, g.Noise[0].Spread, g.Plan.Level = inf, &nan, nan, inf
	for i := range g.Budgets {
		b := &g.Budgets[i]
		b.Limit, b.Smallest = nan, &inf
		for _, l := range looksOf(b) {
			l.Tested.Values[0], l.TestedMedian, l.Alpha, l.PBroken = nan, &inf, nan, &nan
			l.Change, l.Interval = &inf, &record.Interval{Low: nan, High: inf}
		}
	}
	g.Scenarios[0].First.Seconds = inf
	for i := range g.History {
		g.History[i].Median, g.History[i].Low = &inf, &nan
	}
	bad := regexp.MustCompile(`(?i)\bNaN\b|[+-]Inf\b`)
	for _, f := range GateFormats() {
		var b bytes.Buffer
		err := WriteGate(f, &b, g, Options{})
		switch found := bad.FindString(b.String()); {
		case f == "json" && err == nil:
			t.Error("JSON with a NaN is no JSON")
		case f != "json" && (err != nil || found != ""):
			t.Errorf("%s has %q, %v", f, found, err)
		}
	}
	if !math.IsNaN(g.Budgets[0].Limit) || !math.IsInf(*g.Budgets[0].First.TestedMedian, -1) {
		t.Error("the record was changed")
	}
}

// Whatever a file holds that passes as a record can be told in every format.
func FuzzRenderGate(f *testing.F) {
	for _, g := range gates() {
		data, err := record.EncodeGate(g)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := record.DecodeGate("fuzz", data)
		if err != nil || len(g.Budgets) > 50 {
			return
		}
		for _, format := range slices.DeleteFunc(GateFormats(), func(f string) bool { return f == "html" }) { // whose pictures take long
			var out bytes.Buffer
			if err := WriteGate(format, &out, g, Options{Width: 80}); err != nil {
				t.Errorf("%s: %v", format, err)
			}
			switch format {
			case "terminal":
				fits(t, "fuzz", out.String(), 80)
			case "junit":
				readJUnit(t, out.String())
			case "prometheus":
				readPrometheus(t, out.String())
			}
		}
		budgetFigures(sound(g))
		historyFigures(sound(g))
	})
}
