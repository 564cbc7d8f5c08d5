package record

// Canary is a service that was called again and again beside the load, as others would call it.
type Canary struct {
	Name string `json:"name"` // ssh, dns, second-destination, same-tuple
	// From says who calls: outside is the other host, host the struck host itself.
	From   string `json:"from"`
	Source string `json:"source"` // the address that it is called from
	Target string `json:"target"` // address and port
	// Calls = Answered + the failures' counts.
	Calls    int64           `json:"calls"`
	Answered int64           `json:"answered"`
	Failures []CanaryFailure `json:"failures"`
	// Latency is of the calls that were answered, from the call to the answer; nil where none was.
	Latency             *Quantiles `json:"latency"`
	FirstFailureSeconds *float64   `json:"first_failure_seconds"` // from the start of the load; nil where none failed
	// Points are all calls in order, thinned out evenly where there are very many.
	Points []CanaryPoint `json:"points"`
}

// CanaryFailure counts the calls that failed in one way.
type CanaryFailure struct {
	Phase string `json:"phase"` // socket, option, bind, connect, write, read, answer
	Errno string `json:"errno"` // EADDRNOTAVAIL, ETIMEDOUT ...; "" where the answer was wrong
	Count int64  `json:"count"`
}

// CanaryPoint is one call.
type CanaryPoint struct {
	AtMS      float64  `json:"at_ms"`      // of the call, from the start of the load
	LatencyUS *float64 `json:"latency_us"` // nil where it failed
	Phase     string   `json:"phase"`      // where it failed; "" where it was answered
	Errno     string   `json:"errno"`
}
