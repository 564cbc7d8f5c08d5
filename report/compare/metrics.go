package compare

import (
	"slices"
	"strings"

	"twomsl/internal/record"
)

// The directions in which a metric gets better.
const (
	lower  = "lower"
	higher = "higher"
	// neither: what it shows is told by the metrics that it changes.
	neither = record.Neither
)

// A metric is one row of the table: what it is called, and how to get it from a trial.
type metric struct {
	name, unit, better string
	exact              bool // counted, not timed
	read               func(t *record.Trial) reading
	// step and share are the least difference that matters, in the unit and as a share of the value: what the way of
	// counting may be off by without anything being different.
	step, share float64
	// events tells a count of things that may happen now and then: a few more of them show nothing.
	events bool
	// ofTotal tells a count whose total may differ from trial to trial: shares are compared.
	ofTotal bool
}

// timedShare is the least part by which a timed metric must change to matter: less comes from where a program happens to
// lie in memory.
const timedShare = 0.02

// table has every metric in the order in which reports name them. The rows of failed.CAUSE come after failed, for the
// causes that were seen.
var table = []metric{
	{name: "connects_per_second", unit: "1/s", better: higher, share: timedShare, read: connectsPerSecond},
	{name: failed, unit: "connections", better: lower, exact: true, step: 1, events: true, ofTotal: true, read: failures},
	{name: firstExhaustion, unit: "s", better: higher, exact: true, step: 0.05, share: 0.01, read: exhaustion},
	{name: rateThatLastsRow, unit: "1/s", better: higher, exact: true, step: 0.1, read: rateThatLasts},
	{name: "client.time_wait.peak", unit: "sockets", better: lower, exact: true, step: 2, share: 0.005, read: of(client, peakTimeWait)},
	{name: "client.time_wait.plateau", unit: "sockets", better: lower, exact: true, step: 2, share: 0.005, read: of(client, plateauTimeWait)},
	{name: "server.time_wait.peak", unit: "sockets", better: lower, exact: true, step: 2, share: 0.005, read: of(server, peakTimeWait)},
	{name: "server.time_wait.plateau", unit: "sockets", better: lower, exact: true, step: 2, share: 0.005, read: of(server, plateauTimeWait)},
	{name: portsShareRow, unit: "share", better: lower, exact: true, step: 0.005, read: portsShare},
	{name: "time_wait_seconds", unit: "s", better: lower, exact: true, step: 0.2, read: timeWaitSeconds},
	{name: "fin_wait_2_seconds", unit: "s", better: lower, exact: true, step: 0.2, read: finWait2Seconds},
	{name: "connect.p50_us", unit: "us", better: lower, share: timedShare, read: latency(func(q *record.Quantiles) float64 { return q.P50US })},
	{name: "connect.p99_us", unit: "us", better: lower, share: timedShare, read: latency(func(q *record.Quantiles) float64 { return q.P99US })},
	{name: "connect.p999_us", unit: "us", better: lower, share: timedShare, read: latency(func(q *record.Quantiles) float64 { return q.P999US })},
	{name: "tw_reused", unit: "sockets", better: neither, exact: true, step: 1, events: true, read: reused},
	{name: twOverflow, unit: "sockets", better: lower, exact: true, step: 1, events: true, read: overflow},
	{name: "resets_seen", unit: "connections", better: lower, exact: true, step: 1, events: true, read: resetsSeen},
	{name: "bytes_lost", unit: "bytes", better: lower, exact: true, step: 1, events: true, read: bytesLost},
	{name: "listen_drops", unit: "segments", better: lower, exact: true, step: 1, events: true, read: counter(server, "TcpExt.ListenDrops")},
	{name: "syncookies_sent", unit: "segments", better: lower, exact: true, step: 1, events: true, read: counter(server, "TcpExt.SyncookiesSent")},
	{name: "client.cpu_us_per_connection", unit: "us", better: lower, share: timedShare, read: of(client, cpuEach)},
	{name: "server.cpu_us_per_connection", unit: "us", better: lower, share: timedShare, read: of(server, cpuEach)},
	{name: "client.cpu_us_per_request", unit: "us", better: lower, share: timedShare, read: of(client, cpuEachRequest)},
	{name: "server.cpu_us_per_request", unit: "us", better: lower, share: timedShare, read: of(server, cpuEachRequest)},
	{name: "client.cpu_seconds", unit: "s", better: lower, share: timedShare, read: of(client, cpuSeconds)},
	{name: "server.cpu_seconds", unit: "s", better: lower, share: timedShare, read: of(server, cpuSeconds)},
	{name: "time_wait_bytes_each", unit: "bytes", better: lower, exact: true, step: 1, read: bytesEach},
}

// Names of rows that rules ask for.
const (
	failed           = "failed"
	firstExhaustion  = "first_exhaustion_seconds"
	rateThatLastsRow = "rate_that_lasts"
	portsShareRow    = "ports.peak_share"
	twOverflow       = "tw_overflow"
)

// Names gives the names of all metrics in the table's order. failed.CAUSE, one for each cause, are metrics too.
func Names() []string {
	names := make([]string, len(table))
	for i := range table {
		names[i] = table[i].name
	}
	return names
}

// rowsFor is the table with a row for each of the causes.
func rowsFor(causes []string) []metric {
	rows := make([]metric, 0, len(table)+len(causes))
	for _, m := range table {
		rows = append(rows, m)
		if m.name != failed {
			continue
		}
		for _, c := range causes {
			byCause := m
			byCause.name, byCause.read = failed+"."+c, failuresBy(c)
			rows = append(rows, byCause)
		}
	}
	return rows
}

// rowOf finds a metric by its name, those of causes too.
func rowOf(name string) (metric, bool) {
	if cause, ok := strings.CutPrefix(name, failed+"."); ok {
		return rowsFor([]string{cause})[slices.Index(Names(), failed)+1], true
	}
	i := slices.Index(Names(), name)
	if i < 0 {
		return metric{}, false
	}
	return table[i], true
}
