package claims

import (
	"slices"
	"strings"

	"twomsl/internal/record"
)

// Setting is one line of somebody's recipe.
type Setting struct {
	Key, Value string
	File       string
	LineNo     int // from 1
}

// Line is a setting on one side, with what tests it there.
type Line struct {
	Setting
	Side  string // client, server, both
	Claim string // which shows it; "" where no claim is about the key
	// Tries are before and after, and others that the judge asks for; asked is the trial in which all lines were asked for.
	Tries []Part
	judge func(l *Line, s *Seen) lineVerdict
}

// lineVerdict is what a judge says of a line.
type lineVerdict struct {
	verdict, unit, why, price string
	figure                    float64
}

const (
	before = "before"
	after  = "after"
	asked  = "asked"
)

// bench is how lines with a key are tested on one side.
type bench struct {
	side  string
	claim string
	tries func(value string) []Part // nil where nothing but asked is needed
	judge func(l *Line, s *Seen) lineVerdict
}

// benches are the keys that claims are about; one that ends in * stands for all that begin so.
var benches = map[string][]bench{
	twReuse: {
		{client, "6", on(client, narrow(), twReuse), fewerFailures},
		{server, "7", on(server, many(server), twReuse), fewerStanding},
	},
	"net.ipv4.tcp_tw_reuse_delay": {
		{client, "6", on(client, reuseOn, "net.ipv4.tcp_tw_reuse_delay"), fewerFailures},
		{server, "7", on(server, many(server), "net.ipv4.tcp_tw_reuse_delay"), fewerStanding},
	},
	"net.ipv4.tcp_timestamps": {
		{client, "6", on(client, reuseOn, "net.ipv4.tcp_timestamps"), fewerFailures},
		{server, "6", on(server, reuseOn, "net.ipv4.tcp_timestamps"), fewerFailures},
	},
	recycle:                             {{"both", "8", nil, thereOrNot}},
	"net.ipv4.netfilter.ip_conntrack_*": {{"both", "24", nil, thereOrNot}},
	"net.ipv4.ip_conntrack_*":           {{"both", "24", nil, thereOrNot}},
	conntrackTimeWait:                   {{"both", "24", argument(assay("conntrack"), "timeout"), shorterFlow}},
	"net.ipv4.tcp_fin_timeout":          {{client, "5", finTimeoutOn(client), sameLife}, {server, "5", finTimeoutOn(server), sameLife}},
	maxBuckets:                          {{client, "9", bucketsOnClient, fewerFailures}, {server, "9", bucketsOnServer, cappedForNothing}},
	portRange: {
		{client, "11", rangeOnClient, carriesMore},
		{server, "11", on(server, many(server), portRange), fewerStanding},
	},
	"net.ipv4.tcp_syncookies": {
		{client, "12", on(client, closed(client, "fin"), "net.ipv4.tcp_syncookies"), indifferent},
		{server, "12", argument(assay("syn-queue"), "cookies"), moreServed},
	},
	"net.ipv4.tcp_max_syn_backlog": {
		{client, "13", on(client, closed(client, "fin"), "net.ipv4.tcp_max_syn_backlog"), indifferent},
		{server, "13", argument(assay("syn-queue"), "max_syn_backlog"), moreWaiting},
	},
	"net.ipv4.tcp_keepalive_time": {{"both", "14", argument(assay("keepalive"), "time"), idleOnly}},
}

const conntrackTimeWait = "net.netfilter.nf_conntrack_tcp_timeout_time_wait"

func benchesOf(key string) []bench {
	if found, ok := benches[key]; ok {
		return found
	}
	for pattern, found := range benches {
		if begin, family := strings.CutSuffix(pattern, "*"); family && strings.HasPrefix(key, begin) {
			return found
		}
	}
	return nil
}

// on is a trial before, and with the line on a side.
func on(side string, t record.Try, key string) func(string) []Part {
	return func(value string) []Part {
		return []Part{{before, t}, {after, with(t, side+":"+key+"="+value)}}
	}
}

// argument is an assay before, and with the line's value as one of its arguments.
func argument(t record.Try, name string) func(string) []Part {
	return func(value string) []Part {
		changed := t
		changed.Arguments = append(list(t.Arguments), name+"="+value)
		return []Part{{before, t}, {after, changed}}
	}
}

func finTimeoutOn(side string) func(string) []Part {
	const key = "net.ipv4.tcp_fin_timeout"
	peer := server
	if side == server {
		peer = client
	}
	return func(value string) []Part {
		t, orphans := closed(side, "fin"), closed(peer, "leak")
		return []Part{
			{before, t},
			{after, with(t, side+":"+key+"="+value)},
			{"orphans before", orphans},
			{"orphans after", with(orphans, side+":"+key+"="+value)},
		}
	}
}

// mostLimit bounds what is opened to run into a limit on TIME_WAIT: a sixth more than that.
const mostLimit = 5000

// beyond is a limit that can be reached here, and what is opened beyond it, in two equal parts.
func beyond(value string) (limit, part float64) {
	limit = max(100, min(number(value), mostLimit))
	return limit, max(100, limit/10)
}

// bucketsOnClient: more ports than the limit, and more connections than ports, so that the ports run out before.
func bucketsOnClient(value string) []Part {
	limit, part := beyond(value)
	const low = 10000
	high := plain(low + limit + part - 1)
	t := closed(client, "fin", "load.rate=2000/s", "load.stop.connections="+plain(limit+2*part),
		"sysctl.client."+portRange+"="+plain(low)+" "+high, "client.local_port_range="+plain(low)+"-"+high)
	return on(client, t, maxBuckets)(value)
}

func bucketsOnServer(value string) []Part {
	limit, part := beyond(value)
	return on(server, closed(server, "fin", "load.rate=2000/s", inTurn, "load.stop.connections="+plain(limit+2*part)), maxBuckets)(value)
}

func plain(v float64) string { return strings.ReplaceAll(grouped(int64(v)), ",", "") }

func rangeOnClient(value string) []Part {
	low, high, _ := strings.Cut(strings.Join(strings.Fields(value), " "), " ")
	if number(low) < 1 || number(high) < number(low) || number(high) > 65535 {
		return nil // which the kernel refuses, as the trial in which it is asked for shows
	}
	return []Part{{before, wide("32768", "60999")}, {after, wide(low, high)}}
}

// Lines lays out the lines of a recipe: each on either side, in order. Of a key that is there more than once the last
// line counts, and is to be the only one given.
func Lines(recipe []Setting) []Line {
	together := asking(recipe)
	var out []Line
	for _, s := range recipe {
		found := benchesOf(s.Key)
		if found == nil {
			found = []bench{{side: "both", judge: notCovered}}
		}
		for _, b := range found {
			l := Line{Setting: s, Side: b.side, Claim: b.claim, Tries: []Part{{asked, together}}, judge: b.judge}
			if b.tries != nil {
				l.Tries = append(l.Tries, b.tries(s.Value)...)
			}
			out = append(out, l)
		}
	}
	return out
}

// asking is a trial in which every line is asked for, on both sides: it tells what this kernel takes.
func asking(recipe []Setting) record.Try {
	t := closed(client, "fin")
	for _, s := range recipe {
		t = with(t, s.Key+"="+s.Value)
	}
	return t
}

// LineTries lists what is to be run for lines.
func LineTries(lines []Line) []record.Try {
	var out []record.Try
	for _, l := range lines {
		for _, p := range l.Tries {
			out = add(out, p.Try)
		}
	}
	return longestFirst(out)
}

// Missed tells whether something that the line needs was not run at all.
func (l *Line) Missed(tried []record.Tried) bool {
	return slices.ContainsFunc(l.Tries, func(p Part) bool { return find(tried, p.Try) == nil })
}

// Judged gives the record of a line from what was tried. What the kernel said to it comes first: a line that is not taken
// does nothing, whatever its tries have shown.
func (l *Line) Judged(tried []record.Tried) record.ClaimsLine {
	out := record.ClaimsLine{
		Key: l.Key, Value: l.Value, File: l.File, Line: l.LineNo, Side: l.Side, Claim: l.Claim, Verdict: record.ClaimUntestable,
		Tests: []string{},
	}
	s := see(l.Tries[:1], tried)
	q := l.outcome(s)
	taken := q != nil && (q.Outcome == record.SysctlChanged || q.Outcome == record.SysctlAlreadySet)
	if taken || l.Claim == "" {
		s = see(l.Tries, tried)
	}
	for _, p := range l.Tries {
		if t := s.parts[p.Name]; t != nil {
			out.Tests = append(out.Tests, t.Name)
		}
	}
	if s.lacks != nil {
		out.Why = strings.Join(s.lacks, "; ")
		return out
	}
	judge := l.judge
	if !taken && l.Claim != "" {
		judge = thereOrNot
	}
	v := judge(l, s)
	if s.lacks != nil {
		out.Why = strings.Join(s.lacks, "; ")
		return out
	}
	out.Verdict, out.Unit, out.Why, out.Price = v.verdict, v.unit, v.why, v.price
	if v.unit != "" {
		v.figure = rounded(v.figure)
		out.Figure = &v.figure
	}
	if taken && q.Outcome == record.SysctlAlreadySet && l.Claim != "" {
		out.Verdict, out.Price = record.AlreadySet, ""
	}
	return out
}

// outcome is what became of the line where all were asked for.
func (l *Line) outcome(s *Seen) *record.SysctlAsked {
	if s.lacks != nil {
		return nil
	}
	side := l.Side
	if side == "both" {
		side = client
	}
	return s.asked(asked, side, l.Key)
}
