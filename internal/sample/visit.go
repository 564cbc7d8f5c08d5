package sample

import "twomsl/internal/linux"

// VisitProcTCP visits the sockets of /proc/net/tcp and tcp6 under the process directory proc: what sock_diag tells, but
// for the backlog of listeners, and for anybody, of any process's namespace. The row is the same variable each time.
func VisitProcTCP(proc string, visit func(*linux.DiagRow)) error { return visitProcTCP(proc, visit) }

// ParseProcRow reads one line of /proc/net/tcp into a row, or of tcp6 where row.IPv6 is set. The line is of a machine whose
// processor orders bytes as this one's does.
func ParseProcRow(line string, row *linux.DiagRow) error { return parseProcRow([]byte(line), row) }

// ParseCounterGroup reads a line of names and the line of values below it, as /proc/net/snmp and /proc/net/netstat have
// them, into counters keyed as [Counters] keys them.
func ParseCounterGroup(names, values string, into map[string]uint64) error {
	return parseGroup(names, values, into)
}

// IsCounter is false for what stands among the counters and is a setting or a gauge.
func IsCounter(name string) bool { return !notCounters[name] }
