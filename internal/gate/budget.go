package gate

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// Metric is what a plan must know of a metric.
type Metric struct {
	Name, Unit, Better string
	Exact              bool
	// Least is the least share of a change that means anything; 0 where every change does.
	Least float64
}

// Operators are those of absolute budgets, Directions what a relative one bounds.
var (
	Operators  = []string{"<=", "<", "==", "!=", ">=", ">"}
	Directions = []string{"drop", "rise", "change"}
)

// grammar is told wherever a budget cannot be read.
const grammar = `write "METRIC <= 5", "no ERROR", or "METRIC: drop <= 10%"`

// ParseBudget reads a budget: "client.time_wait.peak <= 1000", "no EADDRNOTAVAIL", "connects_per_second: drop <= 10%". The
// error names what there is to choose from.
func ParseBudget(text string, known []Metric) (record.GateBudget, error) {
	b := record.GateBudget{Text: strings.Join(strings.Fields(text), " ")}
	name, rest, relative := strings.Cut(b.Text, ":")
	words := strings.Fields(spaced(b.Text))
	switch {
	case len(words) == 0:
		return b, fmt.Errorf("a budget is empty: %s", grammar)
	case relative:
		err := held(&b, strings.TrimSpace(name), strings.Fields(spaced(rest)), known)
		return b, err
	case words[0] == "no":
		err := none(&b, words[1:], known)
		return b, err
	}
	m, err := find(words[0], known)
	if err != nil {
		return b, err
	}
	of(&b, m)
	if len(words) < 2 || !slices.Contains(Operators, words[1]) {
		return b, fmt.Errorf("%q: %s is no operator; operators: %s; or %s", b.Text, second(words), strings.Join(Operators, " "), grammar)
	}
	b.Operator = words[1]
	if !m.Exact && strings.Contains("== !=", b.Operator) {
		return b, fmt.Errorf("%q: %s is timed, and never twice the same: hold it by <= or >=", b.Text, m.Name)
	}
	b.Limit, err = limit(words[2:], m)
	if err != nil {
		return b, fmt.Errorf("%q: %w", b.Text, err)
	}
	return b, nil
}

func second(words []string) string {
	if len(words) < 2 {
		return "nothing"
	}
	return strconv.Quote(words[1])
}

// signs are what operators are made of, and what people write for them: =<.
var signs = regexp.MustCompile(`[<>=!]+`)

// spaced sets operators off from what they stand between.
func spaced(text string) string { return signs.ReplaceAllString(text, " $0 ") }

// of notes what metric a budget is of.
func of(b *record.GateBudget, m Metric) {
	b.Metric, b.Unit, b.Better, b.Exact = m.Name, m.Unit, m.Better, m.Exact
}

// find gives the metric of that name.
func find(name string, known []Metric) (Metric, error) {
	var names []string
	for _, m := range known {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Metric{}, fmt.Errorf("%q is no metric%s; metrics: %s", name, scenario.DidYouMean(name, names), strings.Join(names, ", "))
}

// none reads what comes after "no": an error by its name in C, what it means, or a metric that is to stay 0.
func none(b *record.GateBudget, words []string, known []Metric) error {
	if len(words) != 1 {
		return fmt.Errorf(`%q: "no" takes one word: an error like EADDRNOTAVAIL, or a metric that is to be 0`, b.Text)
	}
	name := words[0]
	switch {
	case name == "failures" || name == "errors":
		name = "failed"
	case name == "resets":
		name = "resets_seen"
	case strings.HasPrefix(name, "E") && strings.ToUpper(name) == name:
		cause := record.CauseOf(name)
		if cause == record.Other {
			return fmt.Errorf("%q: %s is no error that connections are counted by; errors: %s; or a metric that is to be 0",
				b.Text, name, strings.Join(errnos(), ", "))
		}
		name = "failed." + string(cause)
	case slices.Contains(record.Causes, record.Cause(name)) && name != string(record.OK):
		name = "failed." + name
	}
	m, err := find(name, known)
	if err != nil {
		return fmt.Errorf("%w; errors: %s", err, strings.Join(errnos(), ", "))
	}
	of(b, m)
	if !m.Exact {
		return fmt.Errorf("%q: %s is timed, and never 0: %s", b.Text, m.Name, grammar)
	}
	b.Operator = "=="
	return nil
}

// errnos are those that a budget may name.
func errnos() []string {
	return []string{
		"EADDRNOTAVAIL", "EADDRINUSE", "ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EMFILE",
		"ENFILE", "ENOMEM", "ENOBUFS", "EPERM", "EACCES",
	}
}

// held reads a relative budget, "drop <= 10%" or "no drop".
func held(b *record.GateBudget, name string, words []string, known []Metric) error {
	m, err := find(name, known)
	if err != nil {
		return err
	}
	of(b, m)
	b.Relative = true
	if len(words) == 2 && words[0] == "no" {
		words = []string{words[1], "<=", "0%"}
	}
	switch {
	case len(words) == 0 || !slices.Contains(Directions, words[0]):
		return fmt.Errorf(`%q: after the colon comes one of %s, like "drop <= 10%%"`, b.Text, strings.Join(Directions, ", "))
	case len(words) < 3 || words[1] != "<=":
		return fmt.Errorf("%q: what may change is bounded by <= alone, like %q", b.Text, words[0]+" <= 10%")
	}
	b.Operator = words[0]
	text := strings.Join(words[2:], " ")
	if part, ok := strings.CutSuffix(text, "%"); ok {
		b.Share = true
		if b.Limit, err = number(strings.TrimSpace(part)); err != nil {
			return fmt.Errorf("%q: %w", b.Text, err)
		}
		b.Limit /= 100
	} else if b.Limit, err = limit(words[2:], m); err != nil {
		return fmt.Errorf("%q: %w", b.Text, err)
	}
	return sensible(b, m)
}

// sensible refuses what no trials could ever show.
func sensible(b *record.GateBudget, m Metric) error {
	switch {
	case b.Limit < 0:
		return fmt.Errorf("%q: what may change is bounded by 0 or more: drop and rise are directions", b.Text)
	case b.Share && b.Operator != "rise" && b.Limit >= 1:
		return fmt.Errorf("%q: nothing drops by 100%% or more", b.Text)
	case !m.Exact && !b.Share:
		return fmt.Errorf(`%q: what is timed is held by a share, like "%s <= 10%%"`, b.Text, b.Operator)
	case !m.Exact && b.Limit < m.Least:
		return fmt.Errorf("%q: %s is timed, and never twice the same: allow it %v%% or more", b.Text, m.Name, 100*m.Least)
	}
	return nil
}

// limit reads a figure in the metric's unit: 1,000, 5ms, 80%.
func limit(words []string, m Metric) (float64, error) {
	text := strings.Join(words, "")
	if text == "" {
		return 0, errors.New("a figure is missing after the operator")
	}
	if part, ok := strings.CutSuffix(text, "%"); ok && m.Unit == "share" {
		v, err := number(part)
		return v / 100, err
	}
	if v, err := number(text); err == nil {
		return v, nil
	}
	d, err := time.ParseDuration(text) // before the unit is cut off: 5ms ends in an s, too
	switch {
	case err == nil && m.Unit == "us":
		return float64(d) / float64(time.Microsecond), nil
	case err == nil && m.Unit == "s":
		return d.Seconds(), nil
	}
	v, err := number(strings.TrimSuffix(text, m.Unit))
	if err != nil {
		return 0, fmt.Errorf("%q is no figure in %s", strings.Join(words, " "), m.Unit)
	}
	return v, nil
}

// number reads 1000, 1,000, 1_000 and 0.5.
func number(text string) (float64, error) {
	v, err := strconv.ParseFloat(strings.NewReplacer(",", "", "_", "").Replace(text), 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > 1e15 || strings.ContainsAny(text, "xXpPnN") {
		return 0, fmt.Errorf("%q is no figure", text)
	}
	return v, nil
}
