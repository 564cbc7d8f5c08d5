package report

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"twomsl/internal/record"
)

func init() { registerGate("annotations", writeGateAnnotations) }

// writeGateAnnotations writes workflow commands of GitHub Actions: a line for each budget that does not hold, what fails the
// build first, since only the first ten are shown; one line where all is well.
func writeGateAnnotations(b *bytes.Buffer, g *record.Gate, _ Options) error {
	name := "twomsl gate " + gateName(g)
	verdict, _ := gateVerdict(g)
	text, quoted, _ := gateHeadline(g)
	told := false
	for _, v := range []string{record.Regression, record.Inconclusive} {
		for _, one := range budgetsWith(g, v) {
			annotation(b, annotationLevel(g, v), name+": "+clean(one.Scenario)+": "+v, budgetPlace(g, one), budgetName(one)+": "+budgetClause(one))
			told = true
		}
	}
	switch {
	case g.Status == record.Complete && g.Verdict == record.Pass:
		annotation(b, "notice", name+": "+verdict, "", text)
	case g.Status == record.Unsupported && g.ExitCode == 0:
		annotation(b, "warning", name+": "+verdict, "", text)
	case g.Status != record.Complete || !told:
		annotation(b, "error", name+": "+verdict, "", strings.Join(append([]string{text}, quoted...), "\n"))
	}
	return nil
}

// annotationLevel makes an error of what fails the build.
func annotationLevel(g *record.Gate, verdict string) string {
	if verdict == record.Regression || verdict == g.Verdict && g.ExitCode != 0 {
		return "error"
	}
	return "warning"
}

// budgetPlace is the line of the plan that has the budget, where the plan lies in the repository.
func budgetPlace(g *record.Gate, b *record.GateBudget) string {
	file, text := filepath.ToSlash(clean(g.Plan.File)), clean(b.Text)
	if file == "" || !filepath.IsLocal(file) {
		return ""
	}
	place := "file=" + propertyEscapes.Replace(filepath.ToSlash(filepath.Clean(file)))
	line := slices.IndexFunc(strings.Split(g.Plan.Text, "\n"), func(l string) bool { return text != "" && strings.Contains(clean(l), text) })
	if line >= 0 && strings.Count(clean(g.Plan.Text), text) == 1 {
		place += fmt.Sprintf(",line=%d", line+1)
	}
	return place
}

var (
	messageEscapes  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", nbsp, " ")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C", nbsp, " ")
)

func annotation(b *bytes.Buffer, level, title, place, message string) {
	if place != "" {
		place += ","
	}
	fmt.Fprintf(b, "::%s %stitle=%s::%s\n", level, place, propertyEscapes.Replace(title), messageEscapes.Replace(message))
}
