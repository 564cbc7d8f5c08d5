package compare

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"twomsl/internal/record"
)

func TestNamesAreTheContract(t *testing.T) {
	want := strings.Fields(`connects_per_second failed first_exhaustion_seconds rate_that_lasts client.time_wait.peak
		client.time_wait.plateau server.time_wait.peak server.time_wait.plateau ports.peak_share time_wait_seconds
		fin_wait_2_seconds connect.p50_us connect.p99_us connect.p999_us tw_reused tw_overflow resets_seen bytes_lost
		listen_drops syncookies_sent client.cpu_us_per_connection server.cpu_us_per_connection
		client.cpu_us_per_request server.cpu_us_per_request client.cpu_seconds server.cpu_seconds time_wait_bytes_each`)
	if got := Names(); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestPortExhaustionWithReuse is the screen that people should see.
func TestPortExhaustionWithReuse(t *testing.T) {
	c := built(usualPrimary, times(3, exhausted), times(3, reusing))
	f := metricOf(c, "failed")
	if f.Verdict != record.Better || *f.Before != 1000 || *f.After != 0 || *f.Details.Before.Of != 2000 || *f.Ratio != 0 || !f.Primary || f.P != nil {
		t.Errorf("failed: %+v", f)
	}
	first := metricOf(c, "first_exhaustion_seconds")
	if first.Verdict != record.Better || *first.Before != 5 || first.After != nil || first.Details.After.Bound != "never" || first.Details.After.Never != 3 {
		t.Errorf("first: %+v", first)
	}
	lasts := metricOf(c, "rate_that_lasts")
	if lasts.Verdict != record.Better || *lasts.Before != 16.1 || *lasts.After != 200 || lasts.RatioBound != "at-least" ||
		!lasts.Details.Before.Computed || lasts.Details.After.Computed || lasts.Details.After.Bound != "at-least" {
		t.Errorf("lasts: %+v", lasts)
	}
	fewer := metricOf(c, "client.time_wait.peak")
	if fewer.Verdict != record.Better {
		t.Errorf("TIME_WAIT: %+v", fewer)
	}
	contains(t, "the price", fewer.Price, "1,501 TIME_WAIT taken over")
	contains(t, "the price", f.Price, "1,501 TIME_WAIT taken over")
	if cause := metricOf(c, "failed.address-not-available"); cause.Verdict != record.Better || cause.Primary {
		t.Errorf("by cause: %+v", cause)
	}
	if len(c.Metrics) != len(Names())+1 {
		t.Errorf("%d rows", len(c.Metrics))
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
}

func TestVerdicts(t *testing.T) {
	n := func(counts ...int64) (all []kind) {
		for _, f := range counts {
			k := kind{failed: f, lasts: 16.1}
			if f > 0 {
				k.exhausted = 5
			}
			all = append(all, k)
		}
		return all
	}
	tw := func(counts ...int64) (all []kind) {
		for _, c := range counts {
			all = append(all, kind{serverTW: c})
		}
		return all
	}
	for name, c := range map[string]struct {
		metric        string
		before, after []kind
		verdict, why  string
	}{
		"all agree":               {"failed", n(1000, 1000), n(0, 0), record.Better, ""},
		"worse":                   {"failed", n(0, 0), n(1000, 1000), record.Worse, ""},
		"many times the spread":   {"failed", n(998, 1000), n(499, 503), record.Better, ""},
		"the same":                {"failed", n(1000, 1000, 1000), n(1000, 1000, 1000), record.NoDifference, ""},
		"rare":                    {"failed", n(0, 0, 0), n(0, 0, 1), record.NoDifference, ""},
		"rare in each":            {"failed", n(0, 0, 0), n(1, 1, 1), record.NoDifference, ""},
		"small but steady":        {"failed", n(1000, 1000, 1000), n(996, 996, 996), record.Better, ""},
		"one by chance":           {"failed", n(1000, 1000, 1000), n(999, 999, 999), record.NoDifference, ""},
		"spread hides it":         {"failed", n(1000, 100), n(500, 0), record.Inconclusive, "differ too much among themselves: 100 to 1,000 in before"},
		"one trial":               {"failed", n(1000), n(0, 0), record.Inconclusive, "two agreeing trials are needed: before has 1"},
		"no trial":                {"failed", n(1000, 1000), nil, record.Inconclusive, "no trial of after counts"},
		"happens later":           {"first_exhaustion_seconds", []kind{{failed: 1000, exhausted: 5}, {failed: 1000, exhausted: 5.01}}, []kind{{failed: 500, exhausted: 7.5}, {failed: 500, exhausted: 7.5}}, record.Better, ""},
		"happens at once":         {"first_exhaustion_seconds", n(1000, 1000), []kind{{failed: 900, exhausted: 1}, {failed: 900, exhausted: 1}}, record.Worse, ""},
		"never":                   {"first_exhaustion_seconds", n(1000, 1000), n(0, 0), record.Better, ""},
		"never in either":         {"first_exhaustion_seconds", n(0, 0), n(0, 0), record.NoDifference, "it happened in neither"},
		"hardly ever":             {"first_exhaustion_seconds", n(0, 0, 0), n(1, 2, 1), record.Inconclusive, "may be chance"},
		"now and then":            {"first_exhaustion_seconds", n(0, 900, 0), n(0, 0, 0), record.Inconclusive, "1 of 3 trials of before and in 0 of 3 of after"},
		"both all that was asked": {"rate_that_lasts", n(0, 0), n(0, 0), record.NoDifference, ""},
		"few more TIME_WAIT":      {"server.time_wait.peak", tw(10000, 10010, 10020), tw(10015, 10030, 10040), record.NoDifference, ""},
		"more TIME_WAIT":          {"server.time_wait.peak", tw(10000, 10010, 10020), tw(18000, 18010, 18000), record.Worse, ""},
		"constant":                {"time_wait_bytes_each", n(0, 0), n(0, 0), record.NoDifference, ""},
		"unmeasured":              {"fin_wait_2_seconds", n(0, 0), n(0, 0), record.Inconclusive, "not measured in before: no orphaned FIN_WAIT2 was seen"},
		"described only":          {"connect.p50_us", n(0, 0), n(0, 0), record.Inconclusive, "described only: --primary connect.p50_us judges it"},
		"all that was asked":      {"connects_per_second", n(0, 0), n(0, 0), record.NoDifference, "both are at least 200: all that was asked for"},
	} {
		m := metricOf(built(usualPrimary, c.before, c.after), c.metric)
		if m.Verdict != c.verdict || !strings.Contains(m.Why, c.why) {
			t.Errorf("%s: %s, %q", name, m.Verdict, m.Why)
		}
		if (m.WouldHaveSeen != nil) && m.Verdict != record.NoDifference {
			t.Errorf("%s: would have seen %v", name, *m.WouldHaveSeen)
		}
	}
}

func TestWhatWouldHaveBeenSeen(t *testing.T) {
	for _, c := range []struct{ before, by int64 }{{0, 1}, {10, 1}, {1000, 1}, {100000, 1}} {
		for n := 2; n < 5; n++ {
			kinds := func(failed int64) []kind {
				return times(n, kind{attempted: 200000, failed: failed, exhausted: 5, lasts: 16.1})
			}
			same := metricOf(built(usualPrimary, kinds(c.before), kinds(c.before)), "failed")
			if same.WouldHaveSeen == nil {
				t.Fatalf("%d: %+v", c.before, same)
			}
			seen := int64(*same.WouldHaveSeen)
			if m := metricOf(built(usualPrimary, kinds(c.before), kinds(c.before+seen)), "failed"); m.Verdict != record.Worse {
				t.Errorf("%d trials, %d and %d more: %s", n, c.before, seen, m.Verdict)
			}
			if m := metricOf(built(usualPrimary, kinds(c.before), kinds(c.before+seen-1)), "failed"); m.Verdict != record.NoDifference {
				t.Errorf("%d trials, %d and %d more: %s", n, c.before, seen-1, m.Verdict)
			}
		}
	}
}

func TestSharesAreComparedWhereTotalsDiffer(t *testing.T) {
	c := built(usualPrimary, times(3, kind{attempted: 2000, failed: 1000}), times(3, kind{attempted: 20000, failed: 1200}))
	m := metricOf(c, "failed")
	if m.Verdict != record.Better {
		t.Errorf("%s: %s", m.Verdict, m.Why)
	}
	contains(t, "why", m.Why, "of 2,000 and of 20,000")
}

func TestCutOffOnOneSide(t *testing.T) {
	low, high := kind{asked: 200}, kind{asked: 300, reached: 260}
	for _, c := range []struct {
		before, after kind
		verdict, why  string
	}{
		{low, high, record.Inconclusive, "only 200 were asked for in before"},
		{high, low, record.Inconclusive, "only 200 were asked for in after"},
		{low, kind{asked: 300}, record.NoDifference, "both are at least what was asked for: 200 and 300"},
	} {
		m := metricOf(built([]string{"connects_per_second"}, times(6, c.before), times(6, c.after)), "connects_per_second")
		if m.Verdict != c.verdict || m.Ratio != nil {
			t.Errorf("%s, ratio %v: %s", m.Verdict, m.Ratio, m.Why)
		}
		contains(t, "why", m.Why, c.why)
	}
	m := metricOf(built([]string{"connects_per_second"}, timed(6, 100), times(6, low)), "connects_per_second")
	if m.Verdict != record.Better || m.RatioBound != "at-least" || m.Interval != nil {
		t.Errorf("at least twice: %+v", m)
	}
	m = metricOf(built([]string{"connects_per_second"}, times(6, low), timed(6, 100)), "connects_per_second")
	if m.Verdict != record.Worse || m.RatioBound != "at-most" {
		t.Errorf("at most half: %+v", m)
	}
}

// timed are trials at max whose speed and latency are about speed, each a little different.
func timed(n int, speed float64) (all []kind) {
	for i := range n {
		s := speed * (1 + 0.003*float64(i))
		all = append(all, kind{asked: -1, reached: s, p50: s})
	}
	return all
}

func TestTimes(t *testing.T) {
	speed := []string{"connect.p50_us"}
	better := metricOf(built(speed, timed(5, 200), timed(5, 100)), "connect.p50_us")
	if better.Verdict != record.Better || better.P == nil || *better.Adjusted >= 0.05 || better.Interval == nil ||
		better.Interval.Low > *better.Ratio || better.Interval.High < *better.Ratio || better.Interval.High > 0.6 {
		t.Errorf("better: %+v", better)
	}
	same := metricOf(built(speed, timed(5, 200), timed(5, 200)), "connect.p50_us")
	if same.Verdict != record.NoDifference || same.WouldHaveSeen == nil || *same.WouldHaveSeen < 4 {
		t.Errorf("the same: %+v", same)
	}
	nearly := metricOf(built(speed, timed(5, 200), timed(5, 203)), "connect.p50_us")
	if nearly.Verdict != record.NoDifference { // apart in every trial, but by 1.5 %
		t.Errorf("nearly the same: %+v", nearly)
	}
	few := metricOf(built(speed, timed(3, 200), timed(3, 100)), "connect.p50_us")
	if few.Verdict != record.Inconclusive || few.P != nil {
		t.Errorf("few: %+v", few)
	}
	contains(t, "why", few.Why, "4 trials of each are needed: before has 3, after has 3")
}

func TestTimesThatCannotBeJudged(t *testing.T) {
	speed := []string{"connect.p50_us"}
	c, trials := newComparison(speed, []string{"before", "after"}, trialsOf(timed(6, 200)), trialsOf(timed(6, 100)))
	c.Plan.Jobs = 3
	contains(t, "side by side", metricOf(Build(c, trials), "connect.p50_us").Why, "trials ran 3 side by side; -j 1 judges times")

	failing := timed(6, 200)
	for i := range failing {
		failing[i].failed = 1000
	}
	m := metricOf(built(speed, failing, timed(6, 100)), "connect.p50_us")
	contains(t, "different connections", m.Why, "different connections: 1,000 of 2,000 failed in before, 0 of 2,000 in after")
	if m.Verdict != record.Inconclusive {
		t.Errorf("%s", m.Verdict)
	}

	trials = trialsOf(timed(12, 100))
	for _, one := range trials[6:] {
		one.Latency = record.Latency{Connect: one.Latency.FromIntended}
	}
	c, trials = newComparison(speed, []string{"before", "after"}, trials[:6], trials[6:])
	contains(t, "clocks", metricOf(Build(c, trials), "connect.p50_us").Why, "different clocks")
}

func TestBootsRepeatTrialsThatDidNotTakeTurns(t *testing.T) {
	speed := []string{"failed", "connect.p50_us"}
	boots := func(kinds []kind, n int) []kind {
		for i := range kinds {
			kinds[i].boot = fmt.Sprint(kinds[i].p50 > 150, i%n)
			kinds[i].failed = 1000
		}
		return kinds
	}
	build := func(n int) *record.Comparison {
		c, trials := newComparison(speed, []string{"before", "after"}, trialsOf(boots(timed(20, 200), n)), trialsOf(boots(timed(20, 100), n)))
		c.Plan.Interleaved = false
		return Build(c, trials)
	}
	one := build(1)
	contains(t, "one boot", metricOf(one, "connect.p50_us").Why, "4 boots of each are needed", "before has 1, after has 1")
	if m := metricOf(one, "failed"); m.Verdict != record.NoDifference {
		t.Errorf("counts: %s, %s", m.Verdict, m.Why)
	}
	if m := metricOf(build(5), "connect.p50_us"); m.Verdict != record.Better {
		t.Errorf("five boots: %s, %s", m.Verdict, m.Why)
	}
	if !slices.ContainsFunc(one.Warnings, func(w record.Warning) bool { return w.Code == "not-interleaved" }) {
		t.Errorf("warnings: %+v", one.Warnings)
	}
}

func TestWarningsSpoilWhatTheyName(t *testing.T) {
	late := kind{warnings: []record.Warning{{Code: "schedule-late", Text: "25 late", Spoils: []string{"connects_per_second", "failed"}}}}
	c := built(usualPrimary, times(3, exhausted), append(times(2, kind{}), late))
	for name, want := range map[string]string{
		"connects_per_second": record.Inconclusive, "failed": record.Inconclusive, "failed.address-not-available": record.Inconclusive,
		"first_exhaustion_seconds": record.Better,
	} {
		m := metricOf(c, name)
		if m.Verdict != want || want == record.Inconclusive && m.Why != "25 late" {
			t.Errorf("%s: %s, %s", name, m.Verdict, m.Why)
		}
	}
	if w := c.Warnings[0]; len(c.Warnings) != 1 || w.Code != "schedule-late" || w.Text != "25 late (after; 1 of 6 trials)" || len(w.Spoils) != 2 {
		t.Errorf("%+v", c.Warnings)
	}
}

func TestFullBuckets(t *testing.T) {
	full := kind{clientTW: 500, overflow: 1500, warnings: []record.Warning{{
		Code: "tw-overflow", Text: "1500 closed without", Spoils: []string{"client.time_wait.peak", "client.time_wait.plateau"},
	}}}
	m := metricOf(built(usualPrimary, times(2, exhausted), times(2, full)), "client.time_wait.peak")
	if m.Verdict != record.Better || m.Why != "1500 closed without" {
		t.Errorf("bought: %s, %s", m.Verdict, m.Why)
	}
	contains(t, "the price", m.Price, "1,500 connections closed without TIME_WAIT")
	for _, c := range [][2]kind{{full, exhausted}, {full, full}, {{clientTW: 400}, full}} {
		m := metricOf(built(usualPrimary, times(2, c[0]), times(2, c[1])), "client.time_wait.peak")
		if m.Verdict != record.Inconclusive || m.Why != "1500 closed without" || m.WouldHaveSeen != nil {
			t.Errorf("the limit is not the load: %+v", m)
		}
	}
}

func TestPrices(t *testing.T) {
	before := kind{clientTW: 1000, serverTW: 0}
	for name, c := range map[string]struct {
		before, after kind
		metric, price string
	}{
		"overflow":   {exhausted, kind{overflow: 15000}, "failed", "15,000 connections closed without TIME_WAIT: no room in tcp_max_tw_buckets, nothing protects the next connection from their late segments"},
		"more of it": {kind{failed: 1000, overflow: 7000}, kind{overflow: 15000}, "failed", "15,000 connections closed without TIME_WAIT (before: 7,000)"},
		"bytes":      {before, kind{lost: 1021120}, "client.time_wait.peak", "1,021,120 bytes were written and never read"},
		"resets":     {before, kind{resets: 300}, "client.time_wait.peak", "300 connections ended in a reset that an application saw"},
		"failures":   {before, kind{failed: 900}, "client.time_wait.peak", "fewer connections: 900 failed"},
		"fewer":      {kind{clientTW: 1000, asked: -1}, kind{attempted: 500, asked: -1}, "client.time_wait.peak", "less went through: 500 requests (before: 2,000)"},
		"asked less": {exhausted, kind{attempted: 500}, "failed", "less was asked for: 500 requests (before: 2,000)"},
		"for ever":   {exhausted, kind{attempted: 500}, "first_exhaustion_seconds", "less was asked for: 500 requests (before: 2,000)"},
		"held":       {before, kind{held: 900}, "client.time_wait.peak", "900 sockets of the client stand in FIN_WAIT2 instead"},
		"elsewhere":  {exhausted, kind{serverTW: 1000}, "failed", "TIME_WAIT moved to the server: 1,000 there"},
		"moved":      {before, kind{serverTW: 1000}, "client.time_wait.peak", "TIME_WAIT moved to the server: 1,000 there"},
		"moved back": {kind{serverTW: 1000}, before, "server.time_wait.plateau", "TIME_WAIT moved to the client: 1,000 there"},
		"drops":      {exhausted, kind{drops: 77}, "failed", "the listener dropped 77 segments"},
		"cookies":    {exhausted, kind{cookies: 78}, "failed", "78 SYN cookies were sent"},
		"reused":     {exhausted, reusing, "ports.peak_share", "1,501 TIME_WAIT taken over by a new connection after 1 s or more; needs timestamps on both sides"},
		"never":      {exhausted, kind{overflow: 15000}, "first_exhaustion_seconds", "15,000 connections"},
		"lasts":      {exhausted, kind{overflow: 15000}, "rate_that_lasts", "15,000 connections"},
	} {
		m := metricOf(built(usualPrimary, times(3, c.before), times(3, c.after)), c.metric)
		if m.Verdict != record.Better {
			t.Errorf("%s: %s, %s", name, m.Verdict, m.Why)
		}
		contains(t, "the price of "+name, m.Price, c.price)
		if back := metricOf(built(usualPrimary, times(3, c.after), times(3, c.before)), c.metric); back.Price != "" {
			t.Errorf("%s the other way round is %s and costs %s", name, back.Verdict, back.Price)
		}
	}
	free := metricOf(built(usualPrimary, times(3, exhausted), times(3, kind{})), "failed")
	if free.Verdict != record.Better || free.Price != "" {
		t.Errorf("nothing was paid: %+v", free)
	}
	if less := metricOf(built(usualPrimary, times(3, exhausted), times(3, kind{attempted: 500})), "failed"); !less.Bought {
		t.Errorf("a load that was asked for no more is given up: %+v", less)
	}
	kept := metricOf(built(usualPrimary, times(3, exhausted), times(3, kind{attempted: 200, requests: 10})), "failed")
	if kept.Verdict != record.Better || kept.Price != "" {
		t.Errorf("the same requests on fewer connections: %+v", kept)
	}
	carried := metricOf(built(usualPrimary, times(3, exhausted), times(3, kind{attempted: 200, requests: 10, clientTW: 200})), "client.time_wait.peak")
	if carried.Price != "" || carried.Why != "fewer: a connection carries 10 requests instead of 1" {
		t.Errorf("the same requests on fewer connections: %+v", carried)
	}
	more := metricOf(built(usualPrimary, times(3, exhausted), times(3, kind{clientTW: 1000, tuples: 4})), "ports.peak_share")
	if more.Verdict != record.Better || more.Bought || more.Why != "of 4,000 ports instead of 1,000" {
		t.Errorf("more ports: %+v", more)
	}
	unexplained := metricOf(built(usualPrimary, times(3, before), times(3, kind{clientTW: 10})), "client.time_wait.peak")
	if unexplained.Price != "" || !strings.Contains(unexplained.Why, "do not show what it was bought with") {
		t.Errorf("fewer for no reason: %+v", unexplained)
	}
	if reused := metricOf(built(usualPrimary, times(3, exhausted), times(3, kind{reused: 500})), "failed"); reused.Bought ||
		!strings.Contains(reused.Price, "500 TIME_WAIT taken over") {
		t.Errorf("reuse must be known, and takes nothing away: %+v", reused)
	}
	if lost := metricOf(built(usualPrimary, times(3, exhausted), times(3, kind{overflow: 500})), "failed"); !lost.Bought {
		t.Errorf("protection was given up: %+v", lost)
	}
	if reused := metricOf(built(usualPrimary, times(3, kind{}), times(3, kind{reused: 500})), "tw_reused"); reused.Verdict != record.Inconclusive {
		t.Errorf("reuse is neither good nor bad: %+v", reused)
	}
	failures := metricOf(built(usualPrimary, times(3, kind{reused: 0}), times(3, kind{reused: 500, failed: 900})), "tw_reused")
	if strings.Contains(failures.Price, "fewer connections") {
		t.Errorf("fewer connections explain fewer TIME_WAIT only: %s", failures.Price)
	}
}

// TestTooManyTests: trials that agree to the last one are not said to differ.
func TestTooManyTests(t *testing.T) {
	c, trials := newComparison(usualPrimary, []string{"before", "after"}, trialsOf(times(2, kind{failed: 40, clientTW: 60})), trialsOf(times(2, kind{clientTW: 50})))
	for i := range 120 {
		c.Variants = append(c.Variants, record.Variant{Name: fmt.Sprint("another ", i)})
	}
	m := metricOf(Build(c, trials), "client.time_wait.peak")
	if m.Verdict != record.Inconclusive {
		t.Fatalf("%+v", m)
	}
	contains(t, "why", m.Why, "the trials agree", "so many tests share the level")
}

// TestAnotherCause: as many connections fail, of something else.
func TestAnotherCause(t *testing.T) {
	inUse := exhausted
	inUse.cause = string(record.AddrInUse)
	c := built(usualPrimary, times(3, exhausted), times(3, inUse))
	m := metricOf(c, "failed."+string(record.AddrNotAvailable))
	if m.Verdict != record.Better || !m.Bought {
		t.Errorf("%+v", m)
	}
	contains(t, "its price", m.Price, "as many connections fail, of another cause")
	if all := metricOf(c, "failed"); all.Verdict != record.NoDifference {
		t.Errorf("all failures: %+v", all)
	}
}

func TestOverflowOfOneNamespaceIsCountedOnce(t *testing.T) {
	one := newTrial(kind{overflow: 100})
	one.Sides.Server.Counters["TcpExt.TCPTimeWaitOverflow"] = 100
	if r := overflow(one); r.value != 200 {
		t.Errorf("two namespaces: %v", r.value)
	}
	one.Scenario.Topology = "loopback"
	if r := overflow(one); r.value != 100 {
		t.Errorf("one namespace: %v", r.value)
	}
}

func TestRateThatLasts(t *testing.T) {
	for name, c := range map[string]struct {
		kind
		value              float64
		atLeast, computed  bool
		unmeasured, broken string
	}{
		"held":              {kind: kind{lasts: 1000, taken: 1}, value: 200, atLeast: true},
		"not for long":      {kind: kind{lasts: 455}, value: 200, atLeast: true, computed: true},
		"less than asked":   {kind: kind{lasts: 16.1}, value: 16.1, computed: true},
		"failed":            {kind: kind{lasts: 455, failed: 1}, value: 455, computed: true},
		"a little late":     {kind: kind{lasts: 455, reached: 190}, value: 200, atLeast: true, computed: true},
		"far behind":        {kind: kind{lasts: 455, reached: 150}, value: 150, atLeast: true, computed: true},
		"max":               {kind: kind{lasts: 455, asked: -1, reached: 9000}, value: 455, computed: true},
		"no limit":          {kind: kind{lasts: -1}, value: 200, atLeast: true},
		"no limit, max":     {kind: kind{lasts: -1, asked: -1, reached: 9000}, unmeasured: "the ports do not limit the rate"},
		"no limit, failing": {kind: kind{lasts: -1, failed: 5}, unmeasured: "the ports do not limit the rate"},
	} {
		r := rateThatLasts(newTrial(c.kind))
		if r.value != c.value || r.atLeast != c.atLeast || r.computed != c.computed || !strings.Contains(r.unmeasured, c.unmeasured) || (r.unmeasured != "") != (c.unmeasured != "") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestConnectsPerSecondCountsWhatWentThrough(t *testing.T) {
	if r := connectsPerSecond(newTrial(kind{failed: 500, asked: 200, reached: 200})); r.value != 150 || r.atLeast {
		t.Errorf("%+v", r)
	}
}

func TestWhatDoesNotCount(t *testing.T) {
	c, trials := newComparison(usualPrimary, []string{"before", "after"}, trialsOf(times(3, exhausted)), trialsOf(times(5, kind{})))
	bad := kind{failed: 7}
	for i, spoil := range []func(){
		func() { c.Trials[3].WarmUp = true },
		func() { trials[4].Status = record.Interrupted },
		func() { trials[5] = nil },
	} {
		if trials[3+i] = newTrial(bad); true {
			spoil()
		}
	}
	got := Build(c, trials)
	var counted []bool
	for _, one := range got.Trials {
		counted = append(counted, one.Counted)
	}
	if !slices.Equal(counted, []bool{true, true, true, false, false, false, true, true}) || got.Variants[1].Counted != 2 {
		t.Errorf("%v, %d", counted, got.Variants[1].Counted)
	}
	if m := metricOf(got, "failed"); m.Verdict != record.Better || len(m.Details.After.Values) != 2 {
		t.Errorf("%+v", m)
	}
	if c.Trials[0].Counted || c.Variants[1].Counted != 0 {
		t.Error("Build changed what it was given")
	}
}

func TestTrialsNeeded(t *testing.T) {
	for _, c := range []struct {
		primary  []string
		variants int
		need     int
		usual    int
	}{
		{usualPrimary, 2, 2, 3},
		{usualPrimary, 9, 2, 3},
		{[]string{"failed", "connects_per_second"}, 2, 4, 5},
		{[]string{"connect.p50_us", "connects_per_second"}, 2, 5, 6},
		{[]string{"connect.p50_us", "connects_per_second"}, 4, 6, 7},
		{[]string{"no such metric"}, 2, 2, 3},
		{nil, 0, 2, 3},
	} {
		if n := TrialsNeeded(c.primary, c.variants, 0.05); n != c.need {
			t.Errorf("%v, %d variants: %d needed", c.primary, c.variants, n)
		}
		if n := DefaultTrials(c.primary, c.variants); n != c.usual {
			t.Errorf("%v, %d variants: %d by default", c.primary, c.variants, n)
		}
	}
	if Noisy(usualPrimary) || !Noisy([]string{"failed", "connects_per_second"}) {
		t.Error("noisy is what is timed")
	}
	// what is said to be enough is enough, and one less is not
	for _, primary := range [][]string{{"connect.p50_us"}, {"connect.p50_us", "connect.p99_us", "connect.p999_us"}} {
		n := TrialsNeeded(primary, 2, 0.05)
		if m := metricOf(built(primary, timed(n, 200), timed(n, 100)), "connect.p50_us"); m.Verdict != record.Better {
			t.Errorf("%d trials: %s, %s", n, m.Verdict, m.Why)
		}
		m := metricOf(built(primary, timed(n-1, 200), timed(n-1, 100)), "connect.p50_us")
		contains(t, "why", m.Why, fmt.Sprintf("%d trials of each are needed", n))
	}
}

func TestHolm(t *testing.T) {
	got := holm([]float64{0.03, 0.001, 0.02}, 3)
	want := []float64{0.02 * 2 / 0.8, 0.001 * 3 / 0.8, 0.02 * 2 / 0.8} // the largest may not come out below the one before it
	for i := range got {
		if diff := got[i] - want[i]; diff > 1e-12 || diff < -1e-12 {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// The page that readers get names every metric, with its direction.
func TestMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/COMPARING.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		for _, name := range strings.Split(cells[min(1, len(cells)-1)], ",") {
			if len(cells) > 4 {
				rows[strings.Trim(name, " `")] = cells[3] + cells[4]
			}
		}
	}
	for _, m := range table {
		kind := "timed"
		if m.exact {
			kind = "counted"
		}
		if row := rows[m.name]; !strings.Contains(row, m.better) || !strings.Contains(row, kind) {
			t.Errorf("docs/COMPARING.md says of %s %q, which is %s and %s", m.name, row, m.better, kind)
		}
	}
}
