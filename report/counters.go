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
	{"TcpExt.TCPKeepAlive", "keep-alive probes sent"},
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

// counters shows those that moved on any host.
func counters(w *wording, t *record.Trial) {
	all := hosts(t)
	tb := table{heads: [][]string{append([]string{"counters that moved"}, all...)}}
	for _, m := range meaningful {
		row, any := []string{m.name}, false
		for _, host := range all {
			n := sideOf(t, host).Counters
			row, any = append(row, moved(n, m.name)), any || n[m.name] != 0
		}
		if !any {
			continue
		}
		text := m.text
		if m.name == "TcpExt.TW" && valueOr(t.Ledger.Client.FinWait2, 0)+valueOr(t.Ledger.Server.FinWait2, 0) > 0 {
			text += ", or orphaned in FIN_WAIT2"
		}
		tb.rows, tb.notes = append(tb.rows, row), append(tb.notes, text)
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

// settings shows what was changed in the lab and what could not be; a setting that is alike on all hosts is told once.
func settings(w *wording, t *record.Trial) {
	var all hostSettings
	for _, host := range hosts(t) {
		all = append(all, ofHost{host, sideOf(t, host).Sysctls})
	}
	all.changed(w)
	all.alreadySet(w)
	all.refused(w)
}

// hostSettings are the settings of all hosts.
type hostSettings []ofHost

type ofHost struct {
	host string
	record.Sysctls
}

func (all hostSettings) changed(w *wording) {
	label := "settings"
	shared(all, func(s *record.Sysctls) []record.SysctlChange { return s.Changed }, func(where string, one record.SysctlChange) {
		setting(w, label, where, one)
		label = ""
	})
}

// alreadySet tells the lines of a recipe that had nothing to change.
func (all hostSettings) alreadySet(w *wording) {
	same := func(s *record.Sysctls) (out []string) {
		for i := range s.Asked {
			if s.Asked[i].Outcome == record.SysctlAlreadySet {
				out = append(out, clean(s.Asked[i].Key)+" = "+clean(s.Asked[i].Asked))
			}
		}
		return out
	}
	label := "already set"
	shared(all, same, func(where, one string) {
		w.row(label, one, where)
		label = ""
	})
}

func (all hostSettings) refused(w *wording) {
	label := "refused"
	shared(all, func(s *record.Sysctls) []record.SysctlRefusal { return s.Refused }, func(where string, one record.SysctlRefusal) {
		w.styledRow(yellow, label, clean(one.Key)+" = "+clean(one.Asked), where+":", clean(one.Reason))
		label = ""
	})
}

// shared tells first what all hosts have alike, then of each host what is left.
func shared[T comparable](all hostSettings, of func(*record.Sysctls) []T, tell func(where string, one T)) {
	alike := of(&all[0].Sysctls)
	for i := range all[1:] {
		alike = common(alike, of(&all[i+1].Sysctls))
	}
	where := "on both sides"
	if len(all) > len(sides) {
		where = "on all hosts"
	}
	for _, one := range alike {
		tell(where, one)
	}
	for i := range all {
		for _, one := range without(of(&all[i].Sysctls), alike) {
			tell("on the "+all[i].host, one)
		}
	}
}

func setting(w *wording, label, where string, one record.SysctlChange) {
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
