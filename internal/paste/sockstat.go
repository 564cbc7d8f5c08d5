package paste

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"twomsl/internal/look"
)

var (
	sockstatLine = regexp.MustCompile(`^TCP: (?:[a-z]+ -?\d+ )*mem (\d+)$`)
	slabLine     = regexp.MustCompile(`^tw_sock_TCP\s+\d+\s+\d+\s+(\d+)\b`)
	otherSlab    = regexp.MustCompile(`^[A-Za-z][\w.-]*\s+\d+\s+\d+\s+\d+\s+\d+\s+\d+\s*(: .*)?$`)
)

// total reads what is one figure of the whole host: /proc/net/sockstat and the size of a TIME_WAIT in /proc/slabinfo.
func (r *reader) total(text string) bool {
	if m := sockstatLine.FindStringSubmatch(text); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return false
		}
		if r.of(fromTotals).TCPMemoryPages != nil {
			r.again(fromTotals)
		}
		r.of(fromTotals).TCPMemoryPages = &n
		return true
	}
	if m := slabLine.FindStringSubmatch(text); m != nil {
		n, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || n <= 0 {
			return false
		}
		r.latest().TimeWaitBytesEach = &n
		return true
	}
	return otherSlab.MatchString(text)
}

// trackingText is where the statistics of connection tracking stand.
type trackingText struct {
	columns []string // of /proc/net/stat/nf_conntrack
	first   string   // the processor that is told of first
}

var (
	conntrackS = regexp.MustCompile(`^cpu=(\S+)\s+(?:\w+=\d+\s*)+$`)
	named      = regexp.MustCompile(`(\w+)=(\d+)`)
)

// track reads conntrack -S, or /proc/net/stat/nf_conntrack: a line for each processor, in hexadecimal.
func (r *reader) track(text string) bool {
	f := strings.Fields(text)
	if len(f) > 2 && f[0] == "entries" && slices.Contains(f, "drop") {
		r.beginTracking()
		r.tracking = trackingText{columns: f}
		return true
	}
	if m := conntrackS.FindStringSubmatch(text); m != nil {
		if r.tracking.first == m[1] || r.tracking.columns != nil {
			r.beginTracking()
			r.tracking = trackingText{}
		}
		if r.tracking.first == "" {
			r.tracking.first = m[1]
		}
		values := map[string]uint64{}
		for _, pair := range named.FindAllStringSubmatch(text, -1) {
			values[pair[1]], _ = strconv.ParseUint(pair[2], 10, 64)
		}
		r.addTracking(values)
		return true
	}
	if r.tracking.columns == nil || len(f) != len(r.tracking.columns) {
		return false
	}
	values := map[string]uint64{}
	for i, column := range r.tracking.columns {
		n, err := strconv.ParseUint(f[i], 16, 64)
		if err != nil {
			return false
		}
		values[column] = n
	}
	r.addTracking(values)
	return true
}

func (r *reader) beginTracking() {
	if r.of(fromTracking).Conntrack != nil {
		r.again(fromTracking)
	}
}

func (r *reader) addTracking(values map[string]uint64) {
	l := r.of(fromTracking)
	if l.Conntrack == nil {
		l.Conntrack = &look.Conntrack{}
	}
	l.Conntrack.Dropped += values["drop"]
	l.Conntrack.EarlyDropped += values["early_drop"]
}
