package record

import "time"

// Shard tells which share of a run that several machines carry out a trial is. The trial's own scenario is the share.
type Shard struct {
	Number int `json:"number"` // from 1
	Of     int `json:"of"`
	// RunID names the run: the shards that have it belong together. An attempt at a shard has the trial's ID.
	RunID string `json:"run_id"`
	// StartAt is when the loads of all shards are to begin; nil where each begins when it is ready.
	StartAt *time.Time `json:"start_at"`
	// LoadBegan is the zero of the load's schedule by this machine's clock; nil where it never began.
	LoadBegan *time.Time `json:"load_began"`
	Host      string     `json:"host"` // as the machine, or the container, calls itself
	Whole     Whole      `json:"whole"`
}

// Whole is the run that a shard is a share of.
type Whole struct {
	Scenario       Scenario `json:"scenario"`
	Command        string   `json:"command"`          // what to type to run all of it on one machine
	AskedPerSecond *float64 `json:"asked_per_second"` // nil for max
}

// Merged tells of which shards' records a trial was put together.
type Merged struct {
	RunID   string        `json:"run_id"`
	Of      int           `json:"of"`
	Shards  []MergedShard `json:"shards"`   // by number
	Missing []int         `json:"missing"`  // the numbers of which there is no record
	LeftOut []LeftOut     `json:"left_out"` // records of shards that ran more than once
	// Hosts are the machines, by the boot that they are of.
	Hosts []MergedHost `json:"hosts"`
}

// MergedShard is one shard whose record is in the sums.
type MergedShard struct {
	Number    int        `json:"number"`
	ID        string     `json:"id"` // of its trial
	Host      string     `json:"host"`
	Status    Status     `json:"status"`
	StartAt   *time.Time `json:"start_at"`
	LoadBegan *time.Time `json:"load_began"`
	// OffsetMS is what was added to the times of its samples, which count from the start of its load.
	OffsetMS float64 `json:"offset_ms"`
	// Connections is its own count.
	Connections Connections `json:"connections"`
}

// LeftOut is a record that is in no sum: its shard ran more than once.
type LeftOut struct {
	ID     string `json:"id"`
	Number int    `json:"number"`
	Status Status `json:"status"`
	Why    string `json:"why"`
}

// MergedHost is a machine that shards ran on.
type MergedHost struct {
	Names       []string    `json:"names"`  // as the shards there called it
	Shards      []int       `json:"shards"` // their numbers
	Environment Environment `json:"environment"`
}

// CountersAt are a host's counters as they stood, by which those of shards that share it are told apart from their sum.
type CountersAt struct {
	Begin CountersMoment `json:"begin"`
	End   CountersMoment `json:"end"`
}

// CountersMoment is one look at them.
type CountersMoment struct {
	MonotonicNS int64             `json:"monotonic_ns"` // CLOCK_MONOTONIC of that host
	Values      map[string]uint64 `json:"values"`
}
