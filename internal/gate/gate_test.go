package gate

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"twomsl/internal/scenario"
)

var metrics = []Metric{
	{Name: "connects_per_second", Unit: "1/s", Better: "higher", Least: 0.02},
	{Name: "connect.p99_us", Unit: "us", Better: "lower", Least: 0.02},
	{Name: "failed", Unit: "connections", Better: "lower", Exact: true},
	{Name: "failed.address-not-available", Unit: "connections", Better: "lower", Exact: true},
	{Name: "failed.reset", Unit: "connections", Better: "lower", Exact: true},
	{Name: "client.time_wait.peak", Unit: "sockets", Better: "lower", Exact: true},
	{Name: "first_exhaustion_seconds", Unit: "s", Better: "higher", Exact: true},
	{Name: "ports.peak_share", Unit: "share", Better: "lower", Exact: true},
	{Name: "bytes_lost", Unit: "bytes", Better: "lower", Exact: true},
	{Name: "resets_seen", Unit: "connections", Better: "lower", Exact: true},
}

func TestBudgets(t *testing.T) {
	for text, want := range map[string]struct {
		metric, operator string
		limit            float64
		relative, share  bool
	}{
		"client.time_wait.peak <= 1000":       {"client.time_wait.peak", "<=", 1000, false, false},
		"client.time_wait.peak<=18,122":       {"client.time_wait.peak", "<=", 18122, false, false},
		"  bytes_lost   ==  0 ":               {"bytes_lost", "==", 0, false, false},
		"failed!=1_000":                       {"failed", "!=", 1000, false, false},
		"failed < 3 connections":              {"failed", "<", 3, false, false},
		"connect.p99_us <= 5ms":               {"connect.p99_us", "<=", 5000, false, false},
		"connect.p99_us <= 250us":             {"connect.p99_us", "<=", 250, false, false},
		"connect.p99_us >= 250":               {"connect.p99_us", ">=", 250, false, false},
		"first_exhaustion_seconds > 5ms":      {"first_exhaustion_seconds", ">", 0.005, false, false},
		"first_exhaustion_seconds > 1m":       {"first_exhaustion_seconds", ">", 60, false, false},
		"ports.peak_share <= 80%":             {"ports.peak_share", "<=", 0.8, false, false},
		"no EADDRNOTAVAIL":                    {"failed.address-not-available", "==", 0, false, false},
		"no EPIPE":                            {"failed.reset", "==", 0, false, false},
		"no reset":                            {"failed.reset", "==", 0, false, false},
		"no resets":                           {"resets_seen", "==", 0, false, false},
		"no failures":                         {"failed", "==", 0, false, false},
		"no bytes_lost":                       {"bytes_lost", "==", 0, false, false},
		"connects_per_second: drop <= 10%":    {"connects_per_second", "drop", 0.1, true, true},
		"connects_per_second : drop <= 2.5 %": {"connects_per_second", "drop", 0.025, true, true},
		"connect.p99_us: change<=5%":          {"connect.p99_us", "change", 0.05, true, true},
		"failed: no rise":                     {"failed", "rise", 0, true, true},
		"failed: rise <= 100":                 {"failed", "rise", 100, true, false},
		"failed: rise <= 300%":                {"failed", "rise", 3, true, true},
	} {
		b, err := ParseBudget(text, metrics)
		if err != nil || b.Metric != want.metric || b.Operator != want.operator || b.Limit != want.limit || b.Relative != want.relative || b.Share != want.share {
			t.Errorf("%q: %+v, %v", text, b, err)
		}
	}
}

func TestBudgetsThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "is empty",
		"client.time_wait.peek <= 3":        "did you mean client.time_wait.peak?",
		"nothing <= 3":                      "metrics: connects_per_second, ",
		"client.time_wait.peak":             "nothing is no operator; operators: <= < == != >= >",
		"client.time_wait.peak => 3":        `"=>" is no operator`,
		"client.time_wait.peak =< 3":        "is no operator; operators: <=",
		"client.time_wait.peak <=":          "a figure is missing",
		"client.time_wait.peak <= many":     `"many" is no figure in sockets`,
		"client.time_wait.peak <= 5ms":      "is no figure in sockets",
		"client.time_wait.peak <= 0x10":     "is no figure",
		"client.time_wait.peak <= 1e300":    "is no figure",
		"client.time_wait.peak <= NaN":      "is no figure",
		"no":                                `"no" takes one word`,
		"no EWRONG":                         "errors: EADDRNOTAVAIL, ",
		"no nothing":                        "is no metric",
		"no connects_per_second":            "is timed, and never 0",
		"connect.p99_us == 5":               "never twice the same",
		"connects_per_second: fall <= 10%":  "one of drop, rise, change",
		"connects_per_second: drop < 10%":   `bounded by <= alone, like "drop <= 10%"`,
		"connects_per_second: drop":         "bounded by <= alone",
		"connects_per_second:":              "one of drop, rise, change",
		"connects_per_second: drop <= -5%":  "0 or more",
		"connects_per_second: drop <= 100%": "nothing drops by 100% or more",
		"connects_per_second: drop <= 50":   "held by a share",
		"connects_per_second: no drop":      "allow it 2% or more",
		"connects_per_second: drop <= ten%": "is no figure",
		"wrong: drop <= 10%":                "is no metric",
	} {
		if b, err := ParseBudget(text, metrics); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v, want %q", text, b, err, want)
		}
	}
}

const whole = `
name: churn
scenarios:
  - port-exhaustion-small
  - name: fast
    scenario: close-matrix
    set: [load.rate=max, "client:net.ipv4.tcp_tw_reuse=1"]
    budgets: [bytes_lost == 0]
  - mine/other.yaml
budgets:
  - client.time_wait.peak <= 1000   # a comment
  - no EADDRNOTAVAIL
  - connects_per_second: drop <= 10%
trials: 8
again: 20
level: 1%
power: 0.9
max-duration: 90s
seed: 7
baseline: base.json
command:
  server: ./server --port $TWOMSL_PORT
  client: ab -n 100 $TWOMSL_URL
  requests: 100
set: four-lines.conf
binary: ./new
commit: abc
build: make
against:
  binary: ./old
  set: close.side=server
`

func TestPlan(t *testing.T) {
	p, err := Parse("plan.yaml", []byte(whole), metrics)
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "churn" || p.Trials != 8 || p.Again != 20 || p.Level != 0.01 || p.Power != 0.9 || p.Longest != 90*time.Second || p.Seed != 7 || p.Baseline != "base.json" {
		t.Errorf("%+v", p)
	}
	if len(p.Budgets) != 3 || p.Budgets[2].Text != "connects_per_second: drop <= 10%" || p.Budgets[2].Line != 13 || p.Budgets[0].Line != 11 {
		t.Errorf("%+v", p.Budgets)
	}
	s := p.Scenarios
	if len(s) != 3 || s[0].Name != "port-exhaustion-small" || s[1].Ref != "close-matrix" || s[1].Name != "fast" || len(s[1].Set) != 2 ||
		len(s[1].Budgets) != 1 || s[2].Name != "other" || s[2].Ref != "mine/other.yaml" {
		t.Errorf("%+v", s)
	}
	want := Subject{Server: "./server --port $TWOMSL_PORT", Client: "ab -n 100 $TWOMSL_URL", Requests: 100, Set: []string{"four-lines.conf"}, Binary: "./new", Commit: "abc", Build: "make"}
	if !reflect.DeepEqual(p.Tested, want) {
		t.Errorf("%+v", p.Tested)
	}
	old := p.Against.Over(p.Tested)
	if old.Binary != "./old" || old.Server != want.Server || len(old.Set) != 2 || old.Commit != "abc" || old.Requests != 100 || old.Build != "make" {
		t.Errorf("%+v", old)
	}
}

func TestShortPlans(t *testing.T) {
	p, err := Parse("p", []byte("scenarios: steady-200\nbudgets: no EADDRNOTAVAIL\nagainst: four-lines.conf\ncommand: nginx\n"), metrics)
	if err != nil || len(p.Scenarios) != 1 || len(p.Budgets) != 1 || p.Against.Set[0] != "four-lines.conf" || p.Tested.Server != "nginx" {
		t.Errorf("%+v, %v", p, err)
	}
}

// All that is wrong is told at once, with its line.
func TestPlansThatCannotBe(t *testing.T) {
	for text, wants := range map[string][]string{
		"":                                   {"is empty"},
		"# nothing":                          {"is empty"},
		"- a\n- b\n":                         {"is a group of fields", "scenarios"},
		"scenario: x\nbudgets: [no EPIPE]\n": {"p:1: scenario: is not known here; did you mean scenarios?"},
		"scenarios: [a]\n":                   {"has no budget"},
		"budgets: [no EPIPE]\n":              {"scenarios: is missing"},
		"scenarios: [a, a]\nbudgets: [no EPIPE]\n":                                      {"a is here twice"},
		"scenarios: [a]\nscenarios: [b]\nbudgets: [no EPIPE]":                           {"p:2: scenarios: is here twice, first on line 1"},
		"scenarios: [a]\nbudgets:\n  - wrong <= 3\n  - no EWRONG\n":                     {"p:3: budgets[0]", "p:4: budgets[1]"},
		"scenarios: [a]\nbudgets: [no EPIPE]\ntrials: one\nlevel: 2\nmax-duration: 5\n": {"p:3: trials", "p:4: level", "p:5: max-duration"},
		"scenarios:\nbudgets: [no EPIPE]\n":                                             {"scenarios: has no value"},
		"scenarios: [a]\nbudgets: [[1, 2]]\n":                                           {"is no budget"},
		"scenarios: [a]\nbudgets: [no EPIPE]\ncommand: {serve: x}":                      {"command.serve: is not known here; did you mean server?"},
		"scenarios: [a]\nbudgets: [no EPIPE]\ncommand: [a, b]":                          {"is one text"},
		"scenarios: [a]\nbudgets: [no EPIPE]\ncommand: \"a\\nb\"":                       {"is not one line"},
		"scenarios: [a]\nbudgets: [no EPIPE]\n---\nname: b\n":                           {"a second document"},
		"scenarios: &x [a]\nbudgets: [no EPIPE]":                                        {"anchors are not read"},
		"scenarios: [a\nbudgets: ]]":                                                    {"p:"},
		"scenarios: [\"\xff\"]":                                                         {"UTF-8"},
		strings.Repeat("[", 5000):                                                       {"brackets"},
		"a: " + strings.Repeat("x", 70000):                                              {"bytes long"},
	} {
		_, err := Parse("p", []byte(text), metrics)
		var problems scenario.Problems
		if !errors.As(err, &problems) {
			t.Errorf("%.60q: %v", text, err)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%.60q: %q does not say %q", text, err, want)
			}
		}
	}
}

// FuzzPlan: no text makes the reader panic, or gives a plan without scenarios and budgets.
func FuzzPlan(f *testing.F) {
	for _, seed := range []string{whole, "scenarios: [a]\nbudgets: [no EPIPE]\n", "budgets:\n - {a: b, c: d}\n", "? a\n: b", "a: !!x", "[]", "{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse("p", data, metrics)
		if err != nil {
			return
		}
		if len(p.Scenarios) == 0 {
			t.Error("no scenario, and no error")
		}
		for _, s := range p.Scenarios {
			if s.Ref == "" || len(s.Budgets)+len(p.Budgets) == 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

// FuzzBudget: what is read back from its own text is the same budget.
func FuzzBudget(f *testing.F) {
	for _, seed := range []string{"failed: rise <= 3", "no EPIPE", "connect.p99_us <= 5ms", "connects_per_second: drop <= 10%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := ParseBudget(text, metrics)
		if err != nil {
			return
		}
		again, err := ParseBudget(b.Text, metrics)
		if err != nil || !reflect.DeepEqual(b, again) {
			t.Errorf("%q: %+v, then %+v, %v", text, b, again, err)
		}
	})
}
