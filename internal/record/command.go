package record

// ClientCommand is what became of a client that nobody here wrote (client.command).
type ClientCommand struct {
	Line string `json:"line"` // for the shell
	// ExitCode is what the shell said of it; nil where a signal ended it. Other than 0 is a result, and no failed trial.
	ExitCode *int    `json:"exit_code"`
	Signal   string  `json:"signal"`  // SIGKILL ...; "" where it left by itself
	Seconds  float64 `json:"seconds"` // from its start to its end
	// Unwatched tells why its connect() calls were not watched: Connections are then of the kernel's counters alone, which know
	// of no connect() that failed before a SYN was sent. "" where they were watched.
	Unwatched string `json:"unwatched"`
	// Unseen are calls of connect() that could not be looked into, and went through uncounted.
	Unseen int64 `json:"unseen"`
	// LastWords is the end of what it wrote.
	LastWords string `json:"last_words"`
}
