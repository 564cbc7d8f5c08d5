package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"twomsl/internal/record"
)

// drove is an engine that nothing else in a report could be taken for, and chose why it was chosen.
const drove, chose = "split/somehow", "tried first and worked"

// named wants a report to name its engine, and why it was chosen where why is asked for.
func named(t *testing.T, format, text string, why bool) {
	t.Helper()
	plain := strings.Join(strings.Fields(strings.ReplaceAll(text, nbsp, " ")), " ")
	if !strings.Contains(plain, drove) {
		t.Errorf("%s does not name the engine", format)
	}
	if why && !strings.Contains(plain, chose) {
		t.Errorf("%s does not say why the engine was chosen", format)
	}
}

// TestEveryReportNamesItsEngine goes through all formats but those that are no report: the states as netstat prints them,
// pictures, and lines of a recipe.
func TestEveryReportNamesItsEngine(t *testing.T) {
	tr := steady()
	tr.Engine, tr.EngineWhy = drove, chose
	for _, f := range reports(Formats()) {
		named(t, f, render(t, f, tr, Options{Width: 100}), true)
	}
	c := sameTwice()
	for i := range c.Variants {
		c.Variants[i].Engines, c.Variants[i].EngineWhy = []string{drove}, chose
	}
	for _, f := range reports(ComparisonFormats()) {
		named(t, "a comparison's "+f, renderComparison(t, f, c, Options{Width: 100}), f != "csv")
	}
	m := contradicted()
	for i := range m.Rows {
		m.Rows[i].Engine = drove
	}
	for _, f := range reports(MatrixFormats()) {
		named(t, "a matrix's "+f, renderMatrix(t, f, m, Options{Width: 100}), false)
	}
	l := someClaims()
	for i := range l.Tests {
		l.Tests[i].Engine = drove
	}
	for _, f := range reports(ClaimsFormats()) {
		named(t, "claims' "+f, renderClaims(t, f, l, Options{Width: 100}), false)
	}
	i := recordedIncident(t)
	for _, one := range i.Trials() {
		one.Engine = drove
	}
	for _, f := range reports(IncidentFormats()) {
		named(t, "an incident's "+f, renderIncident(t, f, i, 100), false)
	}
	r := squidRebuilt()
	r.Trial.Engine, r.Trial.EngineWhy = drove, chose
	for _, f := range reports(ReproductionFormats()) {
		named(t, "a reproduction's "+f, renderReproduction(t, f, r, reproductionOptions(r, 100)), true)
	}
}

func reports(formats []string) []string {
	return slices.DeleteFunc(slices.Clone(formats), func(f string) bool {
		return slices.Contains([]string{"states", "png", "svg", "csv-lines"}, f)
	})
}

// TestSeveralEnginesAreSaid: rows and acts that different engines drove stand in one report, with a word of caution.
func TestSeveralEnginesAreSaid(t *testing.T) {
	const caution = "Several engines drove the connections"
	m, i := contradicted(), recordedIncident(t)
	for n := range m.Rows {
		m.Rows[n].Engine = "net"
	}
	for _, f := range []string{"terminal", "markdown"} {
		if strings.Contains(renderMatrix(t, f, m, Options{Width: 100}), caution) {
			t.Errorf("one engine drove the matrix, and its %s warns of several", f)
		}
	}
	m.Rows[0].Engine = "paired"
	i.Found.After.Engine = "paired"
	for _, f := range []string{"terminal", "markdown"} {
		text := renderMatrix(t, f, m, Options{Width: 100})
		if !strings.Contains(text, caution) || !strings.Contains(text, "net") {
			t.Errorf("the matrix's %s does not warn of several engines", f)
		}
	}
	for _, f := range []string{"terminal", "markdown", "html"} {
		if !strings.Contains(renderIncident(t, f, i, 100), caution) {
			t.Errorf("the incident's %s does not warn of several engines", f)
		}
	}
}

// TestPlacement: where each worker has a processor to itself every report of a trial says so, beside the engine.
func TestPlacement(t *testing.T) {
	for _, why := range []string{"", chose} {
		tr := steady()
		tr.EngineWhy = why
		for _, f := range []string{"terminal", "html"} {
			plain := func() string {
				return strings.Join(strings.Fields(strings.ReplaceAll(render(t, f, tr, Options{Width: 100}), nbsp, " ")), " ")
			}
			const says = "one worker of either side on each of 2 processors"
			if tr.Spread = nil; strings.Contains(plain(), says) {
				t.Errorf("%s says so where the kernel placed them", f)
			}
			if tr.Spread = []int{0, 1}; !strings.Contains(plain(), says) || !strings.Contains(plain(), why) {
				t.Errorf("%s does not say where the workers were, or why %q", f, why)
			}
		}
	}
}

func TestComparedEngines(t *testing.T) {
	v := func(name, why string, engines ...string) record.Variant {
		return record.Variant{Name: name, EngineWhy: why, Engines: engines}
	}
	for want, variants := range map[string][]record.Variant{
		"":                                       {v("a", ""), v("b", "")},
		"split/uring":                            {v("a", "", "split/uring"), v("b", "", "split/uring")},
		"split/uring: fast":                      {v("a", "fast", "split/uring"), v("b", "fast", "split/uring")},
		"split/uring (a), split/epoll (a and b)": {v("a", "", "split/uring", "split/epoll"), v("b", "", "split/epoll")},
	} {
		if got := comparedEngines(&record.Comparison{Variants: variants}); got != want {
			t.Errorf("%s: %q, want %q", fmt.Sprint(variants), got, want)
		}
	}
}
