package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"twomsl/internal/record"
)

func init() { registerGate("junit", writeGateJUnit) }

// What is written keeps to the schema of Jenkins (junit-10.xsd), which is stricter than other readers.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr,omitempty"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		ClassName string       `xml:"classname,attr"`
		Name      string       `xml:"name,attr"`
		Time      string       `xml:"time,attr"`
		Failure   *junitReason `xml:"failure"`
		Error     *junitReason `xml:"error"`
		Skipped   *junitReason `xml:"skipped"`
		Out       string       `xml:"system-out,omitempty"`
	}
	junitReason struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeGateJUnit writes a suite for each scenario and a case for each budget. What ends the build with an error is never
// green in it: an inconclusive budget is an error, and skipped only where the exit code is 0.
func writeGateJUnit(b *bytes.Buffer, g *record.Gate, _ Options) error {
	all := junitSuites{Name: "twomsl gate " + gateName(g), Time: junitTime(g.Seconds)}
	for _, name := range scenarioNames(g) {
		if budgets := budgetsOf(g, name); len(budgets) > 0 {
			all.Suites = append(all.Suites, junitSuiteOf(g, name, budgets))
		}
	}
	if g.Status != record.Complete || len(all.Suites) == 0 {
		all.Suites = append(all.Suites, junitWhole(g))
	}
	for i := range all.Suites {
		s := &all.Suites[i]
		s.add(g)
		all.Tests, all.Failures, all.Errors = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors
	}
	data, err := xml.MarshalIndent(&all, "", "  ")
	if err != nil {
		return err
	}
	b.WriteString(xml.Header)
	// Only text has lines of its own, and there a line's end may stand as it is.
	b.Write(bytes.ReplaceAll(data, []byte("&#xA;"), []byte("\n")))
	b.WriteByte('\n')
	return nil
}

func junitSuiteOf(g *record.Gate, name string, budgets []*record.GateBudget) junitSuite {
	took := 0.0
	for _, c := range comparisonsIn(scenarioOf(g, name)) {
		took += c.Seconds
	}
	s := junitSuite{Name: clean(name), Time: junitTime(took)}
	for _, b := range budgets {
		s.Cases = append(s.Cases, junitBudget(g, b, took/float64(len(budgets))))
	}
	return s
}

func junitBudget(g *record.Gate, b *record.GateBudget, took float64) junitCase {
	c := junitCase{ClassName: gateName(g) + "." + clean(b.Scenario), Name: budgetName(b), Time: junitTime(took), Out: junitOut(g, b)}
	why := &junitReason{Message: budgetClause(b), Type: clean(b.Verdict), Text: budgetClause(b)}
	switch {
	case b.Verdict == record.Regression:
		c.Failure = why
	case b.Verdict == record.Inconclusive && g.ExitCode != 0:
		c.Error = why
	case b.Verdict != record.Pass:
		c.Skipped = why
	}
	return c
}

// junitOut has a budget's figures, look by look.
func junitOut(g *record.Gate, b *record.GateBudget) string {
	var lines []string
	for _, l := range looksOf(b) {
		lines = append(lines, l.name+", "+lookWords(g, b, l.GateLook))
		if b.Relative {
			lines = append(lines, "  reference: "+eachValue(&l.Reference))
		}
		lines = append(lines, "  tested: "+eachValue(&l.Tested))
	}
	if text := smallestChange(b); text != "" {
		lines = append(lines, "would have caught a change of "+text)
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), nbsp, " ")
}

// eachValue lists the values of the trials, unrounded.
func eachValue(v *record.Value) string {
	var out []string
	for _, one := range v.Values {
		out = append(out, strconv.FormatFloat(one, 'g', -1, 64))
	}
	if v.Never > 0 {
		out = append(out, fmt.Sprintf("never in %d", v.Never))
	}
	if why := clean(v.Unmeasured); why != "" {
		out = append(out, "not measured: "+why)
	}
	return strings.Join(out, " ")
}

// junitWhole is a case for the gate itself, where it did not come to its end.
func junitWhole(g *record.Gate) junitSuite {
	verdict, _ := gateVerdict(g)
	text, quoted, _ := gateHeadline(g)
	why := &junitReason{Message: text, Type: verdict, Text: strings.Join(append([]string{text}, quoted...), "\n")}
	c := junitCase{ClassName: gateName(g), Name: "gate", Time: junitTime(g.Seconds)}
	switch {
	case g.Status == record.Complete && g.Verdict == record.Pass:
	case g.Status == record.Complete && g.Verdict == record.Regression:
		c.Failure = why
	case g.ExitCode == 0 && (g.Status == record.Unsupported || g.Status == record.Complete):
		c.Skipped = why
	default:
		c.Error = why
	}
	return junitSuite{Name: gateName(g), Time: junitTime(g.Seconds), Cases: []junitCase{c}}
}

// add counts a suite's cases, and says what they were run on. Text is without what XML 1.0 cannot hold.
func (s *junitSuite) add(g *record.Gate) {
	s.Tests = len(s.Cases)
	for i := range s.Cases {
		c := &s.Cases[i]
		for _, r := range []struct {
			why *junitReason
			n   *int
		}{{c.Failure, &s.Failures}, {c.Error, &s.Errors}, {c.Skipped, &s.Skipped}} {
			if r.why != nil {
				*r.n++
				r.why.Message, r.why.Text = strings.ReplaceAll(r.why.Message, nbsp, " "), strings.ReplaceAll(r.why.Text, nbsp, " ")
			}
		}
	}
	if !g.StartedAt.IsZero() {
		s.Timestamp = g.StartedAt.UTC().Format("2006-01-02T15:04:05")
	}
	for _, p := range gateFacts(g) {
		s.Properties = append(s.Properties, junitProperty{p[0], p[1]})
	}
}

// gateFacts are what a machine is told of a gate as a whole, by name; what is not known is left out.
func gateFacts(g *record.Gate) (out [][2]string) {
	e := &g.Environment
	exact := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for _, p := range [][2]string{
		{"gate", g.ID},
		{"plan", g.Plan.Name},
		{"status", string(g.Status)},
		{"verdict", g.Verdict},
		{"exit_code", strconv.Itoa(g.ExitCode)},
		{"revision", g.Revision},
		{"reference", g.Reference},
		{"kernel", e.Kernel},
		{"cpu", e.CPUModel},
		{"cpus", positive(e.CPUs)},
		{"engine", gateEngines(g)},
		{"level", exact(g.Plan.Level)},
		{"power", exact(g.Plan.Power)},
		{"trials", positive(g.Plan.Trials)},
		{"tool", g.Tool},
	} {
		if value := clean(p[1]); value != "" {
			out = append(out, [2]string{p[0], value})
		}
	}
	return out
}

func positive(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// junitTime writes seconds as readers of JUnit take them.
func junitTime(v float64) string {
	const most = 1e9 // thirty years
	return strconv.FormatFloat(max(0, min(v, most)), 'f', 3, 64)
}
