package diagnose

import (
	"fmt"

	"twomsl/internal/record"
)

const (
	// deadLeast and deadShare are how many connections must have lost their peer, and how many of all: some clients of any
	// busy service vanish all the time.
	deadLeast = 10
	deadShare = 0.01
)

// lost counts connections whose peers do not answer, by each sign that there is of it.
type lost struct {
	errors         int64 // calls that failed with ETIMEDOUT on a connection
	silent         int64 // the program asked, and gave up: it closes by itself, without an errno
	unanswered     int64 // keep-alive probes without an answer
	retransmitting int64 // data that nobody acknowledges
	aborted        int64 // given up by the kernel
	gone           int64 // the peer has no such connection any more
	of             int64 // connections that were there or came
}

func (s *sight) lost() (l lost, seen bool) {
	established, counted := s.state(record.Established)
	opened, watched := s.moved("Tcp.PassiveOpens")
	active, _ := s.moved("Tcp.ActiveOpens")
	l.of = max(s.peak(record.Established), opened+active, 1)
	l.errors, _ = s.errors([]string{"read", "write", "close", "kept"}, "ETIMEDOUT", "EHOSTUNREACH")
	for _, o := range s.h.Errors {
		if o.Phase == "kept" && o.Cause == string(record.TimedOut) && o.Errno == "" {
			l.silent += o.Count
		}
	}
	l.unanswered = s.flowSum(func(f *record.Flow) int64 { return f.Unanswered })
	l.retransmitting = s.flowSum(func(f *record.Flow) int64 { return f.Retransmitting })
	timeouts, _ := s.moved("TcpExt.TCPAbortOnTimeout")
	failed, _ := s.moved("Tcp.AttemptFails")
	l.aborted = max(0, timeouts-failed) // a SYN that is given up counts in both
	if s.h.Peer != nil && counted {
		l.gone = established - (s.h.Peer.Total() - s.h.Peer[record.Listen] - s.h.Peer[record.TimeWait])
	}
	return l, watched || s.h.Flows != nil
}

// enough tells whether so many are more than a busy service has at any time.
func (l *lost) enough(n int64) bool { return n >= deadLeast && float64(n) >= deadShare*float64(l.of) }

// deadPeer: the other end has vanished without a FIN or RST, and TCP knows only if it sends something.
func deadPeer(s *sight) (f finding) {
	l, seen := s.lost()
	switch {
	case l.enough(l.errors) || l.enough(l.silent) || l.enough(l.unanswered) || l.enough(l.gone):
		f.confidence = record.Certain
	case l.enough(l.retransmitting) || l.enough(l.aborted):
		f.confidence = record.Likely
	case !seen:
		f.unseen = "vanished peers: they take the sockets' timers (ss -tano) and TCPAbortOnTimeout, twice"
		return f
	default:
		f.out = fmt.Sprintf("vanished peers: %s unanswered, %s retransmitting, %s given up", count(l.unanswered), count(l.retransmitting), count(l.aborted))
		return f
	}
	f.says = fmt.Sprintf("The peers of %s connections do not answer any more, and these stand on as if nothing were",
		count(max(l.errors, l.silent, l.unanswered, l.retransmitting, l.aborted, l.gone)))
	if n, counted := s.state(record.Established); counted && n < deadLeast {
		f.says = fmt.Sprintf("The peers of %s connections had vanished; they have been found and ended",
			count(max(l.errors, l.silent, l.unanswered, l.retransmitting, l.aborted)))
	}
	f.evidence = l.evidence(s)
	if n, counted := s.state(record.Established); counted && n >= deadLeast {
		kept := s.flowSum(func(f *record.Flow) int64 { return f.KeptAlive })
		f.evidence = append(f.evidence, fmt.Sprintf("%s ESTABLISHED at the last look, %s of them with a keep-alive timer", count(n), count(kept)))
	}
	return f
}

func (l *lost) evidence(s *sight) (out []string) {
	add := func(n int64, format string) {
		if n > 0 {
			out = append(out, fmt.Sprintf(format, count(n)))
		}
	}
	add(l.gone, "%s ESTABLISHED here have no counterpart: the other side of this trial does not know them")
	add(l.errors, "calls failed %s times with ETIMEDOUT on connections that stood")
	add(l.silent, "%s connections that the program's own heartbeat found silent, and closed")
	add(l.unanswered, "%s sockets whose keep-alive probes nobody answers")
	add(l.retransmitting, "%s sockets whose data was sent again twice or more, without an acknowledgement")
	add(l.aborted, "TCPAbortOnTimeout %s "+s.watch()+": given up by the kernel")
	return out
}

func deadPeerRemedies(s *sight) []record.Remedy {
	return []record.Remedy{
		{
			When: "tonight", Kind: "sysctl", Do: "net.ipv4.tcp_keepalive_time = 300, tcp_keepalive_intvl = 30, tcp_keepalive_probes = 4: found after seven minutes; " +
				"only sockets with SO_KEEPALIVE are asked after",
			Risk: "a connection does not outlive a longer interruption of its way; one packet for each idle connection every five minutes",
			Undo: fmt.Sprintf("net.ipv4.tcp_keepalive_time = %s, tcp_keepalive_intvl = %s, tcp_keepalive_probes = %s",
				or(s.setting("net.ipv4.tcp_keepalive_time"), "7200"), or(s.setting("net.ipv4.tcp_keepalive_intvl"), "75"),
				or(s.setting("net.ipv4.tcp_keepalive_probes"), "9")),
		},
		{
			When: "lasting", Kind: "code", Do: "a heartbeat of the application with a time limit: it finds a peer that is stuck, too, which keep-alive does not",
			Risk: "some packets", Undo: "leave it out",
		},
		{
			When: "lasting", Kind: "code", Do: "SO_KEEPALIVE with TCP_KEEPIDLE 60, TCP_KEEPINTVL 15, TCP_KEEPCNT 4 on the socket: found after two minutes",
			Risk: "a connection does not outlive a longer interruption of its way", Undo: "leave it out",
		},
		{
			When: "lasting", Kind: "nginx", Do: "listen ... so_keepalive=60s:15s:4; towards the backend: proxy_socket_keepalive on",
			Risk: "as above", Undo: "so_keepalive=off",
		},
		{
			When: "lasting", Kind: "haproxy", Do: "option clitcpka and option srvtcpka, with timeout client and timeout server as short as the application bears",
			Risk: "as above", Undo: "take the lines out",
		},
		{
			When: "lasting", Kind: "squid", Do: "http_port 3128 tcpkeepalive=60,15,4", Risk: "as above", Undo: "http_port 3128",
		},
	}
}
