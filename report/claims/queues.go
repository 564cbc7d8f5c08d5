package claims

import (
	"twomsl/internal/record"
)

var (
	synOff   = assay("syn-queue", "cookies=0")
	synOn    = assay("syn-queue", "cookies=1")
	synSmall = assay("syn-queue", "cookies=1", "max_syn_backlog=64")
	synLarge = assay("syn-queue", "cookies=1", "max_syn_backlog=8192")
)

// queues are the claims about what waits at a listener.
func queues() []Claim {
	return []Claim{
		{
			ID: "12", Text: "tcp_syncookies = 1 helps when the SYN queue overflows; its default is 0", Source: guides, Judge: cookies,
			Tries: []Part{
				{"0", synOff},
				{"1", synOn},
				{"accept 0", assay("accept-queue", "cookies=0")},
				{"accept 1", assay("accept-queue", "cookies=1")},
				{"fresh", closed(client, "fin")},
			},
			Why:      "A cookie answers a SYN without a place in the queue. Who waits for accept() has a place in another queue, and no cookie makes room there.",
			Scenario: "syn-queue",
		},
		{
			ID: "13", Text: "tcp_max_syn_backlog = 8192 lets more connections wait; its default is 1024", Source: guides, Judge: synBacklog,
			Tries: []Part{
				{"64", synSmall},
				{"8192", synLarge},
				{"64, off", assay("syn-queue", "cookies=0", "max_syn_backlog=64")},
				{"8192, off", assay("syn-queue", "cookies=0", "max_syn_backlog=8192")},
				{"fresh", closed(client, "fin")},
			},
			Why:      "The queue is as long as listen() asked for. The setting is looked at only with tcp_syncookies = 0, where three quarters of it are left.",
			Scenario: "syn-queue-no-cookies",
		},
	}
}

func cookies(s *Seen) (v Verdict) {
	syns := s.figure("0", "syns")
	lost, sent, drops := s.figure("0", "drops"), s.figure("1", "cookies"), s.figure("1", "drops")
	servedOff, servedOn := s.figure("0", "served"), s.figure("1", "served")
	acceptOff, acceptOn := s.figure("accept 0", "queued"), s.figure("accept 1", "queued")
	standard := s.setting("fresh", client, "net.ipv4.tcp_syncookies")
	v.Figure, v.Unit = servedOn, "of 20 clients served past a full SYN queue, "+num(servedOff)+" with 0"
	helps := sent > 0 && drops < lost && servedOn > servedOff
	switch {
	case !helps:
		v.Verdict = record.ClaimFalse
	case acceptOn > acceptOff && standard == "0":
		v.Verdict = record.ClaimTrue
	default:
		v.Verdict = record.ClaimConditional
		v.Condition = "the SYN queue only, not the accept queue; the default is " + standard
	}
	v.say("%s half-open handshakes, backlog 128: %s SYN dropped with 0; %s cookies and %s dropped with 1.", num(syns), num(lost), num(sent), num(drops))
	v.say("Of 20 clients after that, %s are served with 0, %s with 1.", num(servedOff), num(servedOn))
	v.say("Accept queue, backlog 8: %s of %s wait in it with 0, %s with 1.", num(acceptOff), num(s.figure("accept 0", "clients")), num(acceptOn))
	return v
}

func synBacklog(s *Seen) (v Verdict) {
	small, large := s.figure("64", "kept"), s.figure("8192", "kept")
	smallOff, largeOff := s.figure("64, off", "kept"), s.figure("8192, off", "kept")
	standard := s.setting("fresh", client, "net.ipv4.tcp_max_syn_backlog")
	v.Figure, v.Unit = large, "wait with 8192, "+num(small)+" with 64"
	switch {
	case large > small:
		v.Verdict = record.ClaimTrue
	case largeOff > smallOff:
		v.Verdict, v.Condition = record.ClaimConditional, "only with tcp_syncookies = 0, and no more than listen() asked for"
	default:
		v.Verdict = record.ClaimFalse
	}
	v.say("listen(128), tcp_syncookies = 1: %s wait with 64, %s with 8192.", num(small), num(large))
	v.say("tcp_syncookies = 0: %s wait with 64, %s with 8192. The default is %s.", num(smallOff), num(largeOff), standard)
	return v
}
