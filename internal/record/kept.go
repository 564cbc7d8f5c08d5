package record

// Kept tells of connections that neither side was to close: how many stood, and how one side learnt that the other is gone.
// Times are seconds.
type Kept struct {
	// VanishedSeconds is when the client's host vanished, from the start of the load: no packet of it left or arrived any more,
	// and its sockets were gone. Nil: it stayed.
	VanishedSeconds *float64 `json:"vanished_seconds"`
	// StoodThen is how many connections the server's host had in ESTABLISHED at that moment.
	StoodThen *int64 `json:"stood_then"`
	// KeepAlive and Heartbeat are the server's; nil where it has none.
	KeepAlive *KeepAlive `json:"keep_alive"`
	Heartbeat *Heartbeat `json:"heartbeat"`
	// Ended is how many connections ended under the server's application; outcomes of phase kept say by what. FoundFirst and
	// FoundLast are when, after the host vanished; nil where none ended.
	Ended             *int64   `json:"ended"`
	FoundFirstSeconds *float64 `json:"found_first_seconds"`
	FoundLastSeconds  *float64 `json:"found_last_seconds"`
	// SlabBytes is by how much the kernel's memory for small objects grew from before the load to the end of the hold: of
	// the whole host, whatever else ran there. Nil where it cannot be read.
	SlabBytes *int64 `json:"slab_bytes"`
}

// KeepAlive is what TCP's keep-alive was set to: TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT.
type KeepAlive struct {
	IdleSeconds     float64 `json:"idle_seconds"`
	IntervalSeconds float64 `json:"interval_seconds"`
	Probes          int     `json:"probes"`
}

// Heartbeat is the application's own: asked Every so often, and given up after Limit without an answer.
type Heartbeat struct {
	EverySeconds float64 `json:"every_seconds"`
	LimitSeconds float64 `json:"limit_seconds"`
	Sent         int64   `json:"sent"`
	Answered     int64   `json:"answered"`
}

// Memory is what a side's kept connections take. A nil pointer could not be read.
type Memory struct {
	// Processes are those that carry the side's connections.
	Processes int `json:"processes"`
	// ResidentBefore and ResidentBytes are what all processes of the side held before the load and at the end.
	ResidentBefore *int64 `json:"resident_before"`
	ResidentBytes  *int64 `json:"resident_bytes"`
	// SocketBytes is the size of one TCP socket (slab TCP or TCPv6), without its file, inode and buffers.
	SocketBytes *int64 `json:"socket_bytes"`
}
