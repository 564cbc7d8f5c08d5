package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"twomsl/internal/record"
)

// A world tells what a trial shows under these settings of either side, by key.
type world func(client, server map[string]string, rng *rand.Rand) kind

// standing are the settings that a namespace begins with.
var standing = map[string]string{
	"net.ipv4.tcp_tw_reuse": "2", "net.ipv4.tcp_syncookies": "1", "net.ipv4.tcp_fin_timeout": "60",
	"net.ipv4.tcp_max_tw_buckets": "131072", "net.ipv4.ip_local_port_range": "40000 40999", "a": "0", "b": "0", "c": "0",
}

// apply writes settings in order and says what became of each.
func apply(now map[string]string, settings []record.VariantSetting) (asked []record.SysctlAsked) {
	for _, s := range settings {
		a := record.SysctlAsked{Key: s.Key, Asked: s.Value, Does: "does " + s.Key}
		old, exists := now[s.Key]
		if exists {
			a.Before = &old
		}
		switch {
		case !exists:
			a.Outcome, a.Reason, a.GoneSince = record.SysctlMissing, "removed in 4.12", "4.12"
		case s.Value == "refused":
			a.Outcome, a.Reason = record.SysctlRefused, "EINVAL"
		case old == s.Value:
			a.Outcome, a.Exists = record.SysctlAlreadySet, true
		default:
			a.Outcome, a.Exists, now[s.Key] = record.SysctlChanged, true, s.Value
		}
		if value, exists := now[s.Key]; exists {
			a.Value = &value
		}
		if s.Key == "net.ipv4.tcp_syncookies" {
			a.Price = "a cookie has no room for options"
		}
		asked = append(asked, a)
	}
	return asked
}

// run is the caller's loop: it gives the finished comparison and how many trials and rounds it took.
func (w world) run(t *testing.T, topology string, before, after []record.VariantSetting) (c *record.Comparison, trials, rounds int) {
	t.Helper()
	pair := func(s []record.VariantSetting) (p record.SidePair[[]record.VariantSetting]) {
		p.Client, p.Server = s, s
		return p
	}
	head := record.Comparison{
		ID: "c", Status: record.Complete,
		Plan:     record.Plan{Level: 0.05, Interleaved: true, Jobs: 4, Primary: usualPrimary, ByLine: true, Trials: 3, Seed: 1},
		Scenario: record.Scenario{Topology: topology},
		Variants: []record.Variant{
			{Name: "before", Role: "before", Sysctl: pair(before)}, {Name: "after", Role: "after", Sysctl: pair(after), Source: "r.conf"},
		},
	}
	rng := rand.New(rand.NewPCG(3, 3))
	var all []*record.Trial
	for rounds = 0; ; rounds++ {
		if rounds > 60 {
			t.Fatalf("no end after %d rounds: %v", rounds, names(head.Variants))
		}
		added, run := NextLines(&head, all)
		if len(added)+len(run) == 0 {
			return Build(head, all), len(all), rounds
		}
		head.Variants = append(head.Variants, added...)
		for _, name := range run {
			v := head.Variants[slices.Index(names(head.Variants), name)]
			one := w.trial(topology, v, rng)
			head.Trials = append(head.Trials, record.ComparedTrial{Variant: name, ID: fmt.Sprint(len(all))})
			all = append(all, one)
		}
	}
}

func (w world) trial(topology string, v record.Variant, rng *rand.Rand) *record.Trial {
	client, server := clone(standing), clone(standing)
	if oneNamespace(topology) {
		server = client
	}
	var k kind
	c := apply(client, v.Sysctl.Client)
	s := apply(server, v.Sysctl.Server)
	k = w(client, server, rng)
	k.asks.Client, k.asks.Server, k.client, k.server = c, s, client, server
	t := newTrial(k)
	t.Scenario.Topology = topology
	return t
}

func clone(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = v
	}
	return out
}

func names(list []record.Variant) (out []string) {
	for _, v := range list {
		out = append(out, v.Name)
	}
	return out
}

// conf reads "key=value" lines of a recipe.
func conf(lines ...string) (out []record.VariantSetting) {
	for i, l := range lines {
		key, value, _ := strings.Cut(l, "=")
		if key != "a" && key != "b" && key != "c" {
			key = "net.ipv4." + key
		}
		out = append(out, record.VariantSetting{Key: key, Value: value, File: "r.conf", Line: i + 1})
	}
	return out
}

// ports is the world of port-exhaustion-small: reuse on the client, a wider range, and a full bucket end the shortage.
func ports(client, _ map[string]string, _ *rand.Rand) kind {
	switch {
	case client["net.ipv4.tcp_tw_reuse"] == "1":
		return reusing
	case client["net.ipv4.tcp_max_tw_buckets"] == "500":
		return kind{clientTW: 500, overflow: 1500, lasts: 16.1}
	case client["net.ipv4.ip_local_port_range"] == "1024 65000":
		return kind{clientTW: 2000, lasts: 1031}
	}
	return exhausted
}

// effectOf writes a line's verdict for a test to compare.
func effectOf(l record.Line) string {
	key := strings.TrimPrefix(l.Key, "net.ipv4.")
	return fmt.Sprintf("%s %s: %s", key, l.Side, l.Verdict)
}

func effects(c *record.Comparison) (all []string) {
	for _, l := range c.Lines {
		all = append(all, effectOf(l))
	}
	return all
}

func enough(c *record.Comparison) (all []string) {
	for _, l := range c.Enough {
		all = append(all, strings.TrimPrefix(l.Key, "net.ipv4.")+" "+l.Side)
	}
	return all
}

func TestFourLines(t *testing.T) {
	recipe := conf("tcp_syncookies=1", "tcp_tw_reuse=1", "tcp_tw_recycle=1", "tcp_fin_timeout=30")
	c, trials, rounds := world(ports).run(t, "veth", nil, recipe)
	want := []string{
		"tcp_syncookies client: already-set", "tcp_syncookies server: already-set", "tcp_tw_reuse client: helps",
		"tcp_tw_reuse server: no-effect", "tcp_tw_recycle client: missing", "tcp_tw_recycle server: missing",
		"tcp_fin_timeout client: no-effect", "tcp_fin_timeout server: no-effect",
	}
	if got := effects(c); !slices.Equal(got, want) {
		t.Errorf("lines: %q", got)
	}
	if got := enough(c); !slices.Equal(got, []string{"tcp_tw_reuse client"}) {
		t.Errorf("enough: %q", got)
	}
	if trials != 20 || rounds != 2 { // before, after, and four lines alone and left out, twice each
		t.Errorf("it took %d trials in %d rounds", trials, rounds)
	}
	help, none, gone, there := c.Lines[2], c.Lines[6], c.Lines[4], c.Lines[0]
	if help.Metric != "failed" || *help.Before != 1000 || *help.After != 0 || *help.Ratio != 0 {
		t.Errorf("reuse shows in %s, %v, %v", help.Metric, help.Before, help.After)
	}
	if help.Alone != record.Better || help.LeftOut != record.Worse || none.Alone != record.NoDifference || none.LeftOut != record.NoDifference {
		t.Errorf("alone %s, left out %s; %s, %s", help.Alone, help.LeftOut, none.Alone, none.LeftOut)
	}
	contains(t, "the price of reuse", help.Price, "1,501 TIME_WAIT taken over", "timestamps on both sides")
	contains(t, "why it is missing", gone.Why, "removed in 4.12")
	contains(t, "why it has no effect", none.Why, "does net.ipv4.tcp_fin_timeout")
	contains(t, "the known price", there.Price, "no room for options")
	if none.Metric != "" || none.Price != "" || none.LineNo != 4 || none.File != "r.conf" {
		t.Errorf("no effect is shown by %s for %s, line %d of %s", none.Metric, none.Price, none.LineNo, none.File)
	}
	contains(t, "names of variants", strings.Join(names(c.Variants), "|"), "before|after|tcp_tw_reuse=1 alone, client|", "|without tcp_fin_timeout=30, server")
	if err := c.Check(); err != nil {
		t.Error(err)
	}
}

func TestEightLinesOfWhichThreeHelp(t *testing.T) {
	recipe := conf("tcp_fin_timeout=30", "tcp_tw_reuse=1", "ip_local_port_range=1024 65000", "tcp_max_tw_buckets=500")
	c, _, _ := world(ports).run(t, "veth", nil, recipe)
	byLine := map[string]record.Line{}
	for _, l := range c.Lines {
		byLine[effectOf(l)] = l
	}
	for _, want := range []string{"tcp_tw_reuse client: helps", "ip_local_port_range client: helps", "tcp_max_tw_buckets client: helps", "tcp_max_tw_buckets server: no-effect"} {
		if _, ok := byLine[want]; !ok {
			t.Errorf("missing: %s in %q", want, effects(c))
		}
	}
	contains(t, "the price of buckets", byLine["tcp_max_tw_buckets client: helps"].Price, "1,500 connections closed without TIME_WAIT")
	if got := enough(c); !slices.Equal(got, []string{"ip_local_port_range client"}) {
		t.Errorf("the cheapest that is enough: %q", got)
	}
}

func TestTheDearestIsNotEnoughWhereACheaperOneIs(t *testing.T) {
	c, _, _ := world(ports).run(t, "veth", nil, conf("tcp_max_tw_buckets=500", "tcp_tw_reuse=1"))
	if got := enough(c); !slices.Equal(got, []string{"tcp_tw_reuse client"}) {
		t.Errorf("enough: %q", got)
	}
}

func TestTwoLinesThatOnlyActTogether(t *testing.T) {
	pairOnly := world(func(client, server map[string]string, _ *rand.Rand) kind {
		if client["a"] == "1" && server["b"] == "1" {
			return kind{}
		}
		return exhausted
	})
	c, trials, _ := pairOnly.run(t, "veth", nil, conf("a=1", "b=1", "c=1"))
	want := []string{
		"a client: helps", "a server: no-effect", "b client: no-effect", "b server: helps", "c client: no-effect", "c server: no-effect",
	}
	if got := effects(c); !slices.Equal(got, want) {
		t.Errorf("lines: %q", got)
	}
	if got := enough(c); !slices.Equal(got, []string{"a client", "b server"}) {
		t.Errorf("enough: %q", got)
	}
	if trials > 30 {
		t.Errorf("%d trials", trials)
	}
	a := c.Lines[0]
	contains(t, "why", a.Why, "only together with other lines")
	if a.Alone != record.NoDifference || a.LeftOut != record.Worse || a.Metric != "failed" || *a.Before != 1000 || *a.After != 0 {
		t.Errorf("%+v", a)
	}
	if v := c.Variants[len(c.Variants)-1]; v.Role != "together" || v.Name != "together: a=1, client + b=1, server" {
		t.Errorf("the set was tried as %s, %s", v.Role, v.Name)
	}
}

// TestAnyTwoOfThree has no line that all depends on, and none that is enough.
func TestAnyTwoOfThree(t *testing.T) {
	w := world(func(client, _ map[string]string, _ *rand.Rand) kind {
		n := int64(0)
		for _, k := range []string{"a", "b", "c"} {
			if client[k] == "1" {
				n++
			}
		}
		if n >= 2 {
			return kind{}
		}
		return kind{failed: 1000, exhausted: 5, lasts: 16.1}
	})
	c, _, _ := w.run(t, "veth", nil, conf("a=1", "tcp_fin_timeout=30", "b=1", "c=1"))
	if got := enough(c); len(got) != 2 || slices.ContainsFunc(got, func(s string) bool { return !strings.HasSuffix(s, " client") || strings.HasPrefix(s, "tcp") }) {
		t.Errorf("enough: %q", got)
	}
}

func TestEveryLineIsNeeded(t *testing.T) {
	w := world(func(client, server map[string]string, _ *rand.Rand) kind {
		n := int64(0)
		for _, k := range []string{"a", "b", "c"} {
			for _, side := range []map[string]string{client, server} {
				if side[k] == "1" {
					n++
				}
			}
		}
		return kind{failed: 1200 - 200*n}
	})
	c, _, _ := w.run(t, "veth", nil, conf("a=1", "b=1", "c=1"))
	if got := enough(c); len(got) != 6 {
		t.Errorf("enough: %q", got)
	}
}

func TestALineThatHarms(t *testing.T) {
	w := world(func(client, server map[string]string, rng *rand.Rand) kind {
		k := ports(client, server, rng)
		if server["a"] == "1" {
			k.failed += 300
		}
		return k
	})
	c, _, _ := w.run(t, "veth", nil, conf("tcp_tw_reuse=1", "a=1"))
	want := []string{"tcp_tw_reuse client: helps", "tcp_tw_reuse server: no-effect", "a client: no-effect", "a server: harmful"}
	if got := effects(c); !slices.Equal(got, want) {
		t.Errorf("lines: %q", got)
	}
	if got := enough(c); !slices.Equal(got, []string{"tcp_tw_reuse client"}) {
		t.Errorf("enough: %q", got)
	}
	if h := c.Lines[3]; h.Metric != "failed" || *h.Before != 1000 || *h.After != 1300 {
		t.Errorf("harm shows in %s: %v, %v", h.Metric, h.Before, h.After)
	}
}

func TestNothingHelps(t *testing.T) {
	w := world(func(map[string]string, map[string]string, *rand.Rand) kind { return exhausted })
	c, trials, _ := w.run(t, "veth", nil, conf("tcp_fin_timeout=30"))
	if got := enough(c); len(got) != 0 || c.Enough == nil {
		t.Errorf("enough: %q", got)
	}
	if trials != 8 { // two lines: leaving one out is the other one alone
		t.Errorf("%d trials", trials)
	}
	if c.Lines[0].LeftOut != record.NoDifference || c.Lines[1].LeftOut != record.NoDifference {
		t.Errorf("left out: %+v", c.Lines)
	}
}

func TestNothingToRunButBeforeAndAfter(t *testing.T) {
	c, trials, _ := world(ports).run(t, "veth", nil, conf("tcp_tw_recycle=1", "tcp_syncookies=1", "tcp_fin_timeout=refused"))
	if trials != 4 || len(c.Variants) != 2 {
		t.Errorf("%d trials, %d variants", trials, len(c.Variants))
	}
	contains(t, "why", c.Lines[4].Why, "the kernel refused the value", "EINVAL")
	if c.Lines[4].Verdict != record.Missing {
		t.Errorf("refused is %s", c.Lines[4].Verdict)
	}
}

func TestRepeatedKeys(t *testing.T) {
	c, _, _ := world(ports).run(t, "veth", nil, conf("tcp_tw_reuse=0", "tcp_fin_timeout=30", "tcp_tw_reuse=1"))
	want := []string{
		"tcp_tw_reuse client: no-effect", "tcp_tw_reuse server: no-effect", "tcp_fin_timeout client: no-effect",
		"tcp_fin_timeout server: no-effect", "tcp_tw_reuse client: helps", "tcp_tw_reuse server: no-effect",
	}
	if got := effects(c); !slices.Equal(got, want) {
		t.Errorf("lines: %q", got)
	}
	if c.Lines[0].Why != "it is set again after this line" {
		t.Errorf("why: %s", c.Lines[0].Why)
	}
	for _, v := range c.Variants {
		if v.Name == "without tcp_tw_reuse=1, client" && slices.ContainsFunc(v.Sysctl.Client, func(s record.VariantSetting) bool { return strings.HasSuffix(s.Key, "reuse") }) {
			t.Errorf("left out, but there: %v", v.Sysctl.Client)
		}
	}
}

// TestLinesSetAgainTakeNoLevel: a line that is set again is in no comparison, and takes no part of the level.
func TestLinesSetAgainTakeNoLevel(t *testing.T) {
	c := record.Comparison{Variants: make([]record.Variant, 2)}
	c.Variants[1].Sysctl.Client = conf("a=1", "a=2", "a=3", "b=1")
	c.Variants[1].Sysctl.Server = conf("b=1")
	if n := comparisonsByLine(&c); n != 1+2*3+1 {
		t.Errorf("%d comparisons", n)
	}
}

// TestSetAgainToWhatItWas: the last line finds the value there because an earlier line of the recipe wrote it.
func TestSetTwiceAlike(t *testing.T) {
	c, _, _ := world(ports).run(t, "veth", nil, conf("tcp_tw_reuse=1", "tcp_tw_reuse=1"))
	want := []string{
		"tcp_tw_reuse client: no-effect", "tcp_tw_reuse server: no-effect", "tcp_tw_reuse client: helps", "tcp_tw_reuse server: no-effect",
	}
	if got := effects(c); !slices.Equal(got, want) {
		t.Errorf("lines: %q", got)
	}
}

func TestOneNamespaceForBothSides(t *testing.T) {
	c, trials, _ := world(ports).run(t, "loopback", nil, conf("tcp_tw_reuse=1", "tcp_fin_timeout=30"))
	if got := effects(c); !slices.Equal(got, []string{"tcp_tw_reuse both: helps", "tcp_fin_timeout both: no-effect"}) {
		t.Errorf("lines: %q", got)
	}
	if got := enough(c); !slices.Equal(got, []string{"tcp_tw_reuse both"}) {
		t.Errorf("enough: %q", got)
	}
	if trials != 8 {
		t.Errorf("%d trials", trials)
	}
	if v := c.Variants[2]; len(v.Sysctl.Client) != 1 || len(v.Sysctl.Server) != 1 {
		t.Errorf("alone, in both sides' lists: %+v", v.Sysctl)
	}
}

// TestBeforeHasSettingsToo: a line that is left out leaves what was set before, not the kernel's default.
func TestBeforeHasSettingsToo(t *testing.T) {
	c, _, _ := world(ports).run(t, "veth", conf("tcp_tw_reuse=0", "tcp_fin_timeout=50"), conf("tcp_tw_reuse=1", "tcp_fin_timeout=30"))
	for _, v := range c.Variants[2:] {
		for _, list := range [][]record.VariantSetting{v.Sysctl.Client, v.Sysctl.Server} {
			now := clone(standing)
			apply(now, list)
			if now["net.ipv4.tcp_tw_reuse"] == "2" || now["net.ipv4.tcp_fin_timeout"] == "60" {
				t.Errorf("%s runs with defaults: %v", v.Name, list)
			}
		}
	}
	if got := enough(c); !slices.Equal(got, []string{"tcp_tw_reuse client"}) {
		t.Errorf("enough: %q", got)
	}
}

// TestWhatBothBeginWithIsNoLine: --sysctl holds for all variants. What a line changes is what differs from before, and
// not from the kernel's default.
func TestWhatBothBeginWithIsNoLine(t *testing.T) {
	common := conf("a=0", "tcp_syncookies=0", "tcp_tw_reuse=0")
	for i := range common {
		common[i].File, common[i].Line = "", 0
	}
	both := world(func(client, server map[string]string, _ *rand.Rand) kind {
		if client["net.ipv4.tcp_tw_reuse"] == "1" && client["net.ipv4.tcp_syncookies"]+server["net.ipv4.tcp_syncookies"] == "11" {
			return reusing
		}
		return exhausted
	})
	recipe := append(slices.Clone(common), conf("tcp_tw_reuse=1", "tcp_syncookies=1", "a=0")...)
	c, _, _ := both.run(t, "veth", common, recipe)
	want := []string{
		"tcp_tw_reuse client: helps", "tcp_tw_reuse server: no-effect", "tcp_syncookies client: helps", "tcp_syncookies server: helps",
		"a client: already-set", "a server: already-set",
	}
	if got := effects(c); !slices.Equal(got, want) {
		t.Errorf("lines: %q", got)
	}
	if got := enough(c); !slices.Equal(got, []string{"tcp_tw_reuse client", "tcp_syncookies client", "tcp_syncookies server"}) {
		t.Errorf("enough: %q", got)
	}
	for _, s := range c.Settings {
		if s.Variant == "after" && s.Key == "net.ipv4.tcp_syncookies" && s.Asked == "1" && (*s.Before != "0" || s.Outcome != record.SysctlChanged) {
			t.Errorf("%s -> %s: %s", *s.Before, *s.Value, s.Outcome)
		}
	}
}

// TestTheSameFileTwice: a recipe against itself has lines, and nothing to run for them.
func TestTheSameFileTwice(t *testing.T) {
	four := conf("tcp_tw_reuse=1", "tcp_fin_timeout=30")
	c, trials, _ := world(ports).run(t, "veth", four, four)
	want := []string{
		"tcp_tw_reuse client: already-set", "tcp_tw_reuse server: already-set",
		"tcp_fin_timeout client: already-set", "tcp_fin_timeout server: already-set",
	}
	if got := effects(c); !slices.Equal(got, want) || trials != 4 {
		t.Errorf("lines: %q, %d trials", got, trials)
	}
}

// TestALineThatUndoesAnother: it does so from either side, so that leaving one of its lines out shows nothing.
func TestALineThatUndoesAnother(t *testing.T) {
	w := world(func(client, server map[string]string, _ *rand.Rand) kind {
		if client["net.ipv4.tcp_tw_reuse"] == "1" && client["a"] == "0" && server["a"] == "0" {
			return reusing
		}
		return exhausted
	})
	c, trials, _ := w.run(t, "veth", nil, conf("tcp_tw_reuse=1", "a=1", "tcp_fin_timeout=30"))
	want := []string{
		"tcp_tw_reuse client: helps", "tcp_tw_reuse server: no-effect", "a client: harmful", "a server: harmful",
		"tcp_fin_timeout client: no-effect", "tcp_fin_timeout server: no-effect",
	}
	if got := effects(c); !slices.Equal(got, want) {
		t.Errorf("lines: %q", got)
	}
	if got := enough(c); len(got) != 0 {
		t.Errorf("enough: %q", got)
	}
	harm := c.Lines[2]
	contains(t, "why", harm.Why, "without it on both sides failed", "is better")
	if harm.Metric != "failed" || *harm.Before != 0 || *harm.After != 1000 {
		t.Errorf("harm shows in %s: %v, %v", harm.Metric, harm.Before, harm.After)
	}
	if trials != 32 { // two, six alone, six left out, and two left out on both sides: twice each
		t.Errorf("%d trials", trials)
	}
}

// TestTrialsThatDisagree are repeated, four times at most.
func TestTrialsThatDisagree(t *testing.T) {
	flip := int64(0)
	w := world(func(client, _ map[string]string, _ *rand.Rand) kind {
		flip++
		return kind{failed: 1000 + 40*(flip%7), exhausted: 5, lasts: 16.1}
	})
	c, trials, _ := w.run(t, "veth", nil, conf("a=1"))
	perVariant := map[string]int{}
	for _, one := range c.Trials {
		perVariant[one.Variant]++
	}
	for v, n := range perVariant {
		if n > 4 {
			t.Errorf("%s was run %d times", v, n)
		}
	}
	if trials <= 2*len(c.Variants) {
		t.Errorf("nothing was repeated in %d trials of %d variants", trials, len(c.Variants))
	}
}

func TestTrialsThatFailEndTheSearch(t *testing.T) {
	head := record.Comparison{
		Plan:     record.Plan{Level: 0.05, Primary: usualPrimary, ByLine: true},
		Variants: []record.Variant{{Name: "before"}, {Name: "after"}},
	}
	head.Variants[1].Sysctl.Client = conf("a=1")
	var all []*record.Trial
	for range 20 {
		added, run := NextLines(&head, all)
		if len(added)+len(run) == 0 {
			if len(all) != 8 {
				t.Errorf("given up after %d trials", len(all))
			}
			if l := Build(head, all).Lines[0]; l.Verdict != record.Inconclusive || l.Why == "" {
				t.Errorf("the line is %s: %s", l.Verdict, l.Why)
			}
			return
		}
		for _, name := range run {
			head.Trials = append(head.Trials, record.ComparedTrial{Variant: name, Failure: "no"})
			all = append(all, nil)
		}
	}
	t.Error("it never gives up")
}

func TestLinesBeforeTheyWereRun(t *testing.T) {
	head := record.Comparison{
		Plan:     record.Plan{Level: 0.05, Primary: usualPrimary, ByLine: true},
		Variants: []record.Variant{{Name: "before"}, {Name: "after"}},
	}
	head.Variants[1].Sysctl.Client = conf("a=1", "b=1", "c=1")
	if l := Build(head, nil).Lines[0]; l.Verdict != record.Inconclusive || l.Why != "not run yet" {
		t.Errorf("the line is %s: %s", l.Verdict, l.Why)
	}
	if _, run := NextLines(&head, nil); !slices.Equal(run, []string{"before", "before", "after", "after"}) {
		t.Errorf("to run: %q", run)
	}
	head.Plan.ByLine = false
	if added, run := NextLines(&head, nil); added != nil || run != nil {
		t.Errorf("not by line: %v, %v", added, run)
	}
}

// Line by line the level is not shared among the lines: a machine that falls behind makes counts scatter, and thousands
// against none are told apart all the same.
func TestALineIsAQuestionOfItsOwn(t *testing.T) {
	c, trials := newComparison(usualPrimary, []string{"before", "after"},
		trialsOf([]kind{
			{attempted: 17153, failed: 9153}, {attempted: 19999, failed: 11999}, {attempted: 19400, failed: 11400},
		}), trialsOf(times(2, kind{attempted: 20000})))
	c.Plan.ByLine = true
	for i := range 16 {
		c.Variants[1].Sysctl.Client = append(c.Variants[1].Sysctl.Client,
			record.VariantSetting{Key: fmt.Sprintf("net.ipv4.key%d", i), Value: "1"})
	}
	if m := metricOf(Build(c, trials), "failed"); m.Verdict != record.Better {
		t.Errorf("%s: %s", m.Verdict, m.Why)
	}
}
