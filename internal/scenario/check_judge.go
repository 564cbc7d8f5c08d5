package scenario

import (
	"slices"
	"strings"
)

// mostPrimary bounds the metrics that decide: each one more makes a difference harder to show (Holm's correction).
const mostPrimary = 5

func (c *checker) judge(known Known) {
	c.problems = append(c.problems, CheckPrimary(c.s.Judge.Primary.Items(), known.Metrics)...)
}

// CheckPrimary judges the metrics that are to decide, against those that there are; nil: not checked.
func CheckPrimary(names, metrics []string) (problems Problems) {
	const path = "judge.primary"
	if len(names) > mostPrimary {
		problems.add(path, "has %d metrics: name %d at most", len(names), mostPrimary)
	}
	for i, name := range names {
		switch {
		case slices.Contains(names[:i], name):
			problems.add(path, "has %s twice", name)
		case metrics != nil && !slices.Contains(metrics, name) && !strings.HasPrefix(name, "failed."):
			problems.add(path, "%q is no metric%s; there are: %s", name, DidYouMean(name, metrics), strings.Join(metrics, ", "))
		}
	}
	return problems
}
