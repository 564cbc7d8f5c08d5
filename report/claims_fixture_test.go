package report

import (
	"time"

	"twomsl/internal/record"
)

// claimSets are the records of claims of the goldens.
func claimSets() []*record.Claims {
	return []*record.Claims{someClaims(), manyClaims(), recipeClaims(), hostileClaims()}
}

func claimsOf(id string, list ...record.Claim) *record.Claims {
	return &record.Claims{
		Schema: record.ClaimsSchema, ID: id + "-20261121-101500-ab12", Tool: "twomsl 1.0.0", Status: record.Complete,
		StartedAt: time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC), Seconds: 64.8, Command: "twomsl " + id, Jobs: 6,
		Asked: len(list), Claims: list,
		Tests: []record.Tried{
			{Name: "t1", Try: record.Try{Assay: "life", Arguments: []string{"fin_timeout=5"}}, Seconds: 64.2},
			{
				Name: "t2", Try: record.Try{Scenario: "close-matrix", Set: []string{"close.side=client"}}, Seconds: 1.1,
				Command: "twomsl run close-matrix --set close.side=client", TrialID: "close-matrix-20261121-101500-0001", Engine: "split/epoll",
			},
			{Name: "t3", Try: record.Try{Assay: "again"}, Cannot: "socket(IPPROTO_sctp): EPROTONOSUPPORT: this kernel has none"},
		},
		Environment: record.Environment{
			Kernel: "6.18.5-amd64", Arch: "x86_64", CPUs: 8, HZ: 250, Root: true, NoFileLimit: 1 << 20,
			Unmeasured: map[string]string{},
		},
	}
}

func someClaims() *record.Claims {
	return claimsOf(
		"claims",
		record.Claim{
			ID: "1", Claim: "the side that closes first ends in TIME_WAIT", Source: "tuning guides", Verdict: record.ClaimTrue,
			Figure: ptr(400.0), Unit: "of 400 closers in TIME_WAIT", Tests: []string{"t2"}, Why: "Whoever sends the first FIN keeps the connection.",
			Evidence: []string{"The client closes first: 200 of 200 in TIME_WAIT on the client, 0 on the server."}, Scenario: "close-matrix",
		},
		record.Claim{
			ID: "5", Claim: "tcp_fin_timeout shortens TIME_WAIT", Source: "tuning guides", Verdict: record.ClaimFalse,
			Figure: ptr(61.04), Unit: "s with 5, mean of 240", Tests: []string{"t1"}, Why: "It is the life of an orphan in FIN_WAIT2.",
			Evidence:  []string{"With tcp_fin_timeout = 5 TIME_WAIT lived 60.02 to 62.09 s.", "What 5 does: orphans in FIN_WAIT2 lived 5.00 to 5.25 s."},
			Account:   "agrees: the setting has nothing to do with TIME_WAIT",
			Shortened: "tcp_fin_timeout = 5, below every recipe's value",
		},
		record.Claim{
			ID: "6", Claim: "tcp_tw_reuse = 1 lets TIME_WAIT be used again", Source: "tuning guides", Verdict: record.ClaimConditional,
			Condition: "for new outgoing connections, older than tcp_tw_reuse_delay (1 s), with timestamps",
			Figure:    ptr(297.0), Unit: "TIME_WAIT taken over by connect()", Tests: []string{"t2"}, Why: "Only connect() looks for one.",
			Evidence: []string{"400 connections from 200 ports: 0 fail with 1 (TWRecycled +297), 200 with 0."},
		},
		record.Claim{
			ID: "8", Claim: "tcp_tw_recycle = 1 recycles TIME_WAIT fast", Source: "tuning guides", Verdict: record.ClaimGone,
			Condition: "since Linux 4.12", Figure: ptr(200.0), Unit: "of 200 stand all the same", Tests: []string{"t2"}, Why: "Removed.",
		},
		record.Claim{
			ID: "28", Claim: "SCTP avoids TIME_WAIT with a verification tag", Source: "tuning guides", Verdict: record.ClaimUntestable,
			Condition: "socket(IPPROTO_sctp): EPROTONOSUPPORT: this kernel has none", Tests: []string{"t3"}, Why: "A new association has another tag.",
		},
		record.Claim{
			ID: record.ExplicitBindExhausted, Claim: "bind() before connect() uses ports up for every destination: EADDRINUSE",
			Source: "what really breaks SSH and DNS", Verdict: record.ClaimTrue, Figure: ptr(1000.0),
			Unit: "connections to two destinations, 1,600 without bind()'s port", Tests: []string{"t2"}, Why: "bind() does not know the destination.",
		},
	)
}

// manyClaims are too many for their evidence on a screen; some are missing, and a test broke.
func manyClaims() *record.Claims {
	list := append(someClaims().Claims, someClaims().Claims...)
	for i := range list {
		if i >= len(list)/2 {
			list[i].ID += "b"
		}
	}
	c := claimsOf("claims-many", list...)
	c.Status, c.Asked = record.Interrupted, 34
	return c
}

func recipeClaims() *record.Claims {
	c := claimsOf("claims-lines")
	c.Recipe, c.Command = "four-lines.conf", "twomsl claims four-lines.conf"
	line := func(n int, key, value, side, verdict, claim, why string, figure float64, unit string) {
		c.Lines = append(c.Lines, record.ClaimsLine{
			Key: "net.ipv4." + key, Value: value, File: "four-lines.conf", Line: n, Side: side, Verdict: verdict, Claim: claim, Why: why,
			Figure: &figure, Unit: unit, Tests: []string{"t2"},
		})
	}
	line(1, "tcp_syncookies", "1", "client", record.AlreadySet, "12", "200 of 200 went through, and 200 without the line.", 200, "of 200 connections went through")
	line(1, "tcp_syncookies", "1", "server", record.AlreadySet, "12", "20 of 20 further clients are served.", 20, "of 20 clients served")
	line(2, "tcp_tw_reuse", "1", "client", record.Helps, "6", "Out of ports, 0 of 400 connections failed, and 200 without the line.", 0, "of 400 connections failed")
	line(2, "tcp_tw_reuse", "1", "server", record.NoEffect, "7", "A server that closed 1,500 connections first holds 1,500 TIME_WAIT.", 1500, "TIME_WAIT on the server")
	line(3, "tcp_tw_recycle", "1", "both", record.Missing, "8", "Gone since Linux 4.12.", 200, "of 200 connections left TIME_WAIT")
	line(4, "tcp_max_tw_buckets", "5000", "client", record.Helps, "9", "Out of ports, 0 of 6,000 connections failed.", 0, "of 6,000 connections failed")
	line(4, "tcp_max_tw_buckets", "5000", "server", record.Harmful, "9", "A server holds 5,000 TIME_WAIT.", 5000, "TIME_WAIT on the server")
	for i := range c.Lines {
		if c.Lines[i].Claim == "9" {
			c.Lines[i].Price = "1,000 connections closed without TIME_WAIT"
		}
	}
	c.Lines = append(c.Lines, record.ClaimsLine{
		Key: "net.ipv4.tcp_sack", Value: "0", File: "four-lines.conf", Line: 5, Side: "both", Verdict: record.NotCovered, Why: "No claim is about it.",
	})
	return c
}

// hostileClaims is a record that wants to steer a terminal and a page.
func hostileClaims() *record.Claims {
	const evil = "\x1b[31m<script>alert(1)</script>|`*[x](y)\u202e\n# head"
	c := claimsOf("claims-hostile", record.Claim{
		ID: evil, Claim: evil, Source: evil, Verdict: record.ClaimConditional, Condition: evil, Figure: ptr(1.0), Unit: evil,
		Evidence: []string{evil}, Why: evil, Account: evil, Shortened: evil, Scenario: evil,
	})
	c.Status, c.Command, c.Recipe = record.Failed, "twomsl "+evil, evil
	c.Tests[0].Failure, c.Tests[0].Arguments = evil, []string{evil}
	c.Lines = []record.ClaimsLine{{Key: evil, Value: evil, File: evil, Side: "client", Verdict: record.Harmful, Claim: evil, Why: evil, Price: evil, Unit: evil, Figure: ptr(2.0)}}
	return c
}
