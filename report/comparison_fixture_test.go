package report

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"twomsl/internal/record"
	"twomsl/report/compare"
)

// comparisons are the comparison records of the goldens, from figures that agree with each other.
func comparisons() []*record.Comparison {
	return []*record.Comparison{
		fourLines(), lingerZero(), fewerBuckets(), noisyThree(), sameTwice(), stoppedShort(), twoKernels(), twoEngines(),
	}
}

// comparisonOf is what all fixtures share; the variants are before and the others.
func comparisonOf(name, scenario, title, command string, trials int, variants ...record.Variant) *record.Comparison {
	c := &record.Comparison{
		Schema: record.ComparisonSchema, ID: name + "-20261121-101500-ab12", Tool: "twomsl 1.0.0", Status: record.Complete,
		StartedAt: time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC), Command: command,
		Scenario: record.Scenario{
			Name: scenario, Title: title, Topology: "veth", Family: "ipv4", CloseSide: client, Linger: "off",
			Spec: json.RawMessage(fmt.Sprintf(`{"name":%q}`, scenario)),
		},
		Plan:     record.Plan{Trials: trials, Seed: 20261121, Jobs: 2, Interleaved: true, Level: 0.05},
		Variants: variants,
		Environment: record.Environment{
			Kernel: "6.18.5-amd64", Arch: "x86_64", CPUs: 8, HZ: 250, Root: true, NoFileLimit: 1 << 20,
			Unmeasured: map[string]string{},
		},
	}
	for i := range variants {
		c.Variants[i].Counted, c.Variants[i].Engines = trials, []string{"split/epoll"}
		c.Variants[i].Spec = c.Scenario.Spec
	}
	turns(c, trials)
	return c
}

// turns lays out rounds in which each variant has one turn, each time beginning with another one.
func turns(c *record.Comparison, rounds int) {
	c.Trials = nil
	for round := range rounds {
		for i := range c.Variants {
			v := &c.Variants[(i+round)%len(c.Variants)]
			c.Trials = append(c.Trials, record.ComparedTrial{
				Variant: v.Name, Round: round, Counted: true,
				ID: fmt.Sprintf("%s-20261121-1015%02d-%04x", c.Scenario.Name, round, len(c.Trials)),
			})
		}
	}
}

// defaults is the variant that most comparisons start from.
func defaults() record.Variant { return record.Variant{Name: "before", Source: "default"} }

// exact adds an exact metric: one value for each trial, all alike.
func exact(c *record.Comparison, variant, name, unit, better string, before, after float64) *record.Metric {
	m := record.Metric{
		Name: name, Unit: unit, Better: better, Exact: true, Variant: variant, Before: &before, After: &after,
		Verdict: judged(better, before, after),
	}
	m.Details.Before.Values = slices.Repeat([]float64{before}, countedOf(c, c.Variants[0].Name))
	m.Details.After.Values = slices.Repeat([]float64{after}, countedOf(c, variant))
	if before != 0 {
		m.Ratio = ptr(after / before)
	}
	c.Metrics = append(c.Metrics, m)
	return &c.Metrics[len(c.Metrics)-1]
}

func judged(better string, before, after float64) string {
	switch {
	case before == after:
		return record.NoDifference
	case (after < before) == (better == "lower"):
		return record.Better
	}
	return record.Worse
}

func countedOf(c *record.Comparison, variant string) int {
	n := 0
	for i := range c.Trials {
		if c.Trials[i].Variant == variant && c.Trials[i].Counted {
			n++
		}
	}
	return n
}

// timed adds a noisy metric. The values lie evenly around their median, spread apart by that share of it.
func timed(c *record.Comparison, variant, name, unit, better string, before, after, spread, p float64) *record.Metric {
	m := record.Metric{
		Name: name, Unit: unit, Better: better, Variant: variant, Before: &before, After: &after,
		Ratio: ptr(after / before), P: &p, Verdict: record.NoDifference,
	}
	m.Details.Before.Values = around(before, spread, countedOf(c, c.Variants[0].Name))
	m.Details.After.Values = around(after, spread, countedOf(c, variant))
	half := spread / math.Sqrt(float64(max(1, len(m.Details.After.Values))))
	m.Interval = &record.Interval{Low: *m.Ratio * (1 - half), High: *m.Ratio * (1 + half)}
	if p < c.Plan.Level {
		m.Verdict = judged(better, before, after)
	} else {
		m.WouldHaveSeen = ptr(before * 2 * half)
	}
	c.Metrics = append(c.Metrics, m)
	return &c.Metrics[len(c.Metrics)-1]
}

func around(median, spread float64, n int) []float64 {
	var out []float64
	for i := range n {
		out = append(out, median*(1+spread*(float64(2*i+1)/float64(n)-1)))
	}
	return out
}

// of says of how many connections a count is a part.
func of(m *record.Metric, before, after float64) *record.Metric {
	m.Details.Before.Of, m.Details.After.Of = &before, &after
	return m
}

// decide makes metrics primary.
func decide(c *record.Comparison, names ...string) {
	c.Plan.Primary = names
	for i := range c.Metrics {
		c.Metrics[i].Primary = slices.Contains(names, c.Metrics[i].Name)
	}
}

// unseen adds a metric that has no value.
func unseen(c *record.Comparison, variant, name, unit, why string) {
	m := exact(c, variant, name, unit, "lower", 0, 0)
	m.Before, m.After, m.Verdict, m.Why = nil, nil, record.Inconclusive, why
	m.Details = record.ValuePair{Before: record.Value{Unmeasured: why}, After: record.Value{Unmeasured: why}}
}

// quiet adds what most runs have none of, and what does not change.
func quiet(c *record.Comparison, variant string, but ...string) {
	for _, name := range []string{"tw_reused", "tw_overflow", "resets_seen", "bytes_lost", "listen_drops", "syncookies_sent"} {
		unit := map[string]string{"bytes_lost": "bytes", "tw_reused": "sockets", "tw_overflow": "sockets"}[name]
		if unit == "" {
			unit = "connections"
		}
		if !slices.Contains(but, name) {
			exact(c, variant, name, unit, "lower", 0, 0)
		}
	}
	exact(c, variant, "time_wait_bytes_each", "bytes", "lower", 256, 256)
}

// neverAgain adds the never to a first exhaustion: from then on it does not happen.
func neverAgain(m *record.Metric, n int) {
	m.After, m.Ratio, m.Verdict = nil, nil, record.Better
	m.Details.After = record.Value{Values: []float64{}, Never: n, Bound: "never"}
}

const (
	reuse     = "net.ipv4.tcp_tw_reuse"
	recycle   = "net.ipv4.tcp_tw_recycle"
	finTime   = "net.ipv4.tcp_fin_timeout"
	cookies   = "net.ipv4.tcp_syncookies"
	buckets   = "net.ipv4.tcp_max_tw_buckets"
	portRange = "net.ipv4.ip_local_port_range"
)

// asked is a setting that became what was asked for.
func asked(variant, side, key, was, value string) record.ComparedSetting {
	s := record.ComparedSetting{Variant: variant, Side: side, SysctlAsked: record.SysctlAsked{
		Key: key, Asked: value, Outcome: record.SysctlChanged, Exists: true, Namespaced: true,
		Default: &was, Before: &was, Value: &value,
	}}
	if was == value {
		s.Outcome = record.SysctlAlreadySet
	}
	return s
}

func recipe(file string, lines ...string) []record.VariantSetting {
	var out []record.VariantSetting
	for i := 0; i < len(lines); i += 2 {
		out = append(out, record.VariantSetting{Key: lines[i], Value: lines[i+1], File: file, Line: i/2 + 1})
	}
	return out
}

// fourLines is the recipe that most guides copy, line by line, where a client runs out of 1,000 ports.
func fourLines() *record.Comparison {
	const file = "four-lines.conf"
	lines := recipe(file, cookies, "1", reuse, "1", recycle, "1", finTime, "30")
	both := record.SidePair[[]record.VariantSetting]{Client: lines, Server: lines}
	variants := []record.Variant{
		{Name: "before", Source: "default", Role: "before"}, {Name: "after", Source: file, Role: "after", Sysctl: both},
	}
	for _, role := range []string{"alone", "left-out"} {
		for _, side := range sides {
			for _, key := range []string{"tcp_tw_reuse", "tcp_fin_timeout"} {
				variants = append(variants, record.Variant{Name: role + " " + side + " " + key, Role: role})
			}
		}
	}
	variants = append(variants, record.Variant{Name: "together", Role: "together"})
	c := comparisonOf("compare-four-lines", "port-exhaustion-small", "200/s for 10 s on 1,000 ports",
		"twomsl compare port-exhaustion-small --after four-lines.conf --by-line --seed 20261121", 2, variants...)
	c.Plan.Jobs, c.Plan.ByLine, c.Seconds = 4, true, 78.4
	exhausted(c, "after", true)
	for i := range c.Variants[2:] {
		name := c.Variants[i+2].Name
		exhausted(c, name, slices.Contains([]string{
			"alone client tcp_tw_reuse", "left-out client tcp_fin_timeout", "left-out server tcp_tw_reuse",
			"left-out server tcp_fin_timeout", "together",
		}, name))
	}
	decide(c, "failed", "first_exhaustion_seconds", "rate_that_lasts", "client.time_wait.peak")
	for _, side := range sides {
		gone := record.ComparedSetting{Variant: "after", Side: side, SysctlAsked: record.SysctlAsked{
			Key: recycle, Asked: "1", Outcome: record.SysctlMissing,
			Reason: "gone since Linux 4.12: it broke connections of clients behind NAT; nothing replaces it",
		}}
		gone.GoneSince = "4.12"
		c.Settings = append(c.Settings, asked("after", side, cookies, "1", "1"), asked("after", side, reuse, "2", "1"), gone,
			asked("after", side, finTime, "60", "30"))
	}
	fourVerdicts(c, file)
	return c
}

// fourVerdicts is what the lines come to, one by one.
func fourVerdicts(c *record.Comparison, file string) {
	for _, side := range sides {
		line := func(key, value string, n int, verdict, why string) *record.Line {
			c.Lines = append(c.Lines, record.Line{
				LineRef: record.LineRef{Key: key, Value: value, Side: side}, File: file, LineNo: n, Verdict: verdict, Why: why,
			})
			return &c.Lines[len(c.Lines)-1]
		}
		line(cookies, "1", 1, record.AlreadySet, "")
		on := line(reuse, "1", 2, record.NoEffect, "only connect() reuses; a server accepts")
		on.Alone, on.LeftOut = record.NoDifference, record.NoDifference
		if side == client {
			on.Verdict, on.Alone, on.LeftOut, on.Why = record.Helps, record.Better, record.Worse, ""
			on.Metric, on.Before, on.After, on.Ratio = "failed", ptr(1000.0), ptr(0.0), ptr(0.0)
			on.Price = "1,501 TIME_WAIT ended by reuse after 1 s or more; needs timestamps"
		}
		line(recycle, "1", 3, record.Missing,
			"gone since Linux 4.12: it broke connections of clients behind NAT; nothing replaces it")
		fin := line(finTime, "30", 4, record.NoEffect, "it ends FIN_WAIT_2 (60 s -> 30 s), not TIME_WAIT")
		fin.Alone, fin.LeftOut = record.NoDifference, record.NoDifference
	}
	c.Enough = []record.LineRef{{Key: reuse, Value: "1", Side: client}}
}

// exhausted has the metrics of 200/s for 10 s on 1,000 ports: half of them fail, unless ports are reused.
func exhausted(c *record.Comparison, variant string, helped bool) {
	failed, ok, standing := 1000.0, 1000.0, 1000.0
	if helped {
		failed, ok, standing = 0, 2000, 499
	}
	trials := c.Plan.Trials
	m := exact(c, variant, "connects_per_second", "1/s", "higher", 100, ok/10)
	m.Exact = false
	if helped {
		m.Details.After.Bound, m.RatioBound = "at-least", "at-least"
	}
	of(exact(c, variant, "failed", "connections", "lower", 1000, failed), 2000, 2000)
	of(exact(c, variant, "failed.address-not-available", "connections", "lower", 1000, failed), 2000, 2000)
	m = exact(c, variant, "first_exhaustion_seconds", "s", "higher", 5, 5)
	if helped {
		neverAgain(m, trials)
	}
	m = exact(c, variant, "rate_that_lasts", "1/s", "higher", 16, 16)
	m.Details.Before.Computed, m.Details.After.Computed = true, true
	if helped {
		m.After, m.Ratio, m.RatioBound, m.Verdict = ptr(200.0), ptr(12.5), "at-least", record.Better
		m.Details.After = record.Value{Values: []float64{200, 200}, Bound: "at-least"}
	}
	m = exact(c, variant, "client.time_wait.peak", "sockets", "lower", 1000, standing)
	if helped {
		m.Price = "1,501 TIME_WAIT ended by reuse after 1 s or more; needs timestamps"
		m.Why = "fewer because they were reused, not because they expired"
	}
	exact(c, variant, "server.time_wait.peak", "sockets", "lower", 0, 0)
	unseen(c, variant, "client.time_wait.plateau", "sockets", "the load was shorter than a TIME_WAIT lives")
	unseen(c, variant, "server.time_wait.plateau", "sockets", "the load was shorter than a TIME_WAIT lives")
	exact(c, variant, "ports.peak_share", "share", "lower", 1, (standing+min(6, 1000-standing))/1000)
	m = timed(c, variant, "time_wait_seconds", "s", "lower", 60.03, 60.03, 0.002, 1)
	m.P, m.Interval, m.WouldHaveSeen = nil, nil, ptr(0.2)
	unseen(c, variant, "fin_wait_2_seconds", "s", "no FIN_WAIT_2 was left alone")
	reused := exact(c, variant, "tw_reused", "sockets", record.Neither, 0, ok-standing)
	reused.Verdict, reused.Why = record.Inconclusive, "neither good nor bad in itself"
	if !helped {
		*reused.After, reused.Details.After.Values = 0, []float64{0, 0}
	}
	quiet(c, variant, "tw_reused")
	m = timed(c, variant, "client.cpu_us_per_connection", "us", "lower", 41.2, 40.8, 0.05, 0.67)
	describe(m)
}

// describe makes a timed metric one that nobody asked to judge.
func describe(m *record.Metric) {
	m.P, m.Verdict, m.WouldHaveSeen = nil, record.Inconclusive, nil
	m.Why = "described only: --primary " + m.Name + " judges it"
}

// lingerZero takes TIME_WAIT away by resetting, and with it what was still in flight.
func lingerZero() *record.Comparison {
	after := record.Variant{Name: "after", Set: []string{"close.how=linger=0"}}
	c := comparisonOf("compare-linger-0", "slow-link", "200/s for 10 s, 64 KiB each over a slow link",
		"twomsl compare slow-link --variant before=default --variant after=close.how=linger=0", 3, defaults(), after)
	c.Seconds = 71.9
	const price = "bytes lost in 1,560 of 2,000 connections: a reset throws away what is still on its way"
	of(exact(c, "after", "failed", "connections", "lower", 0, 0), 2000, 2000)
	m := exact(c, "after", "client.time_wait.peak", "sockets", "lower", 2000, 0)
	m.Price, m.Bought = price, true
	m = exact(c, "after", "ports.peak_share", "share", "lower", 2006.0/28232, 6.0/28232)
	m.Price, m.Bought = price, true
	m.Details.After.Values = []float64{5.0 / 28232, 6.0 / 28232, 9.0 / 28232}
	quiet(c, "after", "resets_seen", "bytes_lost")
	m = of(exact(c, "after", "resets_seen", "connections", "lower", 0, 2000), 2000, 2000)
	m.Details.After.Values = []float64{1998, 2000, 2000}
	m = of(exact(c, "after", "bytes_lost", "bytes", "lower", 0, 1560*32768), 2000*65536, 2000*65536)
	m.Details.After.Values = []float64{1552 * 32768, 1560 * 32768, 1571 * 32768}
	describe(timed(c, "after", "client.cpu_us_per_connection", "us", "lower", 48.3, 47.9, 0.04, 0.7))
	decide(c, "failed", "client.time_wait.peak", "bytes_lost")
	return c
}

// fewerBuckets caps TIME_WAIT by throwing its protection away.
func fewerBuckets() *record.Comparison {
	after := record.Variant{Name: "after", Sysctl: record.SidePair[[]record.VariantSetting]{
		Server: []record.VariantSetting{{Key: buckets, Value: "500"}},
	}}
	c := comparisonOf("compare-buckets", "bucket-overflow", "the server closes 1,500 connections first, 300/s",
		"twomsl compare bucket-overflow --after server:net.ipv4.tcp_max_tw_buckets=500", 3, defaults(), after)
	c.Seconds, c.Plan.Jobs, c.Scenario.CloseSide = 33.1, 3, server
	const price = "1,000 of 1,500 connections were closed without TIME_WAIT (TcpExtTCPTimeWaitOverflow)"
	m := timed(c, "after", "connects_per_second", "1/s", "higher", 300, 300, 0, 1)
	m.P, m.Interval, m.WouldHaveSeen = nil, nil, nil
	m.Details.Before.Bound, m.Details.After.Bound = "at-least", "at-least"
	of(exact(c, "after", "failed", "connections", "lower", 0, 0), 1500, 1500)
	exact(c, "after", "client.time_wait.peak", "sockets", "lower", 0, 0)
	m = exact(c, "after", "server.time_wait.peak", "sockets", "lower", 1500, 500)
	m.Price, m.Bought = price, true
	m = timed(c, "after", "time_wait_seconds", "s", "lower", 60.03, 60.02, 0.002, 0.8)
	m.WouldHaveSeen = ptr(0.2)
	m = of(exact(c, "after", "tw_overflow", "sockets", "lower", 0, 1000), 1500, 1500)
	m.Why = "the old connection's late segments can reach a new one on the same ports"
	quiet(c, "after", "tw_overflow")
	decide(c, "failed", "server.time_wait.peak", "time_wait_seconds")
	c.Settings = []record.ComparedSetting{asked("after", server, buckets, "131072", "500")}
	return c
}

// noisyThree holds two ways against the plain one: connect() that searches long for a port.
func noisyThree() *record.Comparison {
	c := comparisonOf("compare-cliff", "half-range-cliff", "400/s for 60 s, past half of the range",
		"twomsl compare half-range-cliff --variant plain=default --variant wide=wide.conf "+
			"--variant late=client.bind_address_no_port=on --trials 8 --seed 20261121",
		8, record.Variant{Name: "plain", Source: "default"},
		record.Variant{Name: "wide", Source: "wide.conf", Sysctl: record.SidePair[[]record.VariantSetting]{
			Client: recipe("wide.conf", portRange, "1024 65000", buckets, "262144"),
		}},
		record.Variant{Name: "late", Set: []string{"client.bind_address_no_port=on"}})
	c.Seconds, c.Plan.Jobs, c.Plan.WarmUp = 1704.2, 1, 1
	for i := range c.Variants {
		c.Trials = slices.Insert(c.Trials, i, record.ComparedTrial{
			Variant: c.Variants[i].Name, WarmUp: true, ID: fmt.Sprintf("half-range-cliff-20261121-101400-%04x", i),
		})
	}
	timed(c, "wide", "connect.p50_us", "us", "lower", 41, 40.6, 0.06, 0.44)
	timed(c, "wide", "connect.p99_us", "us", "lower", 1210, 190, 0.11, 0.0003)
	describe(timed(c, "wide", "connect.p999_us", "us", "lower", 2320, 610, 0.19, 0.0003))
	of(exact(c, "wide", "failed", "connections", "lower", 0, 0), 24000, 24000)
	exact(c, "wide", "client.time_wait.peak", "sockets", "lower", 24000, 24000)
	exact(c, "wide", "ports.peak_share", "share", "lower", 24006.0/28232, 24006.0/63977)
	describe(timed(c, "wide", "client.cpu_us_per_connection", "us", "lower", 74.4, 51, 0.07, 0.0003))
	quiet(c, "wide")
	timed(c, "late", "connect.p50_us", "us", "lower", 41, 43.5, 0.06, 0.008).Adjusted = ptr(0.016)
	m := timed(c, "late", "connect.p99_us", "us", "lower", 1210, 1190, 0.11, 0.57)
	m.Adjusted = ptr(0.57)
	describe(timed(c, "late", "connect.p999_us", "us", "lower", 2320, 2290, 0.19, 0.72))
	of(exact(c, "late", "failed", "connections", "lower", 0, 0), 24000, 24000)
	exact(c, "late", "client.time_wait.peak", "sockets", "lower", 24000, 24000)
	exact(c, "late", "ports.peak_share", "share", "lower", 24006.0/28232, 24006.0/28232)
	describe(timed(c, "late", "client.cpu_us_per_connection", "us", "lower", 74.4, 74.9, 0.07, 0.6))
	quiet(c, "late")
	decide(c, "connect.p50_us", "connect.p99_us", "failed")
	c.Settings = []record.ComparedSetting{
		asked("wide", client, portRange, "32768 60999", "1024 65000"), asked("wide", client, buckets, "131072", "262144"),
	}
	c.Warnings = []record.Warning{{
		Code: "generator-saturated", Text: "in 2 trials of late the client's workers were busy for 97 % of the time",
		Advice: "ask for less than 400/s, or give the client more workers", Spoils: []string{"connect.p999_us"},
	}}
	return c
}

// sameTwice is a variant held against itself.
func sameTwice() *record.Comparison {
	c := comparisonOf("compare-same", "steady-200", "200/s for 5 s",
		"twomsl compare steady-200 --after default", 8, defaults(), record.Variant{Name: "after", Source: "default"})
	c.Seconds, c.Plan.WarmUp = 66.4, 0
	of(exact(c, "after", "failed", "connections", "lower", 0, 0), 1000, 1000)
	exact(c, "after", "client.time_wait.peak", "sockets", "lower", 1000, 1000)
	timed(c, "after", "connect.p50_us", "us", "lower", 44, 44.4, 0.05, 0.51).Adjusted = ptr(1.0)
	timed(c, "after", "connect.p99_us", "us", "lower", 190, 188, 0.12, 0.96).Adjusted = ptr(1.0)
	describe(timed(c, "after", "client.cpu_us_per_connection", "us", "lower", 41.2, 41.3, 0.03, 0.88))
	quiet(c, "after")
	decide(c, "failed", "connect.p50_us", "connect.p99_us")
	c.Warnings = []record.Warning{{
		Code: "variants-equal", Text: "before and after ask for the same settings",
		Advice: "name the change with --after FILE.conf or --after key=value",
	}}
	return c
}

// stoppedShort was interrupted after three trials of each variant; one trial could not be used.
func stoppedShort() *record.Comparison {
	c := comparisonOf("compare-interrupted", "steady-200", "200/s for 5 s",
		"twomsl compare steady-200 --after fin.conf --trials 8", 8, defaults(), record.Variant{
			Name: "after", Source: "fin.conf", Sysctl: record.SidePair[[]record.VariantSetting]{
				Client: recipe("fin.conf", finTime, "30"), Server: recipe("fin.conf", finTime, "30"),
			},
		})
	c.Status, c.Seconds = record.Interrupted, 24.7
	turns(c, 4)
	c.Trials[7].Counted, c.Trials[7].ID = false, ""
	c.Trials[7].Failure = "the server's process was killed 0.2 s into the load (signal 9)"
	c.Variants[0].Counted, c.Variants[1].Counted = countedOf(c, "before"), countedOf(c, "after")
	of(exact(c, "after", "failed", "connections", "lower", 0, 0), 1000, 1000)
	exact(c, "after", "client.time_wait.peak", "sockets", "lower", 1000, 1000)
	m := timed(c, "after", "connect.p99_us", "us", "lower", 190, 181, 0.12, 0.4)
	m.Verdict, m.WouldHaveSeen, m.Why = record.Inconclusive, nil, "4 trials of each are needed: before has 3, after has 4"
	quiet(c, "after")
	decide(c, "failed", "connect.p99_us")
	for _, side := range sides {
		c.Settings = append(c.Settings, asked("after", side, finTime, "60", "30"))
	}
	return c
}

// twoKernels were recorded elsewhere, on one boot each.
func twoKernels() *record.Comparison {
	c := comparisonOf("compare-two-kernels", "steady-200", "200/s for 5 s", "twomsl compare --records linux-6.12 linux-6.18", 4,
		record.Variant{Name: "linux-6.12", Source: "linux-6.12"}, record.Variant{Name: "linux-6.18", Source: "linux-6.18"})
	c.Plan.Interleaved, c.Plan.Seed, c.Plan.Jobs, c.Seconds = false, 0, 0, 0
	of(exact(c, "linux-6.18", "failed", "connections", "lower", 0, 0), 1000, 1000)
	m := exact(c, "linux-6.18", "client.time_wait.peak", "sockets", "lower", 1000, 1000)
	m.Details.Before.Values, m.Details.After.Values = []float64{998, 1000, 1000, 1000}, []float64{999, 1000, 1000, 1000}
	for i, name := range []string{"connect.p50_us", "connect.p99_us"} {
		m := timed(c, "linux-6.18", name, "us", "lower", []float64{52, 231}[i], []float64{44, 190}[i], 0.08, 0.03)
		m.Verdict, m.Interval = record.Inconclusive, nil
		m.Why = "4 boots of each are needed, since the trials were not interleaved: linux-6.12 has 1, linux-6.18 has 1"
	}
	quiet(c, "linux-6.18")
	decide(c, "failed", "connect.p50_us", "connect.p99_us")
	c.Warnings = []record.Warning{{
		Code: "not-interleaved", Text: "the trials were recorded elsewhere and not in turns: the machine may have changed in between",
		Advice: "record several boots of each kernel, or compare on one machine with twomsl compare SCENARIO",
	}}
	return c
}

// twoEngines is a comparison in which one variant was driven by another engine than the other.
func twoEngines() *record.Comparison {
	c := comparisonOf("compare-engines", "steady-200", "200/s for 5 s", "twomsl compare steady-200 --variant uring=io=uring --variant epoll=io=epoll", 8,
		record.Variant{Name: "uring", Set: []string{"io=uring"}}, record.Variant{Name: "epoll", Set: []string{"io=epoll"}})
	of(exact(c, "epoll", "failed", "connections", "lower", 0, 0), 1000, 1000)
	for i, name := range []string{"connect.p50_us", "connect.p99_us"} {
		m := timed(c, "epoll", name, "us", "lower", []float64{44, 190}[i], []float64{52, 231}[i], 0.08, 0.03)
		m.Verdict, m.Interval, m.P, m.Adjusted = record.Inconclusive, nil, nil, nil
		m.Why = "different engines: split/uring in uring, split/epoll in epoll"
	}
	quiet(c, "epoll")
	decide(c, "failed", "connect.p50_us", "connect.p99_us")
	c.Variants[0].Engines = []string{"split/uring"}
	c.Warnings = []record.Warning{{
		Code:   compare.DifferentEngines,
		Text:   "the trials were driven by different engines, each with a speed and a cost of its own: uring by split/uring; epoll by split/epoll",
		Advice: "set engine and io the same for all variants; what the kernel counts can be compared as it is",
		Spoils: []string{"connects_per_second", "connect.p50_us", "connect.p99_us"},
	}}
	return c
}
