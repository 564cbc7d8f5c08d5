package claims

import (
	"strings"

	"twomsl/internal/record"
)

const (
	twReuse    = "net.ipv4.tcp_tw_reuse"
	maxBuckets = "net.ipv4.tcp_max_tw_buckets"
	portRange  = "net.ipv4.ip_local_port_range"
	recycle    = "net.ipv4.tcp_tw_recycle"
)

var (
	reuseOff = narrow("sysctl.client." + twReuse + "=0")
	reuseOn  = narrow("sysctl.client." + twReuse + "=1")
	life     = assay("life")
	life5    = assay("life", "fin_timeout=5")
	orphans5 = assay("life", "fin_timeout=5", peerStays, "sockets=60")
)

// waiting are the claims about how long TIME_WAIT lasts, and what is said to end it.
func waiting() []Claim {
	return []Claim{
		{
			ID: "4", Text: "TIME_WAIT lasts 2 MSL, 1 to 4 minutes", Source: guides, Judge: lasts,
			Tries: []Part{{"default", life}},
			Why: "60 s are compiled in (TCP_TIMEWAIT_LEN). The kernel rounds its timer up to a step of the timer wheel, so the lives spread " +
				"over one step. RFC 9293 says 4 minutes; no setting changes it.",
			Account: "agrees: one minute, and no knob for it. He counts with 60 s; what lasts is the ports divided by the longest life",
		},
		{
			ID: "5", Text: "tcp_fin_timeout shortens TIME_WAIT", Source: guides, Judge: finTimeout,
			Tries:     []Part{{"5", life5}, {"default", life}, {"orphans", orphans5}},
			Why:       "It is the life of an orphan in FIN_WAIT2, which waits for the peer's FIN. TIME_WAIT comes after that FIN.",
			Account:   "agrees: the setting has nothing to do with TIME_WAIT",
			Shortened: "tcp_fin_timeout = 5, below every recipe's value",
		},
		{
			ID: "6", Text: "tcp_tw_reuse = 1 lets TIME_WAIT be used again", Source: guides, Judge: reuse,
			Tries: []Part{
				{"on", reuseOn},
				{"off", reuseOff},
				{"young", narrow("sysctl.client."+twReuse+"=1", "sysctl.client.net.ipv4.tcp_tw_reuse_delay=60000")},
				{"no timestamps", narrow("sysctl.client."+twReuse+"=1", "sysctl.server.net.ipv4.tcp_timestamps=0")},
			},
			Why: "Only connect() looks for a TIME_WAIT to take over, and only where timestamps tell old segments from new. The default, 2, " +
				"does it over loopback alone.",
			Account: "agrees: outgoing connections only, after 1 s, with timestamps. Newer kernels let the second be set " +
				"(tcp_tw_reuse_delay, 1 ms to 60 s), and have 2 as the default",
			Scenario: "port-exhaustion-small",
		},
		{
			ID: "7", Text: "tcp_tw_reuse = 1 on a server thins out its TIME_WAIT", Source: guides, Judge: reuseOnServer,
			Tries: []Part{
				{"on", many(server, "sysctl.server."+twReuse+"=1")}, {"off", many(server, "sysctl.server."+twReuse+"=0")},
			},
			Why:     "A server accepts; it never calls connect() for these ports.",
			Account: "agrees: useless for incoming connections",
		},
		{
			ID: "8", Text: "tcp_tw_recycle = 1 recycles TIME_WAIT fast", Source: guides, Judge: recycles(recycle),
			Tries:   []Part{{"asked", with(closed(client, "fin"), recycle+"=1")}},
			Why:     "Removed in Linux 4.12: it took all hosts behind one address for one, and dropped their connections at random.",
			Account: "agrees: harmful behind NAT, and removed in Linux 4.12",
		},
		{
			ID: "9", Text: "tcp_max_tw_buckets = N caps TIME_WAIT at once, with a warning in the kernel's log", Source: guides, Judge: buckets,
			Tries:    []Part{{"capped", many(client, "sysctl.client."+maxBuckets+"=500")}, {"lowered", assay("buckets")}},
			Why:      "A socket that finds no bucket is closed without a TIME_WAIT, and without what that protects from. Nobody goes through those that stand.",
			Account:  "says nothing of it but that the limit is there",
			Scenario: "incident-18000",
		},
		{
			ID: "10", Text: "the default of tcp_max_tw_buckets is 180000", Source: guides, Judge: bucketsDefault,
			Tries: []Part{{"fresh", closed(client, "fin")}},
			Why:   "It follows the memory: half the size of the table of established connections.",
		},
		{
			ID: "11", Text: "ip_local_port_range is 32768 to 61000 by default, and 1024 to 65000 gives more", Source: guides, Judge: ranges,
			Tries: []Part{{"fresh", closed(client, "fin")}, {"default", wide("32768", "60999")}, {"wide", wide("1024", "65000")}},
			Why:   "Each pair of addresses with its destination port has a range of its own. Its ends are of different parity since Linux 4.2.",
			Account: "agrees that a wider range helps and that more addresses or ports help more. His 500 connections a second are 30,000 / 60 s; " +
				"the default range is 28,232 ports",
			Scenario: "port-exhaustion",
		},
		{
			ID: "25", Text: "with the eight lines TIME_WAIT drops rapidly", Source: guides, Judge: drops,
			Tries: []Part{
				{"before", eight(nil)},
				{"all", eight(eightLines)},
				{"no limit", eight(eightLines[:len(eightLines)-1])},
				{"lowered", assay("buckets")},
			},
			Why: "Of the eight lines one caps the count, by giving up what TIME_WAIT is for; tcp_tw_reuse takes some over on a host that connects. " +
				"What stands is left to expire.",
			Account: "agrees: TIME_WAIT is there for a reason, and its number does no harm to a server",
		},
	}
}

// eightLines are those of the Squid recipe. The limit is the last, and is in proportion: 5,000 of 18,122 closes there, 1,650
// of 6,000 here.
var eightLines = []string{
	"net.ipv4.tcp_fin_timeout=30", "net.ipv4.tcp_keepalive_time=1200", "net.ipv4.tcp_syncookies=1", twReuse + "=1", recycle + "=1",
	portRange + "=1024 65000", "net.ipv4.tcp_max_syn_backlog=8192", maxBuckets + "=1650",
}

// eight is 6,000 connections, 2,000 a second, that the client closes first.
func eight(lines []string) record.Try {
	return with(closed(client, "fin", "load.rate=2000/s", "load.stop.connections=6000"), lines...)
}

func lasts(s *Seen) (v Verdict) {
	least, mean, most := s.figure("default", "least"), s.figure("default", "mean"), s.figure("default", "most")
	const minute, tick = 60, 0.01
	short, long := s.figure("default", "least_at_most"), s.figure("default", "most_at_least")
	v.Verdict = either(short >= minute-tick && long <= 4*minute, record.ClaimTrue, record.ClaimFalse)
	if v.Verdict == record.ClaimTrue {
		v.Condition = "one minute, the least of what is said"
	}
	v.Figure, v.Unit = mean, "s, mean of "+num(s.figure("default", "sockets"))
	v.say("%s sockets lived %s to %s s, mean %s s, each known to %s s either way; one step of the timer wheel is %s s.",
		num(s.figure("default", "sockets")), two(least), two(most), two(mean), two(s.figure("default", "doubt")), two(s.figure("default", "step")))
	return v
}

func finTimeout(s *Seen) (v Verdict) {
	five, plain := s.figure("5", "mean"), s.figure("default", "mean")
	v.Verdict = either(five < 0.9*plain, record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = five, "s with 5, mean of "+num(s.figure("5", "sockets"))
	v.say("With tcp_fin_timeout = 5 TIME_WAIT lived %s to %s s, mean %s s; with the default mean %s s.", two(s.figure("5", "least")),
		two(s.figure("5", "most")), two(five), two(plain))
	v.say("What 5 does: orphans in FIN_WAIT2 lived %s to %s s.", two(s.figure("orphans", "least")), two(s.figure("orphans", "most")))
	return v
}

func reuse(s *Seen) (v Verdict) {
	on, off := s.failed("on"), s.failed("off")
	taken := s.counter("on", client, "TcpExt.TWRecycled")
	young, bare := s.failed("young"), s.failed("no timestamps")
	v.Figure, v.Unit = taken, "TIME_WAIT taken over by connect()"
	helps := on == 0 && off > 0 && taken > 0
	switch {
	case !helps:
		v.Verdict = record.ClaimFalse
	case young > 0 && bare > 0:
		v.Verdict, v.Condition = record.ClaimConditional, "for new outgoing connections, older than tcp_tw_reuse_delay (1 s), with timestamps"
	default:
		v.Verdict = record.ClaimTrue
	}
	v.say("400 connections from 200 ports: %s fail with 1 (TWRecycled +%s), %s with 0.", num(on), num(taken), num(off))
	v.say("With 1, and a delay of 60 s: %s fail. With 1, and no timestamps on the server: %s fail.", num(young), num(bare))
	return v
}

func reuseOnServer(s *Seen) (v Verdict) {
	side := s.trial("on").Close.Side
	on, off := s.standing("on", side), s.standing("off", side)
	taken := s.counter("on", side, "TcpExt.TWRecycled")
	v.Verdict = either(taken > 0 || on < 0.95*off, record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = on, "TIME_WAIT with 1, "+num(off)+" with 0"
	v.say("Of %s connections that the %s closed first %s stand in TIME_WAIT with 1 and %s with 0; TWRecycled +%s.",
		num(s.opened("on")), side, num(on), num(off), num(taken))
	return v
}

// recycles judges a setting by whether it is there, and what it does to TIME_WAIT.
func recycles(key string) func(*Seen) Verdict {
	return func(s *Seen) (v Verdict) {
		q := s.asked("asked", client, key)
		left, opened := s.standing("asked", client), s.opened("asked")
		v.Figure, v.Unit = left, "of "+num(opened)+" stand all the same"
		switch {
		case q == nil:
			s.lack("%s was not asked for", key)
		case q.Outcome == record.SysctlMissing:
			v.Verdict = record.ClaimGone
			if q.GoneSince != "" {
				v.Condition = "since Linux " + q.GoneSince
			}
			v.say("The kernel has no %s: %s.", key, q.Reason)
		default:
			v.Verdict = either(left < 0.9*opened, record.ClaimTrue, record.ClaimFalse)
			v.say("The kernel has %s: %s.", key, q.Outcome)
		}
		v.say("%s of %s stand in TIME_WAIT after it was asked for.", num(left), num(opened))
		return v
	}
}

func buckets(s *Seen) (v Verdict) {
	opened, left := s.opened("capped"), s.standing("capped", client)
	over := s.counter("capped", client, "TcpExt.TCPTimeWaitOverflow")
	before, after := s.figure("lowered", "before"), s.figure("lowered", "after")
	v.Figure, v.Unit = left, "of "+num(opened)+" left, "+num(over)+" closed without TIME_WAIT"
	capped := left <= 505 && over > 0
	logged := s.has("lowered", "log") && s.figure("lowered", "log") > 0
	silent := s.has("lowered", "log") && !logged
	switch {
	case !capped:
		v.Verdict = record.ClaimFalse
	case after < before && logged:
		v.Verdict = record.ClaimTrue
	default:
		v.Verdict = record.ClaimConditional
		v.Condition = "only what closes from then on, at the price of its protection" + either(silent, "; no warning", "")
	}
	v.say("At 500, %s closes left %s in TIME_WAIT; TCPTimeWaitOverflow +%s.", num(opened), num(left), num(over))
	v.say("Lowered to 100 with %s standing: %s stand, and each of %s more closes is an overflow.", num(before), num(after), num(s.figure("lowered", "overflow")))
	if s.has("lowered", "log") {
		v.say("Lines about it in the kernel's log: %s.", num(s.figure("lowered", "log")))
	} else {
		v.say("%s.", strings.ToUpper(s.text("lowered")[:1])+s.text("lowered")[1:])
	}
	return v
}

func bucketsDefault(s *Seen) (v Verdict) {
	text := s.setting("fresh", client, maxBuckets)
	n := number(text)
	v.Verdict = either(n == 180000, record.ClaimTrue, record.ClaimFalse)
	v.Figure, v.Unit = n, "sockets"
	v.say("A new network namespace has tcp_max_tw_buckets = %s.", num(n))
	if hash := s.trial("fresh").Environment.EHashBuckets; hash != nil {
		v.say("The table of established connections has %s buckets, half of which are %s.", grouped(*hash), grouped(*hash/2))
	}
	return v
}

func ranges(s *Seen) (v Verdict) {
	text := strings.Join(strings.Fields(s.setting("fresh", client, portRange)), " to ")
	narrow, wide := s.carried("default"), s.carried("wide")
	v.Figure, v.Unit = wide, "connections at once, "+num(narrow)+" with the default"
	switch {
	case wide <= narrow:
		v.Verdict = record.ClaimFalse
	case text == "32768 to 61000":
		v.Verdict = record.ClaimTrue
	default:
		v.Verdict, v.Condition = record.ClaimConditional, "it gives more; the default is "+text
	}
	v.say("A new network namespace has %s.", text)
	v.say("One address pair carried %s connections before the first EADDRNOTAVAIL, and %s with the default.", num(wide), num(narrow))
	return v
}

// carried is how many connections went through before the first EADDRNOTAVAIL.
func (s *Seen) carried(part string) float64 {
	ports := s.trial(part).Ports
	if len(ports) != 1 || ports[0].OKBeforeFirstExhaustion == nil {
		s.lack("the ports were not used up")
		return 0
	}
	return float64(*ports[0].OKBeforeFirstExhaustion)
}

func drops(s *Seen) (v Verdict) {
	before, all, rest := s.standing("before", client), s.standing("all", client), s.standing("no limit", client)
	over := s.counter("all", client, "TcpExt.TCPTimeWaitOverflow")
	stood, after := s.figure("lowered", "before"), s.figure("lowered", "after")
	v.Figure, v.Unit = all, "TIME_WAIT with the lines, "+num(before)+" before"
	switch {
	case all > 0.9*before:
		v.Verdict = record.ClaimFalse
	case before-rest < 0.5*(before-all) && after >= stood:
		v.Verdict = record.ClaimConditional
		v.Condition = "by tcp_max_tw_buckets, and only what closes from then on"
	default:
		v.Verdict = record.ClaimTrue
	}
	v.say("6,000 closes leave %s in TIME_WAIT before, %s with all eight lines, %s with all but tcp_max_tw_buckets.", num(before), num(all), num(rest))
	v.say("Price: %s connections closed without TIME_WAIT; connect() took over %s.", num(over), num(s.counter("all", client, "TcpExt.TWRecycled")))
	v.say("Of %s that stood when the limit was lowered %s were left.", num(stood), num(after))
	return v
}

// number reads a setting that is a whole number; -1 is none.
func number(text string) (n float64) {
	if text == "" {
		return -1
	}
	for _, r := range text {
		if r < '0' || r > '9' {
			return -1
		}
		n = 10*n + float64(r-'0')
	}
	return n
}
