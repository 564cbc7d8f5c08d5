package claims

import (
	"maps"
	"strings"
	"testing"

	"twomsl/internal/record"
)

func taken(key string) *record.Trial {
	return aTrial(200, left(client, tw, 200), answers(key, record.SysctlChanged))
}

// lineCase is a line on one side in a made-up world; asked is filled in as taken.
type lineCase struct {
	key, value, side string
	verdict          string
	made             map[string]any
}

func serverHolds(n, over int64) *record.Trial {
	return aTrial(6000, left(server, tw, n), moved(server, "TcpExt.TCPTimeWaitOverflow", over))
}

func lineCases() []lineCase {
	const fin, syn, backlog, alive = "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_syncookies", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_keepalive_time"
	probe := func(first float64) figures {
		return figures{"first_probe": first, "time_wait_left": 60, "without": 0, "each": 20}
	}
	return []lineCase{
		{twReuse, "1", client, record.Helps, map[string]any{before: narrowed(200, 0), after: narrowed(0, 290)}},
		{twReuse, "0", client, record.NoEffect, map[string]any{before: narrowed(200, 0), after: narrowed(200, 0)}},
		{twReuse, "1", server, record.NoEffect, map[string]any{before: serverHolds(1500, 0), after: serverHolds(1490, 0)}},
		{"net.ipv4.tcp_timestamps", "0", client, record.Harmful, map[string]any{before: narrowed(0, 290), after: narrowed(200, 0)}},
		{fin, "30", client, record.NoEffect, map[string]any{before: aTrial(200, lives(60)), after: aTrial(200, lives(60)), "orphans before": aTrial(200, lives(60)), "orphans after": aTrial(200, lives(30))}},
		{fin, "30", server, record.Helps, map[string]any{before: aTrial(200, lives(60)), after: aTrial(200, lives(30)), "orphans before": aTrial(200), "orphans after": aTrial(200)}},
		{maxBuckets, "5000", client, record.Helps, map[string]any{before: narrowed(200, 0), after: aTrial(6000, moved(client, "TcpExt.TCPTimeWaitOverflow", 1000))}},
		{maxBuckets, "5000", server, record.Harmful, map[string]any{before: serverHolds(6000, 0), after: serverHolds(5000, 1000)}},
		{maxBuckets, "262144", server, record.NoEffect, map[string]any{before: serverHolds(6000, 0), after: serverHolds(6000, 0)}},
		{portRange, "1024 65000", client, record.Helps, map[string]any{before: aTrial(1, usedUp(28232)), after: aTrial(1, usedUp(63977))}},
		{portRange, "40000 40999", client, record.Harmful, map[string]any{before: aTrial(1, usedUp(28232)), after: aTrial(1, usedUp(1000))}},
		{syn, "0", server, record.Harmful, map[string]any{before: queueOf(20, 171, 0, 129), after: queueOf(0, 0, 171, 129)}},
		{syn, "0", client, record.NoEffect, map[string]any{before: none, after: none}},
		{backlog, "8192", server, record.NoEffect, map[string]any{before: queueOf(20, 171, 0, 129), after: queueOf(20, 171, 0, 129)}},
		{alive, "1200", "both", record.NoEffect, map[string]any{before: probe(7200), after: probe(1200)}},
		{conntrackTimeWait, "20", "both", record.Helps, map[string]any{before: figures{"flow": 119, "socket": 60}, after: figures{"flow": 19, "socket": 60}}},
		{"net.ipv4.tcp_sack", "0", "both", record.NotCovered, map[string]any{}},
	}
}

func lineOf(t *testing.T, c lineCase) *Line {
	t.Helper()
	lines := Lines([]Setting{{Key: c.key, Value: c.value, File: "a.conf", LineNo: 3}})
	for i := range lines {
		if lines[i].Side == c.side {
			return &lines[i]
		}
	}
	t.Fatalf("%s has no test on %s", c.key, c.side)
	return nil
}

func TestLinesAreJudged(t *testing.T) {
	for _, c := range lineCases() {
		l := lineOf(t, c)
		made := maps.Clone(c.made)
		made[asked] = taken(c.key)
		got := l.Judged(tried(t, l.Tries, made))
		if got.Verdict != c.verdict || got.Why == "" || len(got.Tests) == 0 || got.Line != 3 {
			t.Errorf("%s = %s on the %s: %s (%s), expected %s", c.key, c.value, c.side, got.Verdict, got.Why, c.verdict)
		}
		if (got.Figure == nil) != (c.verdict == record.NotCovered) || (got.Claim == "") != (c.verdict == record.NotCovered) {
			t.Errorf("%s = %s on the %s has no figure or no claim: %+v", c.key, c.value, c.side, got)
		}
		bought := c.key == maxBuckets && c.verdict != record.NoEffect || c.key == portRange && c.verdict == record.Helps
		if (got.Price != "") != bought {
			t.Errorf("%s = %s on the %s: the price is %q", c.key, c.value, c.side, got.Price)
		}
	}
}

// What the kernel says to a line comes before what its tries have shown.
func TestWhatTheKernelTakes(t *testing.T) {
	for _, c := range lineCases() {
		for outcome, want := range map[string]string{
			record.SysctlMissing: record.Missing, record.SysctlAlreadySet: record.AlreadySet,
			record.SysctlRefused: record.ClaimUntestable, record.SysctlHostWide: record.ClaimUntestable,
		} {
			if c.verdict == record.NotCovered && want == record.ClaimUntestable {
				want = record.NotCovered
			}
			l := lineOf(t, c)
			made := maps.Clone(c.made)
			made[asked] = aTrial(200, left(client, tw, 200), answers(c.key, outcome))
			got := l.Judged(tried(t, l.Tries, made))
			if got.Verdict != want || got.Why == "" || got.Price != "" {
				t.Errorf("%s, which is %s: %s (%s, %q), expected %s", c.key, outcome, got.Verdict, got.Why, got.Price, want)
			}
		}
	}
}

func TestLinesThatNoKernelHas(t *testing.T) {
	for key, claim := range map[string]string{recycle: "8", "net.ipv4.netfilter.ip_conntrack_tcp_timeout_time_wait": "24"} {
		lines := Lines([]Setting{{Key: key, Value: "1"}})
		if len(lines) != 1 || len(lines[0].Tries) != 1 {
			t.Fatalf("%s takes %+v: nothing but asking is needed", key, lines)
		}
		got := lines[0].Judged(tried(t, lines[0].Tries, map[string]any{asked: aTrial(200, left(client, tw, 200), answers(key, record.SysctlMissing))}))
		if got.Verdict != record.Missing || got.Claim != claim || got.Figure == nil || *got.Figure != 200 {
			t.Errorf("%s: %+v", key, got)
		}
	}
}

// All lines are asked for in one trial, and lines that need the same share it.
func TestLinesShareTheirTries(t *testing.T) {
	lines := Lines([]Setting{{Key: twReuse, Value: "1"}, {Key: "net.ipv4.tcp_syncookies", Value: "1"}, {Key: portRange, Value: "nonsense"}})
	tries, keys := LineTries(lines), map[string]bool{}
	for _, try := range tries {
		if keys[try.Key()] {
			t.Errorf("%+v is there twice", try)
		}
		keys[try.Key()] = true
	}
	together := 0
	for _, try := range tries {
		if len(try.Sysctl) == 3 && !strings.Contains(try.Sysctl[0], ":") {
			together++
		}
	}
	if together != 1 {
		t.Errorf("%d trials ask for all lines at once: %+v", together, tries)
	}
	if !lines[0].Missed(nil) {
		t.Error("that nothing was run is not noticed")
	}
}
