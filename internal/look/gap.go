package look

import (
	"slices"

	"twomsl/internal/record"
)

// What a look may lack, each with why. They are fixed sentences, so that a redacted text can keep them.
var (
	GapSockets = record.Gap{What: "sockets", Why: "no listing of them: ss -tanop (or netstat -antop)"}
	GapTable   = record.Gap{
		What: "sockets one by one", Why: "a table of states does not say to whom they belong: ss -tanop (or netstat -antop)",
	}
	GapListeners = record.Gap{
		What: "which connections were made to the host", Why: "no listeners are listed, so it is guessed from the ports: ss -tan has them",
	}
	GapBacklogs = record.Gap{
		What: "backlogs of listeners", Why: "netstat and /proc/net/tcp do not tell them: ss -lnt does",
	}
	GapDiag = record.Gap{
		What: "backlogs of listeners",
		Why:  "the kernel's module tcp_diag is not loaded, and nothing here loads one; running ss -lnt once does",
	}
	GapTimers = record.Gap{
		What: "timers", Why: "retransmissions, keep-alive and the age of TIME_WAIT: ss -tano (or netstat -anto) shows them",
	}
	GapPrograms = record.Gap{What: "programs", Why: "ss -tanp, as root, names them"}
	GapOthers   = record.Gap{
		What: "programs of other users", Why: "only root may see which sockets they hold",
	}
	GapManyPrograms = record.Gap{
		What: "some programs", Why: "there are more descriptors than a look goes through",
	}
	GapWatch = record.Gap{
		What: "changes", Why: "one look: a second one some seconds later shows which counters move, and how fast",
	}
	GapElapsed = record.Gap{
		What: "rates", Why: "nothing tells the time between the two looks: --for DURATION does, or a text of twomsl snapshot",
	}
	GapRate = record.Gap{
		What: "connections that were made and are gone",
		Why:  "one look: the rate is that of the TIME_WAIT made in the last 10 s, by their timers",
	}
	GapCounters  = record.Gap{What: "counters", Why: "not there: nstat -az (or /proc/net/snmp and /proc/net/netstat)"}
	GapSysctls   = record.Gap{What: "settings", Why: "not there: sysctl -a"}
	GapNetNS     = record.Gap{What: "settings of the namespace", Why: "only who may enter it can read them: as root"}
	GapConntrack = record.Gap{
		What: "connection tracking", Why: "no nf_conntrack settings are there: it is not loaded, or not shown",
	}
	GapDrops    = record.Gap{What: "drops of connection tracking", Why: "/proc/net/stat/nf_conntrack is not readable there"}
	GapTimeWait = record.Gap{
		What: "memory of a TIME_WAIT", Why: "the slab tw_sock_TCP is not readable: as root, /proc/slabinfo",
	}
	GapMemory      = record.Gap{What: "memory of TCP", Why: "not there: /proc/net/sockstat"}
	GapDescriptors = record.Gap{
		What: "descriptors of other users' programs", Why: "the list of them is readable for root only",
	}
	GapFewDescriptors = record.Gap{What: "descriptors of programs", Why: "not there: twomsl snapshot has them"}
	GapFlows          = record.Gap{
		What: "some flows", Why: "the 1,000 fullest of either direction are told, the rest as one without addresses",
	}
	GapCut      = record.Gap{What: "the end of the text", Why: "it was cut off before its last line"}
	GapRedacted = record.Gap{What: "remarks", Why: "left out by --redact: they were not of its own"}
)

var fixedGaps = []record.Gap{
	GapSockets, GapTable, GapListeners, GapBacklogs, GapDiag, GapTimers, GapPrograms, GapOthers, GapManyPrograms, GapWatch,
	GapElapsed, GapRate, GapCounters, GapSysctls, GapNetNS, GapConntrack, GapDrops, GapTimeWait, GapMemory, GapDescriptors,
	GapFewDescriptors, GapFlows, GapCut, GapRedacted,
}

// addGap keeps one gap for each thing.
func addGap(gaps []record.Gap, g record.Gap) []record.Gap {
	if slices.ContainsFunc(gaps, func(o record.Gap) bool { return o.What == g.What }) {
		return gaps
	}
	return append(gaps, g)
}
