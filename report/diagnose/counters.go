package diagnose

import "twomsl/internal/record"

// telling are the counters that tell of trouble when they move, in the order in which they are told. The PAWS counters have
// other names on other kernels, so several stand here for one thing.
var telling = []struct{ name, meaning string }{
	{"TcpExt.ListenOverflows", "the accept queue was full"},
	{"TcpExt.ListenDrops", "a listener dropped a SYN or an ACK, for whatever reason"},
	{"TcpExt.TCPReqQFullDoCookies", "the SYN queue was full: a cookie was sent"},
	{"TcpExt.TCPReqQFullDrop", "the SYN queue was full: the SYN was dropped"},
	{"TcpExt.SyncookiesFailed", "an ACK came that ends no handshake and bears no valid cookie"},
	{"TcpExt.TCPTimeWaitOverflow", "closed without TIME_WAIT: tcp_max_tw_buckets was reached"},
	{"TcpExt.TWRecycled", "connect() took a port in TIME_WAIT over"},
	{"TcpExt.TCPAbortOnData", "a close threw away what was not yet sent (SO_LINGER 0), with a reset"},
	{"TcpExt.TCPAbortOnClose", "a program closed with data unread: a reset"},
	{"TcpExt.TCPAbortOnLinger", "reset by TCP_LINGER2"},
	{"TcpExt.TCPAbortOnTimeout", "the kernel gave a connection up: no answer"},
	{"TcpExt.TCPAbortOnMemory", "reset for want of memory, or for too many orphans"},
	{"TcpExt.TCPMemoryPressures", "TCP ran short of memory"},
	{"TcpExt.PAWSActive", "SYN-ACK refused for an old timestamp"},
	{"TcpExt.PAWSPassive", "SYN refused for an old timestamp"},
	{"TcpExt.PAWSEstab", "segment refused for an old timestamp"},
	{"TcpExt.PAWSTimewait", "SYN refused in TIME_WAIT for an old timestamp"},
	{"TcpExt.TCPSynRetrans", "a SYN or SYN-ACK was sent again: the first had no answer"},
	{"Tcp.AttemptFails", "a handshake failed"},
	{"Tcp.EstabResets", "a connection was reset while it stood, by either end"},
}

// movedCounters lists those that moved.
func (s *sight) movedCounters() []record.CounterMoved {
	out := []record.CounterMoved{}
	for _, c := range telling {
		if n, _ := s.moved(c.name); n > 0 {
			out = append(out, record.CounterMoved{Name: c.name, Change: n, Meaning: c.meaning})
		}
	}
	return out
}
