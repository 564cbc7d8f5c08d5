package claims

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"twomsl/internal/record"
)

const (
	yes    = record.ClaimTrue
	no     = record.ClaimFalse
	partly = record.ClaimConditional
)

var (
	tw        = record.TimeWait
	clientAll = aTrial(200, left(client, tw, 200))
	serverAll = aTrial(200, left(server, tw, 200), closedBy(server))
	none      = aTrial(200)
)

// world is what is made up for a claim, as this kernel has it, and what the judge says then; changes are other kernels.
type world struct {
	id      string
	verdict string
	made    map[string]any
	others  []other
}

type other struct {
	verdict string
	made    map[string]any
}

func is(verdict, part string, v any) other { return other{verdict, map[string]any{part: v}} }

func lifeOf(mean float64) figures {
	return figures{"least": mean - 1, "mean": mean, "most": mean + 1, "sockets": 240, "step": 2.048, "doubt": 0.02, "least_at_most": mean - 0.98, "most_at_least": mean + 0.98}
}

func narrowed(failed, reused int64) *record.Trial {
	return aTrial(400, failing(failed), moved(client, "TcpExt.TWRecycled", reused))
}

func capped(n, over int64) *record.Trial {
	return aTrial(1500, left(client, tw, n), moved(client, "TcpExt.TCPTimeWaitOverflow", over))
}

func fresh(key, value string) *record.Trial { return aTrial(200, has(client, key, value)) }

func vanished(idle, asked, writing float64) figures {
	return figures{"each": 10, "idle": idle, "asked": asked, "writing": writing, "bounded": asked, "peer": 40}
}

func costing(empty, holding float64) figures {
	return figures{"empty": empty, "holding": holding, "held_server": 1, "held_client": 1, "range": 8192}
}

func queueOf(served, cookies, drops, kept float64) figures {
	return figures{"syns": 300, "served": served, "cookies": cookies, "drops": drops, "kept": kept, "full": cookies + drops, "beside": 20}
}

func accepted(queued float64) figures {
	return figures{"clients": 40, "queued": queued, "overflows": 40 - queued, "beside": 20}
}

func tupleOf(same, rest float64) figures {
	return figures{"ports": 100, "filled": 100, "same": same, "other_port": rest, "other_address": rest, "other_source": rest, "udp": rest}
}

var worlds = []world{
	{"1", yes, map[string]any{"client first": clientAll, "server first": serverAll}, []other{is(no, "client first", none), is(no, "server first", clientAll)}},
	{"2", partly, map[string]any{"client first": clientAll, "server first": serverAll}, []other{is(yes, "client first", serverAll), is(no, "server first", none)}},
	{"3", yes, map[string]any{
		"reset": aTrial(200, moved(client, "TcpExt.TCPAbortOnData", 200)), "slow link": aTrial(20, losing(900)), "slow link, FIN": aTrial(20),
	}, []other{is(no, "reset", clientAll)}},
	{"4", yes, map[string]any{"default": lifeOf(61)}, []other{is(no, "default", lifeOf(5)), is(no, "default", lifeOf(400))}},
	{"5", no, map[string]any{"default": lifeOf(61), "5": lifeOf(61), "orphans": lifeOf(5)}, []other{is(yes, "5", lifeOf(6))}},
	{"6", partly, map[string]any{"on": narrowed(0, 290), "off": narrowed(200, 0), "young": narrowed(200, 0), "no timestamps": narrowed(200, 0)}, []other{
		is(no, "on", narrowed(200, 0)), is(yes, "young", narrowed(0, 290)), is(no, "off", narrowed(0, 0)),
	}},
	{"7", no, map[string]any{
		"on": aTrial(1500, left(server, tw, 1500), closedBy(server)), "off": aTrial(1500, left(server, tw, 1500), closedBy(server)),
	}, []other{
		is(yes, "on", aTrial(1500, left(server, tw, 900), closedBy(server))),
		is(yes, "on", aTrial(1500, left(server, tw, 1500), closedBy(server), moved(server, "TcpExt.TWRecycled", 5))),
	}},
	{"8", record.ClaimGone, map[string]any{"asked": aTrial(200, left(client, tw, 200), answers(recycle, record.SysctlMissing))}, []other{
		is(yes, "asked", aTrial(200, left(client, tw, 20), answers(recycle, record.SysctlChanged))),
		is(no, "asked", aTrial(200, left(client, tw, 200), answers(recycle, record.SysctlChanged))),
		is(record.ClaimUntestable, "asked", clientAll),
	}},
	{"9", partly, map[string]any{"capped": capped(500, 1000), "lowered": figures{"before": 300, "after": 300, "overflow": 100, "log": 0}}, []other{
		is(no, "capped", capped(1500, 0)), is(yes, "lowered", figures{"before": 300, "after": 100, "overflow": 100, "log": 1}),
		is(partly, "lowered", figures{"before": 300, "after": 300, "overflow": 100}), // the log cannot be read
	}},
	{"10", no, map[string]any{"fresh": fresh(maxBuckets, "131072")}, []other{is(yes, "fresh", fresh(maxBuckets, "180000")), is(record.ClaimUntestable, "fresh", none)}},
	{"11", partly, map[string]any{"fresh": fresh(portRange, "32768\t60999"), "default": aTrial(1, usedUp(28232)), "wide": aTrial(1, usedUp(63977))}, []other{
		is(yes, "fresh", fresh(portRange, "32768 61000")), is(no, "wide", aTrial(1, usedUp(1000))), is(record.ClaimUntestable, "wide", none),
	}},
	{"12", partly, map[string]any{
		"0": queueOf(0, 0, 171, 129), "1": queueOf(20, 171, 0, 129), "accept 0": accepted(9), "accept 1": accepted(9),
		"fresh": fresh("net.ipv4.tcp_syncookies", "1"),
	}, []other{
		is(no, "1", queueOf(0, 0, 171, 129)), {yes, map[string]any{"accept 1": accepted(20), "fresh": fresh("net.ipv4.tcp_syncookies", "0")}},
	}},
	{"13", partly, map[string]any{
		"64": queueOf(0, 0, 0, 129), "8192": queueOf(0, 0, 0, 129), "64, off": queueOf(0, 0, 0, 49), "8192, off": queueOf(0, 0, 0, 129),
		"fresh": fresh("net.ipv4.tcp_max_syn_backlog", "2048"),
	}, []other{is(yes, "8192", queueOf(0, 0, 0, 300)), is(no, "8192, off", queueOf(0, 0, 0, 49))}},
	{"14", partly, map[string]any{
		"1200":    figures{"each": 20, "with": 20, "without": 0, "first_probe": 1200, "time_wait_left": 60},
		"default": figures{"each": 20, "with": 20, "without": 0, "first_probe": 7200, "time_wait_left": 60},
	}, []other{
		is(no, "1200", figures{"each": 20, "with": 0, "without": 0, "first_probe": 0, "time_wait_left": 60}),
		is(yes, "1200", figures{"each": 20, "with": 20, "without": 20, "first_probe": 1200, "time_wait_left": 60}),
	}},
	{"15", partly, map[string]any{
		"off": figures{"close": 0}, "-1": figures{"close": 4, "waiting": 1}, "0": figures{"close": 0}, "2": figures{"close": 2.01},
		"left by 0": none, "left by 2": clientAll,
	}, []other{is(no, "2", figures{"close": 0}), is(no, "0", figures{"close": 2}), is(yes, "-1", figures{"close": 0, "waiting": 0})}},
	{"16", partly, map[string]any{"peer closes": clientAll, "peer stays": figures{"each": 20, "time_wait": 0, "fin_wait_2": 20}}, []other{
		is(no, "peer closes", none), is(yes, "peer stays", figures{"each": 20, "time_wait": 20, "fin_wait_2": 0}),
	}},
	{"17", partly, map[string]any{"limits": timeoutsOf(20, 10)}, []other{is(no, "limits", timeoutsOf(20, 0)), is(yes, "limits", timeoutsOf(0, 10))}},
	{"18", yes, map[string]any{
		"together": figures{"each": 20, "fin_wait_1": 20, "fin_wait_2": 0, "time_wait": 20}, "apart": figures{"each": 20, "fin_wait_2": 20},
	}, []other{is(no, "together", figures{"each": 20, "fin_wait_1": 0, "fin_wait_2": 20, "time_wait": 20})}},
	{"19", yes, map[string]any{"crossing": aTrial(300, stood(record.Closing, 33, 33)), "both": aTrial(200, left(client, tw, 200), left(server, tw, 200))}, []other{
		is(no, "crossing", none), is(no, "crossing", aTrial(300, stood(record.Closing, 33, 3))), is(no, "both", none),
	}},
	{"20", yes, map[string]any{"withheld": aTrial(300, stood(record.SynRecv, 48, 48)), "free": aTrial(2000)}, []other{
		is(no, "withheld", none), is(no, "free", aTrial(200, func(t *record.Trial) { t.Sides.Server.States.Peak[record.SynRecv] = 40 })),
	}},
	{"21", yes, map[string]any{"leaks": aTrial(200, left(server, record.CloseWait, 200)), "closes": clientAll}, []other{is(no, "leaks", none)}},
	{"22", partly, map[string]any{
		"18,122": aTrial(20000, left(server, tw, 18122), bytesEach(256)), "server holds": costing(15, 15), "client holds": costing(15, 900),
	}, []other{
		is(yes, "client holds", costing(15, 16)), is(no, "18,122", aTrial(20000, left(server, tw, 18122), bytesEach(1e6))), is(no, "server holds", costing(15, 900)),
		is(record.ClaimUntestable, "18,122", aTrial(20000, left(server, tw, 18122))),
	}},
	{"23", no, map[string]any{"18,122": aTrial(20000, left(server, tw, 18122), canary("ssh", 30, 30), canary("dns", 30, 30))}, []other{
		is(yes, "18,122", aTrial(20000, canary("ssh", 30, 0), canary("dns", 30, 30))), is(record.ClaimUntestable, "18,122", none),
	}},
	{"24", yes, map[string]any{"default": figures{"flow": 119, "socket": 60}, "20": figures{"flow": 19, "socket": 60}}, []other{is(no, "default", figures{"flow": 59, "socket": 60})}},
	{"25", partly, map[string]any{
		"before": aTrial(6000, left(client, tw, 6000)), "all": aTrial(6000, left(client, tw, 1650), moved(client, "TcpExt.TCPTimeWaitOverflow", 4100)),
		"no limit": aTrial(6000, left(client, tw, 5700)), "lowered": figures{"before": 300, "after": 300},
	}, []other{is(no, "all", aTrial(6000, left(client, tw, 6000))), is(yes, "no limit", aTrial(6000, left(client, tw, 1700)))}},
	{"26", yes, map[string]any{"kept": idleOf(5000, 450, 0), "short": idleOf(0, 450, 450)}, []other{is(no, "kept", idleOf(0, 450, 450)), is(no, "kept", idleOf(5000, 10, 0))}},
	{"27", yes, map[string]any{"cut": vanished(10, 10, 10), "there": vanished(10, 0, 0)}, []other{is(no, "cut", vanished(10, 0, 0)), is(no, "cut", vanished(0, 10, 10))}},
	{"28", yes, map[string]any{"sctp": figures{"each": 20, "again": 20}, "tcp": figures{"each": 20, "again": 0, "time_wait": 20}}, []other{is(no, "sctp", figures{"each": 20, "again": 0})}},
	{record.ConntrackFull, yes, map[string]any{"full": aTrial(1, trackingDrops(90), canary("ssh", 9, 1), canary("dns", 9, 1))}, []other{
		is(no, "full", aTrial(1, trackingDrops(0), canary("ssh", 9, 9))), is(no, "full", aTrial(1, trackingDrops(90), canary("ssh", 9, 1), canary("dns", 9, 9))),
		is(record.ClaimUntestable, "full", none), is(record.ClaimUntestable, "full", aTrial(1, trackingDrops(90))),
		is(no, "full", aTrial(1, trackingDrops(90), canary("ssh", 9, 1), canary("dns", 9, 1), func(t *record.Trial) {
			t.Outcomes = []record.Outcome{{Side: client, Phase: "read", Errno: "ETIMEDOUT", Count: 3}}
		})),
	}},
	{record.PortTupleExhausted, yes, map[string]any{"full": tupleOf(0, 20)}, []other{is(no, "full", tupleOf(20, 20)), is(no, "full", tupleOf(0, 0))}},
	{record.ExplicitBindExhausted, yes, map[string]any{"bound": aTrial(1600, bindFails(600)), "late": aTrial(1600)}, []other{is(no, "bound", aTrial(1600))}},
	{record.AcceptBacklogFull, yes, map[string]any{"full": accepted(9)}, []other{is(no, "full", accepted(40))}},
	{record.SynQueueFull, yes, map[string]any{"cookies": queueOf(20, 171, 0, 129), "none": queueOf(0, 0, 171, 129)}, []other{is(no, "cookies", queueOf(20, 0, 0, 300))}},
	{record.DescriptorsExhausted, yes, map[string]any{"few": figures{"clients": 30, "accepted": 10, "queued": 20, "emfile": 2, "old": 1}}, []other{
		is(no, "few", figures{"clients": 30, "accepted": 30, "queued": 0, "emfile": 0, "old": 1}),
	}},
}

func timeoutsOf(established, kernel float64) figures {
	return figures{"each": 10, "eagain": 20, "established": established, "peer_established": established, "timed_out": kernel, "time_wait": 0}
}

func idleOf(open, answered, left float64) figures {
	return figures{"open": open, "requests": 450, "answered": answered, "rate": 150, "time_wait": left, "memory": 2368}
}

func TestEveryVerdictIsReached(t *testing.T) {
	for _, c := range All() {
		i := slices.IndexFunc(worlds, func(w world) bool { return w.id == c.ID })
		if i < 0 {
			t.Errorf("claim %s has no made-up trials", c.ID)
			continue
		}
		w := worlds[i]
		for n, o := range append([]other{{w.verdict, nil}}, w.others...) {
			made := maps.Clone(w.made)
			maps.Copy(made, o.made)
			got := c.Judged(tried(t, c.Tries, made))
			if got.Verdict != o.verdict {
				t.Errorf("claim %s, case %d: %s (%s), expected %s: %v", c.ID, n, got.Verdict, got.Condition, o.verdict, got.Evidence)
			}
			sound(t, &got)
		}
	}
}

// sound: a verdict has a figure with its unit, evidence with figures, and names its tests.
func sound(t *testing.T, c *record.Claim) {
	t.Helper()
	if c.Verdict == record.ClaimUntestable {
		if c.Figure != nil || c.Condition == "" {
			t.Errorf("claim %s cannot be tested, and has a figure or no reason: %+v", c.ID, c)
		}
		return
	}
	if c.Figure == nil || c.Unit == "" || len(c.Evidence) == 0 || len(c.Tests) == 0 || c.Why == "" {
		t.Errorf("claim %s has no figure, unit, evidence, test or reason: %+v", c.ID, c)
	}
	if c.Verdict == partly && c.Condition == "" {
		t.Errorf("claim %s holds on a condition, and does not say which", c.ID)
	}
	for _, e := range c.Evidence {
		if !strings.HasSuffix(e, ".") || strings.Contains(e, "%!") || !strings.ContainsAny(e, "0123456789") && c.ID != "9" && c.ID != record.DescriptorsExhausted && c.ID != "8" {
			t.Errorf("claim %s: evidence without a figure, or no sentence: %q", c.ID, e)
		}
	}
}

// What was not run, broke, or cannot be here makes a claim untestable, with the reason, and never a verdict.
func TestWhatWasNotMeasuredIsNoVerdict(t *testing.T) {
	for _, w := range worlds {
		found, err := Find([]string{w.id})
		if err != nil {
			t.Fatal(err)
		}
		c := found[0]
		for n := range c.Tries {
			for reason, spoil := range map[string]func(*record.Tried){
				"no such thing here": func(one *record.Tried) { one.Cannot = "no such thing here" },
				"its test broke: it": func(one *record.Tried) { one.Failure = "it" },
				"was not":            func(one *record.Tried) { one.Figures, one.Trial = nil, nil },
			} {
				list := tried(t, c.Tries, w.made)
				spoil(&list[n])
				if got := c.Judged(list); got.Verdict != record.ClaimUntestable || !strings.Contains(got.Condition, reason) || got.Figure != nil {
					t.Errorf("claim %s without %q: %s (%s), expected %q", w.id, c.Tries[n].Name, got.Verdict, got.Condition, reason)
				}
			}
			list := tried(t, c.Tries, w.made)
			if !c.Missed(append(list[:n:n], list[n+1:]...)) && c.Tries[n].Key() != list[(n+1)%len(list)].Key() {
				t.Errorf("claim %s: that %q was not run is not noticed", w.id, c.Tries[n].Name)
			}
		}
	}
}

func TestFind(t *testing.T) {
	all, err := Find(nil)
	if err != nil || len(all) != 34 {
		t.Fatalf("%d claims, %v; 28 of the guides and 6 causes are meant", len(all), err)
	}
	for i := range 28 {
		if all[i].ID != fmt.Sprint(i+1) {
			t.Errorf("claim %s at place %d", all[i].ID, i+1)
		}
	}
	some, err := Find([]string{"9", "5"})
	if err != nil || len(some) != 2 || some[0].ID != "5" {
		t.Errorf("%v, %v", some, err)
	}
	if _, err = Find([]string{"5", "29", "x"}); err == nil || !strings.Contains(err.Error(), "there is no claim 29, x; known: 1 2") {
		t.Error(err)
	}
}

// Claims share what they can: no try is run twice, and what waits for a minute begins first.
func TestTriesAreRunOnce(t *testing.T) {
	tries := Tries(All())
	keys := map[string]bool{}
	for i, try := range tries {
		if keys[try.Key()] {
			t.Errorf("%+v is there twice", try)
		}
		keys[try.Key()] = true
		if i > 0 && Seconds(tries[i-1]) < Seconds(try) {
			t.Errorf("%+v comes before what takes longer", tries[i-1])
		}
	}
	if Seconds(tries[0]) < 60 || Seconds(tries[2]) >= 60 {
		t.Error("not the two that wait for TIME_WAIT come first")
	}
}
