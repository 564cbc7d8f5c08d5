package record

// Sampling is how a side's sockets were counted beside the load, and what that cost.
type Sampling struct {
	// BudgetPercent is the share of one processor that it was allowed, SharePercent what it took while the load ran.
	BudgetPercent float64 `json:"budget_percent"`
	SharePercent  float64 `json:"share_percent"`
	// Totals are looks at sockstat alone, Splits dumps by state that leave TIME_WAIT out, Full those of every socket.
	Totals LookCost `json:"totals"`
	Splits LookCost `json:"splits"`
	Full   LookCost `json:"full"`
}

// LookCost is how often sockets were counted in one way, and the processor time that took.
type LookCost struct {
	Looks  int64   `json:"looks"`
	MeanUS float64 `json:"mean_us"`
	MostUS float64 `json:"most_us"`
}

// Calls are those of a connection's life, in its order; watch is epoll_ctl().
var Calls = []string{"socket", "option", "bind", "connect", "accept", "watch", "write", "read", "shutdown", "close"}

// CallCost is where a side's time goes: what one system call of a connection's life took, on the connections on which it
// was timed. It is the time from before the call to after it, whoever used the processor meanwhile; of a call that waits,
// the wait too.
type CallCost struct {
	Side  string  `json:"side"`
	Call  string  `json:"call"` // one of Calls
	Calls int64   `json:"calls"`
	Share float64 `json:"share"` // of all that was timed on this side, 0 to 1
	// PerConnectionUS is what the call takes of a connection; a call may be made several times.
	PerConnectionUS float64 `json:"per_connection_us"`
	P50US           float64 `json:"p50_us"`
	P99US           float64 `json:"p99_us"`
	OneIn           int64   `json:"one_in"`      // one of the side's connections in so many was timed
	Connections     int64   `json:"connections"` // how many those were
}
