package record

// Hosts is what is told of a trial whose two sides were on two hosts of the user's.
type Hosts struct {
	// Control is the server's control port as it was named, Server the name of its host, Session its number there.
	Control string `json:"control"`
	Server  string `json:"server"`
	Session int    `json:"session"`
	Tool    string `json:"tool"` // the server's program and its version
	// Environment is the server's machine.
	Environment Environment `json:"environment"`
	Clock       Clock       `json:"clock"`
	// Others are the connections of the whole host beside the run's that its counters tell of, from the start to the end. With 0
	// the host's counters are the side's own. Nil where they could not be read.
	Others SidePair[*int64] `json:"others"`
}

// Clock says how well the server's times are known on the client's clock. They are on one axis already: what the server sampled
// is off by up to UncertaintyUS.
type Clock struct {
	UncertaintyUS float64 `json:"uncertainty_us"` // half of the shortest round trip, the greater of start and end
	RoundTripUS   float64 `json:"round_trip_us"`  // the shortest at the start
	RoundTrips    int     `json:"round_trips"`    // tried each time
	// DriftUS is by how much the server's clock went faster than the client's over the trial; nil where the end was not asked.
	DriftUS *float64 `json:"drift_us"`
	// WallApartSeconds is by how much the server's wall clock is ahead: nothing here rests on it.
	WallApartSeconds float64 `json:"wall_apart_seconds"`
}
