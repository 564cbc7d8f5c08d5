package diagnose

import (
	"fmt"
	"strconv"

	"twomsl/internal/record"
)

const (
	// conntrackFullShare is from where on the table counts as full: entries come and go between two looks.
	conntrackFullShare = 0.95
	// conntrackNearShare is from where on a healthy host is told.
	conntrackNearShare = 0.8
	// shortTracking is for how many seconds it is enough to remember a connection that has ended: late segments come sooner.
	shortTracking = 30
)

// conntrackFull: the table has no room, and packets of new flows are dropped, of every protocol. Drops alone prove nothing:
// two entries that clash are dropped, too.
func conntrackFull(s *sight) (f finding) {
	c := s.h.Conntrack
	switch {
	case c == nil && s.h.Source == record.FromTrial:
		f.out = "connection tracking: not in use"
		return f
	case c == nil || c.Limit <= 0:
		f.unseen = "connection tracking: its table could not be read, or nothing is tracked (sysctl net.netfilter.nf_conntrack_count)"
		return f
	}
	share := float64(c.Entries) / float64(c.Limit)
	dropped, early := value(c.Dropped), value(c.EarlyDropped)
	holds := fmt.Sprintf("%s of %s entries at the most, %s full", count(c.Entries), count(c.Limit), percent(share))
	switch {
	case share >= conntrackFullShare && dropped > 0:
		f.confidence = record.Certain
	case share >= conntrackFullShare:
		f.confidence = record.Likely
	default:
		f.out = "connection tracking: " + holds
		if dropped > 0 {
			f.out += fmt.Sprintf("; %s dropped all the same: entries that clashed", counted(dropped, "packet", "packets"))
		}
		if share >= conntrackNearShare {
			f.near = "connection tracking: " + holds
		}
		return f
	}
	f.says = "The connection-tracking table is full: new flows of every protocol are dropped, existing ones go on"
	f.evidence = []string{holds}
	switch {
	case c.Dropped == nil:
		f.evidence = append(f.evidence, "how many packets were dropped could not be read (conntrack -S)")
	case dropped > 0:
		f.evidence = append(f.evidence, fmt.Sprintf("%s dropped for want of room %s", counted(dropped, "packet", "packets"), s.watch()))
	default:
		f.evidence = append(f.evidence, "no packet dropped "+s.watch()+": it is at its limit, and not beyond")
	}
	if early > 0 {
		f.evidence = append(f.evidence, counted(early, "entry", "entries")+" went early for a new one")
	}
	f.evidence = append(f.evidence, s.canaries("outside", "ssh", "dns")...)
	f.evidence = append(f.evidence, s.canaries(fromHost, "second-destination")...)
	return f
}

func value(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

func conntrackRemedies(s *sight) []record.Remedy {
	limit := int64(262_144)
	if c := s.h.Conntrack; c != nil && c.Limit > 0 {
		limit = c.Limit
	}
	timeout := or(s.setting("net.netfilter.nf_conntrack_tcp_timeout_time_wait"), "120")
	out := []record.Remedy{
		{
			When: "tonight", Kind: "sysctl", Do: fmt.Sprintf("net.netfilter.nf_conntrack_max = %d on the host itself, not in a container", 2*limit),
			Risk: "kernel memory for each entry (slabtop shows nf_conntrack); the hash table keeps its size, so look-ups take longer",
			Undo: fmt.Sprintf("net.netfilter.nf_conntrack_max = %d", limit),
		},
	}
	if n, err := strconv.Atoi(timeout); err != nil || n > shortTracking {
		out = append(out, record.Remedy{
			When: "tonight", Kind: "sysctl",
			Do: fmt.Sprintf("net.netfilter.nf_conntrack_tcp_timeout_time_wait = %d: entries of connections that close from then on go sooner; "+
				"the sockets keep their 60 s", shortTracking),
			Risk: "a late packet of a closed connection counts as invalid", Undo: "net.netfilter.nf_conntrack_tcp_timeout_time_wait = " + timeout,
		})
	}
	return append(
		out,
		record.Remedy{
			When: "lasting", Kind: "firewall", Do: "do not track what needs no tracking: notrack rules in the raw table for the busy service, both ways",
			Risk: "rules that match on the state, and NAT, do not see those packets any more", Undo: "take the rules out",
		},
		record.Remedy{
			When: "lasting", Kind: "code", Do: "keep connections open: each new one is an entry for two minutes after its end",
			Risk: "a pool needs a limit and an idle timeout", Undo: "close after each request again",
		},
	)
}
