package diagnose

import (
	"fmt"
	"strconv"

	"twomsl/internal/record"
)

// synQueueFull: there is no room for another half-open connection. With tcp_syncookies=2 every SYN gets a cookie, and the
// counter of cookies says nothing about the queue.
func synQueueFull(s *sight) (f finding) {
	cookies, watched := s.moved("TcpExt.TCPReqQFullDoCookies")
	dropped, _ := s.moved("TcpExt.TCPReqQFullDrop")
	always := s.setting("net.ipv4.tcp_syncookies") == "2"
	if always {
		cookies = 0
	}
	quarter := s.lastQuarter()
	switch over, _ := s.moved("TcpExt.ListenOverflows"); {
	case cookies+dropped > over:
		f.confidence = record.Certain
	case cookies+dropped > 0: // ACKs that find the accept queue full leave their handshakes here
		f.confidence = record.Possible
	case quarter != "":
		f.confidence = record.Likely
	case !watched:
		f.unseen = "SYN queue: it takes TCPReqQFullDoCookies and TCPReqQFullDrop twice, some seconds apart" +
			s.sinceBoot("TcpExt.TCPReqQFullDoCookies")
		return f
	default:
		f.out = fmt.Sprintf("SYN queue: not full %s, %s SYN_RECV at the most%s", s.watch(), count(s.peak(record.SynRecv)),
			s.sinceBoot("TcpExt.TCPReqQFullDoCookies"))
		if always {
			f.out += "; tcp_syncookies = 2 answers every SYN with a cookie"
		}
		return f
	}
	f.says = "The SYN queue is full: more handshakes are begun than are finished"
	switch {
	case f.confidence == record.Possible:
		f.says = "The SYN queue is full, too, as it is behind a full accept queue: handshakes that find no room there wait here"
	case dropped > 0 || quarter != "":
		f.says += ", and without cookies new SYN are dropped"
		f.scenario = "syn-queue-no-cookies"
	case cookies > 0:
		f.says += "; cookies let clients in all the same, without some of their TCP options"
	}
	f.evidence = some(
		moves("TCPReqQFullDoCookies", cookies, "SYN answered with a cookie, "+s.watch()),
		moves("TCPReqQFullDrop", dropped, "SYN dropped, "+s.watch()), quarter,
		count(s.peak(record.SynRecv))+" SYN_RECV at the most",
	)
	if l := s.fullestSynQueue(); l != nil && l.SynRecv > 0 {
		f.evidence = append(f.evidence, fmt.Sprintf("%s: %s SYN_RECV, backlog %s", listenerName(l), count(l.SynRecv), count(l.Backlog)))
	}
	if over, _ := s.moved("TcpExt.ListenOverflows"); over > cookies+dropped {
		f.evidence = append(f.evidence, "the accept queue overflowed more often: empty that one first")
	}
	f.evidence = append(f.evidence, s.canaries("outside", "ssh", "dns")...)
	return f
}

func moves(name string, n int64, meaning string) string {
	if n == 0 {
		return ""
	}
	return name + " " + count(n) + ": " + meaning
}

// lastQuarter tells of drops that no counter of the queue counts: with tcp_syncookies=0 the last quarter of
// tcp_max_syn_backlog is kept for peers that are known (tcp_conn_request).
func (s *sight) lastQuarter() string {
	limit, err := strconv.ParseInt(s.setting("net.ipv4.tcp_max_syn_backlog"), 10, 64)
	drops, _ := s.moved("TcpExt.ListenDrops")
	over, _ := s.moved("TcpExt.ListenOverflows")
	if s.setting("net.ipv4.tcp_syncookies") != "0" || err != nil || drops <= over || s.peak(record.SynRecv) < limit*3/4 {
		return ""
	}
	return fmt.Sprintf("%s SYN dropped (ListenDrops) with %s SYN_RECV: without cookies three quarters of tcp_max_syn_backlog = %s is the limit",
		count(drops-over), count(s.peak(record.SynRecv)), count(limit))
}

func synRemedies(s *sight) []record.Remedy {
	var out []record.Remedy
	if v := s.setting("net.ipv4.tcp_syncookies"); v == "0" {
		out = append(out, record.Remedy{
			When: "tonight", Kind: "sysctl", Do: "net.ipv4.tcp_syncookies = 1: a SYN that finds the queue full is answered with a cookie",
			Risk: "a connection from a cookie has fewer TCP options than it asked for", Undo: "net.ipv4.tcp_syncookies = 0",
		})
	}
	return append(
		out,
		record.Remedy{
			When: "tonight", Kind: "network", Do: "look where the SYN come from (ss -tan state syn-recv): if it is a flood, stop it before this host; " +
				"if they are clients, their last ACK does not arrive",
			Risk: "none", Undo: "none needed",
		},
		record.Remedy{
			When: "lasting", Kind: "program", Do: "a larger backlog of the listener (nginx: listen ... backlog=4096; HAProxy: backlog 4096), with net.core.somaxconn " +
				"as large: the SYN queue holds one more than the backlog",
			Risk: "a flood takes more memory", Undo: "the old backlog, and a restart",
		},
		record.Remedy{
			When: "lasting", Kind: "sysctl", Do: "leave tcp_max_syn_backlog alone unless tcp_syncookies is 0: with cookies it is not looked at",
			Risk: "none", Undo: "none needed",
		},
	)
}
