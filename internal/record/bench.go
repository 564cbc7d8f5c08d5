package record

import "time"

// BenchSchema names the layout of a benchmark's record.
const BenchSchema = "twomsl/bench/v1"

// Bench is one benchmark: the same work measured again and again, its variants in turn.
type Bench struct {
	Schema      string      `json:"schema"`     // twomsl/bench/v1
	ID          string      `json:"id"`         // also the file's name
	Tool        string      `json:"tool"`       // the program and its version
	Status      Status      `json:"status"`     // complete; interrupted, where rounds are missing; failed, where a row has failed
	StartedAt   time.Time   `json:"started_at"` // UTC
	Seconds     float64     `json:"seconds"`    // that all of it took
	Command     string      `json:"command"`    // what to type to repeat it
	Kind        string      `json:"kind"`       // churn, connect-cost, count-cost or scale
	Title       string      `json:"title"`      // one line: what was measured
	Rounds      int         `json:"rounds"`     // that were asked for
	Rows        []BenchRow  `json:"rows"`
	Notes       []string    `json:"notes"` // what a reader must know, a sentence each
	Warnings    []Warning   `json:"warnings"`
	Environment Environment `json:"environment"`
}

// BenchRow is one way to do the work.
type BenchRow struct {
	// Name is the row's as benchfmt has it: Churn/engine=paired/close=client/how=fin.
	Name string `json:"name"`
	// Config is the same in pieces, in order.
	Config []BenchKey `json:"config"`
	Engine string     `json:"engine"` // split/uring, paired, ...; "" where none drives connections
	// Against is the other program that did this row, by its own version; "" for this program.
	Against string   `json:"against"`
	Command string   `json:"command"` // what to type to repeat this row alone
	Trials  []string `json:"trials"`  // the IDs of the trials' own records, in the order of the rounds
	// Failure says why there are no figures, and Unsupported what this machine lacks; "" otherwise.
	Failure     string        `json:"failure"`
	Unsupported string        `json:"unsupported"`
	Metrics     []BenchMetric `json:"metrics"`
	// Curve is the row's figures against how full the range is; nil in kinds without one.
	Curve []BenchPoint `json:"curve"`
}

// BenchKey is one setting of a row.
type BenchKey struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// BenchMetric is one figure of a row, once for each round.
type BenchMetric struct {
	Name   string    `json:"name"`   // connects_per_second, cpu_us_per_connection, ...
	Unit   string    `json:"unit"`   // as benchfmt writes it: conns/s, cpu-us/conn, B/socket, ...
	Better string    `json:"better"` // higher, lower, or "" where neither is
	Values []float64 `json:"values"`
}

// BenchPoint is what calls cost in one part of the range, over all rounds.
type BenchPoint struct {
	FullPercent float64 `json:"full_percent"` // ports taken, of all, in the middle of this part
	Calls       int64   `json:"calls"`
	P50US       float64 `json:"p50_us"`
	P99US       float64 `json:"p99_us"`
	MaxUS       float64 `json:"max_us"`
	CPUUS       float64 `json:"cpu_us"` // processor time of a call, on average
	Failed      int64   `json:"failed"`
	Errno       string  `json:"errno"` // of those that failed; "" where none did
}
