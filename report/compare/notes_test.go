package compare

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

func warning(c *record.Comparison, code string) string {
	for _, w := range c.Warnings {
		if w.Code == code {
			return w.Text
		}
	}
	return ""
}

func TestEqualVariants(t *testing.T) {
	one := map[string]string{"net.ipv4.tcp_tw_reuse": "2"}
	other := map[string]string{"net.ipv4.tcp_tw_reuse": "1"}
	same := kind{client: one, server: one}
	contains(t, "equal", warning(built(usualPrimary, times(2, same), times(2, same)), "variants-equal"), "variants before and after are equal")
	for name, k := range map[string]kind{
		"client": {client: other, server: one}, "server": {client: one, server: other}, "unknown": {},
		"unlisted": {client: one, server: one, asks: record.SidePair[[]record.SysctlAsked]{
			Client: []record.SysctlAsked{{Key: "net.x", Outcome: record.SysctlChanged, Value: ptr("1")}},
		}},
	} {
		if w := warning(built(usualPrimary, times(2, same), times(2, k)), "variants-equal"); w != "" {
			t.Errorf("%s: %s", name, w)
		}
	}
	c, trials := newComparison(usualPrimary, []string{"before", "after"}, trialsOf(times(2, same)), trialsOf(times(2, same)))
	trials[2].Scenario.Spec = []byte(`{"name":"other","load":{"rate":"300/s"}}`)
	if w := warning(Build(c, trials), "variants-equal"); w != "" {
		t.Errorf("another scenario: %s", w)
	}
	trials[2].Scenario.Spec = []byte(`{ "name":"other", "sysctl":{}, "load":{"rate":"200/s"}}`)
	if w := warning(Build(c, trials), "variants-equal"); w == "" {
		t.Error("a name and settings that are not in effect are no difference")
	}
}

func TestMadeDifferently(t *testing.T) {
	c, trials := newComparison(usualPrimary, []string{"before", "after"}, trialsOf(times(2, kind{})), trialsOf(times(2, kind{})))
	if w := warning(Build(c, trials), "made-differently"); w != "" {
		t.Errorf("made alike: %s", w)
	}
	for _, one := range trials[2:] {
		one.Environment.Kernel, one.Environment.CPUModel, one.Engine, one.Tool, one.Environment.CPUs = "5.15", "other", "net", "twomsl 2", 64
		one.Scenario.Name = "large"
		one.Scenario.Spec = []byte(`{"load":{"rate":"300/s","hold":"0s"}}`)
	}
	text := warning(Build(c, trials), "made-differently")
	contains(t, "what differs", text, "kernel 6.18 and 5.15", "processor cpu and other", "processors 2 and 64",
		"program twomsl test and twomsl 2", "scenario small and large")
	if strings.Contains(text, "load.rate") {
		t.Errorf("what a variant sets is no accident: %s", text)
	}
	c.Plan.Interleaved = false
	contains(t, "what differs", warning(Build(c, trials), "made-differently"), "load.rate 200/s and 300/s", "load.hold null and 0s")
}

func TestSettingsAndEnvironment(t *testing.T) {
	k := kind{asks: record.SidePair[[]record.SysctlAsked]{
		Client: []record.SysctlAsked{{Key: "a", Outcome: record.SysctlChanged}},
		Server: []record.SysctlAsked{{Key: "b", Outcome: record.SysctlMissing}},
	}}
	c := built(usualPrimary, times(2, kind{}), times(2, k))
	want := []record.ComparedSetting{{Variant: "after", Side: "client", SysctlAsked: k.asks.Client[0]}, {Variant: "after", Side: "server", SysctlAsked: k.asks.Server[0]}}
	if d := cmp.Diff(want, c.Settings); d != "" {
		t.Error(d)
	}
	if c.Environment.Kernel != "6.18" {
		t.Errorf("%+v", c.Environment)
	}
}

// TestBuiltAgain: a comparison is built after each batch of trials, from what was built before.
func TestBuiltAgain(t *testing.T) {
	late := kind{warnings: []record.Warning{{Code: "schedule-late", Text: "late", Spoils: []string{"connects_per_second"}}}, client: map[string]string{}, server: map[string]string{}}
	c, trials := newComparison([]string{"failed", "connect.p50_us"}, []string{"before", "after"}, trialsOf(times(5, late)), trialsOf(times(5, late)))
	c.Plan.Interleaved, c.Plan.ByLine = false, true
	c.Warnings = []record.Warning{{Code: "interrupted", Text: "by hand"}}
	once := Build(c, trials)
	twice := Build(*once, trials)
	if d := cmp.Diff(once, twice); d != "" {
		t.Error(d)
	}
	var codes []string
	for _, w := range once.Warnings {
		codes = append(codes, w.Code)
	}
	if !slices.Equal(codes, []string{"interrupted", "variants-equal", "schedule-late", "not-interleaved", "counts-only"}) {
		t.Errorf("%q", codes)
	}
	for range 3 {
		again, _ := record.EncodeComparison(Build(c, trials))
		first, err := record.EncodeComparison(once)
		if err != nil || string(again) != string(first) {
			t.Fatalf("not the same bytes: %v", err)
		}
	}
}
