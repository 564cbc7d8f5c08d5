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
func counters(w *wording, t *record.Trial) {
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
		w.table(&tb)
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
func settings(w *wording, t *record.Trial) {
	c, v := &t.Sides.Client.Sysctls, &t.Sides.Server.Sysctls
	changedSettings(w, c.Changed, v.Changed)
	alreadySet(w, c.Asked, v.Asked)
	refusedSettings(w, c.Refused, v.Refused)
}

func changedSettings(w *wording, onClient, onServer []record.SysctlChange) {
	label := "settings"
	tell := func(side string, list []record.SysctlChange) {
		for _, one := range list {
			setting(w, label, side, one)
			label = ""
		}
	}
	tell("both sides", common(onClient, onServer))
	tell(client, without(onClient, onServer))
	tell(server, without(onServer, onClient))
}

// alreadySet tells the lines of a recipe that had nothing to change.
func alreadySet(w *wording, onClient, onServer []record.SysctlAsked) {
	same := func(list []record.SysctlAsked) (out []string) {
		for i := range list {
			if list[i].Outcome == record.SysctlAlreadySet {
				out = append(out, clean(list[i].Key)+" = "+clean(list[i].Asked))
			}
		}
		return out
	}
	c, v := same(onClient), same(onServer)
	label := "already set"
	tell := func(where string, list []string) {
		for _, one := range list {
			w.row(label, one, "on "+where)
			label = ""
		}
	}
	tell("both sides", common(c, v))
	tell("the client", without(c, v))
	tell("the server", without(v, c))
}

func refusedSettings(w *wording, onClient, onServer []record.SysctlRefusal) {
	label := "refused"
	tell := func(side string, list []record.SysctlRefusal) {
		for _, one := range list {
			w.styledRow(yellow, label, clean(one.Key)+" = "+clean(one.Asked), "on "+side+":", clean(one.Reason))
			label = ""
		}
	}
	tell("both sides", common(onClient, onServer))
	tell("the client", without(onClient, onServer))
	tell("the server", without(onServer, onClient))
}

func setting(w *wording, label, side string, one record.SysctlChange) {
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
	w.styledRow(st, label, said, where, was)
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
