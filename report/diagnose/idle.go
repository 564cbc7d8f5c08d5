package diagnose

import (
	"fmt"

	"twomsl/internal/record"
)

const (
	// idleMany is from how many connections on it is worth a word that they do nothing: each costs a descriptor and some
	// kilobytes of the kernel's memory.
	idleMany = 5_000
	// idleSegments is how many segments an idle connection may send and receive in a second: a heartbeat every half a minute
	// is far below, a request every ten seconds above.
	idleSegments = 0.1
	// openingSegments is how many a connection takes to be opened, and to say its first words.
	openingSegments = 12
)

// idleKeepalive: thousands of connections are kept open and do nothing. Whether they do, the segments of the whole host
// tell; a look at one moment does not.
func idleKeepalive(s *sight) (f finding) {
	n, seen := s.state(record.Established)
	if stayed, watched := s.stayed(record.Established); watched {
		n = min(n, stayed)
	}
	switch {
	case !seen:
		f.unseen = "idle connections: the sockets were not counted by state"
		return f
	case n < idleMany:
		f.out = "idle connections: " + count(n) + " ESTABLISHED that stay"
		return f
	}
	each, watched := s.segmentsEach(n)
	switch {
	case !watched:
		f.unseen = fmt.Sprintf("idle connections: whether the %s ESTABLISHED do anything takes InSegs and OutSegs twice, some seconds apart", count(n))
		return f
	case each >= idleSegments:
		f.out = fmt.Sprintf("idle connections: %s ESTABLISHED are busy, %.1f segments a second each", count(n), each)
		return f
	}
	kept := s.flowSum(func(f *record.Flow) int64 { return f.KeptAlive })
	f.confidence = record.Likely
	f.says = fmt.Sprintf("%s connections stand open and do nothing; nothing fails by that", count(n))
	f.evidence = some(
		fmt.Sprintf("%s ESTABLISHED all along, %.2f segments a second for each of them, both ways", count(n), each),
		fmt.Sprintf("%s of them have a keep-alive timer; peers of the others that vanish are never found out by TCP alone", count(kept)),
		s.memory(),
	)
	if d, share := s.closest(); d != nil {
		f.evidence = append(f.evidence, fmt.Sprintf("each holds a descriptor: %s has %s of %s, %s", or(d.Program, "the process"),
			count(d.InUse), count(d.Limit), percent(share)))
	} else {
		f.evidence = append(f.evidence, "each holds a descriptor; how many its process may have was not seen")
	}
	return f
}

// segmentsEach is how many segments a second each of n connections sent and received, opening and closing left out; false
// where that was not watched.
func (s *sight) segmentsEach(n int64) (float64, bool) {
	in, watched := s.moved("Tcp.InSegs")
	out, _ := s.moved("Tcp.OutSegs")
	w := s.h.WatchedSeconds
	if !watched || w == nil || *w <= 0 || n <= 0 {
		return 0, false
	}
	passive, _ := s.moved("Tcp.PassiveOpens")
	active, _ := s.moved("Tcp.ActiveOpens")
	return float64(max(0, in+out-openingSegments*(passive+active))) / *w / float64(n), true
}

// memory is what TCP's buffers take.
func (s *sight) memory() string {
	if s.h.TCPMemoryPages == nil {
		return ""
	}
	const page = 4096
	return "TCP's buffers take " + size(*s.h.TCPMemoryPages*page) + " (sockstat mem); the sockets themselves come on top"
}

func idleRemedies(*sight) []record.Remedy {
	return []record.Remedy{
		{
			When: "tonight", Kind: "none", Do: "nothing has to be done as long as descriptors and memory last",
			Risk: "peers that have vanished stay among them", Undo: "none needed",
		},
		{When: "lasting", Kind: "nginx", Do: "keepalive_timeout 15s instead of 75s", Risk: "clients open more connections", Undo: "keepalive_timeout 75s"},
		{When: "lasting", Kind: "haproxy", Do: "timeout http-keep-alive 15s", Risk: "clients open more connections", Undo: "take the line out"},
		{When: "lasting", Kind: "squid", Do: "client_idle_pconn_timeout 15 seconds", Risk: "clients open more connections", Undo: "client_idle_pconn_timeout 2 minutes"},
		{
			When: "lasting", Kind: "code", Do: "an idle timeout in the pool, and SO_KEEPALIVE or a heartbeat on what it keeps",
			Risk: "connections are opened anew more often", Undo: "take the timeout out",
		},
	}
}
