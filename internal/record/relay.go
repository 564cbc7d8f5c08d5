package record

// Relay is a third host between client and server, which accepts on one side and opens on the other: a proxy.
type Relay struct {
	PID       int      `json:"pid"` // as the host sees it, while the trial ran
	Addresses []string `json:"addresses"`
	// Close is who closes the connections to the server first: relay or server. Pool is how many of them are kept open for
	// the next client, at most.
	Close string `json:"close"`
	Pool  int    `json:"pool"`
	// Client is the side that faces the client, Server the one that faces the server.
	Client RelayFace `json:"client"`
	Server RelayFace `json:"server"`
	// Counters is the change of the host's counters over the trial, as in Side: the kernel does not tell the faces apart.
	Counters map[string]int64 `json:"counters"`
	CPU      CPU              `json:"cpu"`
	Sampler  CPU              `json:"sampler"`
	Sysctls  Sysctls          `json:"sysctls"`
	// Ports are the tuples from the relay to the server.
	Ports []Tuple `json:"ports"`
	// Outcomes are how its connections to the server ended; their side is "relay".
	Outcomes []Outcome `json:"outcomes"`
	// Accepted is what it took from the client, Relayed what reached the server and came back whole; nil where the relay is
	// somebody else's, and nobody tells.
	Accepted int64  `json:"accepted"`
	Relayed  *int64 `json:"relayed"`
	// Unwatched tells why the connect() calls of a proxy of somebody else's were not watched: Outcomes are then empty, and
	// whether one found no port is not known. "" where they were, and where the relay is ours.
	Unwatched string `json:"unwatched,omitempty"`
}

// RelayFace is one of the relay's two sides.
type RelayFace struct {
	States   SideStates `json:"states"`
	TimeWait TimeWaits  `json:"time_wait"`
	// Sampling is of this face alone: each has its own sampler, and its own budget. Nil in records from before it was noted.
	Sampling *Sampling `json:"sampling"`
	Samples  []Sample  `json:"samples"`
}
