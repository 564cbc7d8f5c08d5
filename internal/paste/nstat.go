package paste

import (
	"regexp"
	"strconv"
	"strings"

	"twomsl/internal/look"
	"twomsl/internal/sample"
)

// counterText is where the counters of a text stand.
type counterText struct {
	form  string // nstat, proc or netstat -s: a look has those of one
	names string // the line of names of /proc/net/snmp that waits for its values
	group string // of netstat -s
}

var (
	counterName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]+$`)
	nstatLine   = regexp.MustCompile(`^([A-Z][A-Za-z0-9]+)\s+(\d+)\s+[\d.]+$`)
	snmpLine    = regexp.MustCompile(`^([A-Z][A-Za-z0-9]+):( -?[A-Za-z0-9]+)+$`)
	statsGroup  = regexp.MustCompile(`^([A-Z][A-Za-z0-9]+):$`)
	statsNamed  = regexp.MustCompile(`^\s+([A-Z][A-Za-z0-9]+): (\d+)$`)
	statsLine   = regexp.MustCompile(`^\s+(?:(\d+) (.+)|([^\d:].*): (\d+))$`)
)

// count keeps one counter. One that is there already, in the same form, is a second look's.
func (r *reader) count(form, name string, n uint64) {
	l := r.of(fromCounters)
	switch _, again := l.Counters[name]; {
	case l.Counters == nil:
		r.counters.form = form
	case r.counters.form != form:
		return
	case again:
		r.again(fromCounters)
		l = r.of(fromCounters)
	}
	if l.Counters == nil {
		l.Counters = map[string]uint64{}
	}
	l.Counters[name] = n
}

// nstat reads a line of nstat -az: a name and its value since boot. (The third column is a rate that nstat itself keeps.)
func (r *reader) nstat(text string) bool {
	m := nstatLine.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	n, err := strconv.ParseUint(m[2], 10, 64)
	if err != nil {
		return false
	}
	if name := dotted(m[1]); name != "" {
		r.count("nstat", name, n)
	}
	return true
}

// dotted is the name with its group apart; "" where the group is of no interest.
func dotted(name string) string {
	for _, group := range look.CounterGroups {
		rest, ok := strings.CutPrefix(name, group)
		if !ok || rest == "" {
			continue
		}
		if strings.HasPrefix(rest, "6") || strings.HasPrefix(rest, "Lite") || !sample.IsCounter(group+"."+rest) {
			return ""
		}
		return group + "." + rest
	}
	return ""
}

// snmp reads /proc/net/snmp and /proc/net/netstat: a line of names, then one of values.
func (r *reader) snmp(text string) bool {
	if !snmpLine.MatchString(text) {
		return false
	}
	group, rest, _ := strings.Cut(text, ":")
	first := strings.Fields(rest)[0]
	if c := first[0]; c >= 'A' && c <= 'Z' {
		r.counters.names = text
		return true
	}
	names := r.counters.names
	r.counters.names = ""
	if !strings.HasPrefix(names, group+":") {
		return false
	}
	values := map[string]uint64{}
	if err := sample.ParseCounterGroup(names, text, values); err != nil {
		r.complain(text, err.Error())
		return true
	}
	for name, n := range values {
		// else it is no name that nstat could print
		if one := strings.Replace(name, ".", "", 1); counterName.MatchString(one) && dotted(one) == name {
			r.count("proc", name, n)
		}
	}
	return true
}

// netstatS reads what netstat -s prints: sentences, of which those are known that matter, and names.
func (r *reader) netstatS(text string) bool {
	if m := statsGroup.FindStringSubmatch(text); m != nil {
		r.counters.group = m[1]
		return true
	}
	if r.counters.group == "" {
		return false
	}
	if m := statsNamed.FindStringSubmatch(text); m != nil {
		name := r.counters.group + "." + m[1]
		if n, err := strconv.ParseUint(m[2], 10, 64); err == nil && dotted(r.counters.group+m[1]) == name {
			r.count("netstat -s", name, n)
		}
		return true
	}
	m := statsLine.FindStringSubmatch(text)
	if m == nil {
		return strings.HasPrefix(text, "    ") && strings.HasSuffix(text, ":")
	}
	n, err := strconv.ParseUint(m[1]+m[4], 10, 64)
	if name := sentences[r.counters.group+": "+m[2]+m[3]]; err == nil && name != "" {
		r.count("netstat -s", name, n)
	}
	return true
}

// sentences are what net-tools says for a counter (statistics.c).
var sentences = map[string]string{
	"Tcp: active connection openings":                                          "Tcp.ActiveOpens",
	"Tcp: active connections openings":                                         "Tcp.ActiveOpens",
	"Tcp: passive connection openings":                                         "Tcp.PassiveOpens",
	"Tcp: failed connection attempts":                                          "Tcp.AttemptFails",
	"Tcp: connection resets received":                                          "Tcp.EstabResets",
	"Tcp: segments received":                                                   "Tcp.InSegs",
	"Tcp: segments sent out":                                                   "Tcp.OutSegs",
	"Tcp: segments retransmitted":                                              "Tcp.RetransSegs",
	"Tcp: segments retransmited":                                               "Tcp.RetransSegs",
	"Tcp: resets sent":                                                         "Tcp.OutRsts",
	"TcpExt: SYN cookies sent":                                                 "TcpExt.SyncookiesSent",
	"TcpExt: SYN cookies received":                                             "TcpExt.SyncookiesRecv",
	"TcpExt: invalid SYN cookies received":                                     "TcpExt.SyncookiesFailed",
	"TcpExt: TCP sockets finished time wait in fast timer":                     "TcpExt.TW",
	"TcpExt: time wait sockets recycled by time stamp":                         "TcpExt.TWRecycled",
	"TcpExt: TCP sockets finished time wait in slow timer":                     "TcpExt.TWKilled",
	"TcpExt: times the listen queue of a socket overflowed":                    "TcpExt.ListenOverflows",
	"TcpExt: SYNs to LISTEN sockets dropped":                                   "TcpExt.ListenDrops",
	"TcpExt: SYNs to LISTEN sockets ignored":                                   "TcpExt.ListenDrops",
	"TcpExt: TCP time wait bucket table overflow":                              "TcpExt.TCPTimeWaitOverflow",
	"TcpExt: connections reset due to unexpected data":                         "TcpExt.TCPAbortOnData",
	"TcpExt: connections reset due to early user close":                        "TcpExt.TCPAbortOnClose",
	"TcpExt: connections aborted due to memory pressure":                       "TcpExt.TCPAbortOnMemory",
	"TcpExt: connections aborted due to timeout":                               "TcpExt.TCPAbortOnTimeout",
	"TcpExt: connections aborted after user close in linger timeout":           "TcpExt.TCPAbortOnLinger",
	"TcpExt: passive connections rejected because of time stamp":               "TcpExt.PAWSPassive",
	"TcpExt: active connections rejected because of time stamp":                "TcpExt.PAWSActive",
	"TcpExt: packets rejected in established connections because of timestamp": "TcpExt.PAWSEstab",
}
