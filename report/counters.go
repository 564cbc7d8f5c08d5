package report

import (
	"slices"

	"twomsl/internal/record"
)

// meaningful are the counters worth a reader's time when they move, in the order in which they are told. Adding one is
// adding a row. The PAWS counters have other names on other kernels, so several stand here for one thing.
var meaningful = []struct{ name, text string }{
	{"TcpExt.TW", "TIME_WAIT entered"},
	{"TcpExt.TWKilled", "TIME_WAIT ended early, by a timer shorter than its own"},
	{"TcpExt.TWRecycled", "TIME_WAIT whose ports connect() took again"},
	{"TcpExt.TCPTimeWaitOverflow", "closed without TIME_WAIT: tcp_max_tw_buckets was reached"},
	{"TcpExt.ListenOverflows", "the accept queue was full"},
	{"TcpExt.ListenDrops", "handshakes dropped at a listener"},
	{"TcpExt.TCPReqQFullDoCookies", "the SYN queue was full: a cookie was sent"},
	{"TcpExt.TCPReqQFullDrop", "the SYN queue was full: the SYN was dropped"},
	{"TcpExt.SyncookiesSent", "SYN cookies sent"},
	{"TcpExt.SyncookiesRecv", "SYN cookies that came back"},
	{"TcpExt.SyncookiesFailed", "SYN cookies that came back wrong"},
	{"TcpExt.TCPAbortOnData", "reset by a close with linger 0 or unsent data"},
	{"TcpExt.TCPAbortOnClose", "reset by a close with data unread"},
	{"TcpExt.TCPAbortOnLinger", "reset by TCP_LINGER2"},
	{"TcpExt.TCPAbortOnTimeout", "given up after a timeout"},
	{"TcpExt.TCPAbortOnMemory", "reset for want of memory or too many orphans"},
	{"TcpExt.TCPAbortFailed", "a reset could not be sent"},
	{"Tcp.AttemptFails", "connection attempts that failed"},
	{"Tcp.EstabResets", "connections reset while established, by either end"},
	{"Tcp.OutRsts", "resets sent"},
	{"Tcp.RetransSegs", "segments sent again"},
	{"TcpExt.TCPTimeouts", "retransmission timeouts"},
	{"TcpExt.TCPSynRetrans", "SYN or SYN-ACK sent again"},
	{"TcpExt.PAWSActive", "SYN-ACK refused for an old timestamp"},
	{"TcpExt.PAWSPassive", "SYN refused for an old timestamp"},
	{"TcpExt.PAWSEstab", "segments refused for an old timestamp"},
	{"TcpExt.PAWSOldAck", "old ACKs refused by their timestamp"},
	{"TcpExt.PAWSTimewait", "SYN refused in TIME_WAIT for an old timestamp"},
	{"TcpExt.TSEcrRejected", "segments refused for an impossible echoed timestamp"},
}

// counters shows those that moved on either side.
func counters(s *screen, t *record.Trial) {
	c, v := t.Sides.Client.Counters, t.Sides.Server.Counters
	tb := table{heads: [][]string{{"counters that moved", client, server}}}
	for _, m := range meaningful {
		if c[m.name] == 0 && v[m.name] == 0 {
			continue
		}
		tb.rows = append(tb.rows, []string{m.name, moved(c, m.name), moved(v, m.name)})
		tb.notes = append(tb.notes, m.text)
	}
	if len(tb.rows) > 0 {
		tb.draw(s, labels-gutter)
	}
}

// moved is a counter's change; a kernel that has no such counter did not count.
func moved(counters map[string]int64, name string) string {
	if n, ok := counters[name]; ok {
		return count(n)
	}
	return "not measured"
}

// settings shows what was changed in the lab and what could not be; a setting that is alike on both sides is told once.
func settings(s *screen, t *record.Trial) {
	c, v := &t.Sides.Client.Sysctls, &t.Sides.Server.Sysctls
	label := "settings"
	tell := func(side string, list []record.SysctlChange) {
		for _, one := range list {
			setting(s, label, side, one)
			label = ""
		}
	}
	tell("both sides", common(c.Changed, v.Changed))
	tell(client, without(c.Changed, v.Changed))
	tell(server, without(v.Changed, c.Changed))
	label = "refused"
	refuse := func(side string, list []record.SysctlRefusal) {
		for _, one := range list {
			s.styledRow(yellow, label, clean(one.Key)+" = "+clean(one.Asked), "on "+side+":", clean(one.Reason))
			label = ""
		}
	}
	refuse("both sides", common(c.Refused, v.Refused))
	refuse("the client", without(c.Refused, v.Refused))
	refuse("the server", without(v.Refused, c.Refused))
}

func setting(s *screen, label, side string, one record.SysctlChange) {
	where := "on the " + side
	if side == "both sides" {
		where = "on " + side
	}
	st, said := plain, clean(one.Key)+" = "+clean(one.Value)
	if one.Asked != "" && clean(one.Asked) != clean(one.Value) {
		st, said = yellow, said+", not the "+clean(one.Asked)+" that was asked for,"
	}
	was := ""
	if d := clean(one.Default); d != "" {
		was = "(default " + d + ")"
	}
	s.styledRow(st, label, said, where, was)
}

func common[T comparable](a, b []T) []T {
	var out []T
	for _, one := range a {
		if slices.Contains(b, one) {
			out = append(out, one)
		}
	}
	return out
}

func without[T comparable](a, b []T) []T {
	var out []T
	for _, one := range a {
		if !slices.Contains(b, one) {
			out = append(out, one)
		}
	}
	return out
}
