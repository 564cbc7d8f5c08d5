package record

import "time"

// MatrixSchema names the layout of a matrix's record.
const MatrixSchema = "twomsl/matrix/v1"

// Matrix is many trials, one for each way to take connections down: what each declares, what the kernel showed, and
// what it cost.
type Matrix struct {
	Schema      string      `json:"schema"`     // twomsl/matrix/v1
	ID          string      `json:"id"`         // also the file's name
	Tool        string      `json:"tool"`       // the program and its version
	Status      Status      `json:"status"`     // complete; interrupted, where rows are missing; failed, where a row has failed
	StartedAt   time.Time   `json:"started_at"` // UTC
	Seconds     float64     `json:"seconds"`    // that all rows took together, side by side
	Command     string      `json:"command"`    // what to type to repeat it
	Asked       int         `json:"asked"`      // rows that were meant to be
	Jobs        int         `json:"jobs"`       // labs side by side
	Rows        []MatrixRow `json:"rows"`       // those that were run
	Environment Environment `json:"environment"`
}

// MatrixRow is one trial.
type MatrixRow struct {
	Side    string   `json:"side"`    // client, server or both
	How     string   `json:"how"`     // the strategy with its argument: fin, graceful=5s, linger=0
	Family  string   `json:"family"`  // ipv4 or ipv6
	Engine  string   `json:"engine"`  // split/epoll, ...
	Options []string `json:"options"` // what else is set, as --set takes it: client.bind=address
	Trial   string   `json:"trial"`   // the ID of its own record; "" where it has none
	Command string   `json:"command"` // what to type to repeat this row alone
	// Failure says why there are no figures, and Unsupported what this kernel lacks; "" otherwise.
	Failure     string `json:"failure"`
	Unsupported string `json:"unsupported"`

	Declared SidePair[Declared]  `json:"declared"`
	Seen     SidePair[CloseSeen] `json:"seen"`
	// Agrees is nil where it was not judged; NotJudged then says why.
	Agrees         *bool    `json:"agrees"`
	NotJudged      string   `json:"not_judged"`
	Contradictions []string `json:"contradictions"`

	Connections int64 `json:"connections"` // attempted
	OK          int64 `json:"ok"`
	Failed      int64 `json:"failed"`
	// Reused is how many TIME_WAIT were taken over: by connect() on the client (TWRecycled), by a new SYN on the server.
	Reused           SidePair[int64]    `json:"reused"`
	ResetsSeenByPeer int64              `json:"resets_seen_by_peer"` // by the application that did not close first
	ResetsSeen       SidePair[int64]    `json:"resets_seen"`
	BytesWritten     int64              `json:"bytes_written"`
	BytesLost        *int64             `json:"bytes_lost"`
	ConnectionsLost  *int64             `json:"connections_with_loss"`
	PortsPerConn     *float64           `json:"ports_held_per_connection"` // of the client's, at the end of the load
	RestartErrno     *string            `json:"restart_errno"`             // of listening again afterwards; "" where it could
	CPUUSPerConn     SidePair[*float64] `json:"cpu_us_per_connection"`
	HiddenRetries    *int64             `json:"hidden_retries"`
	Warnings         []Warning          `json:"warnings"`
}

// Contradicted counts the rows in which the kernel showed something else than was declared.
func (m *Matrix) Contradicted() (n int) {
	for i := range m.Rows {
		if a := m.Rows[i].Agrees; a != nil && !*a {
			n++
		}
	}
	return n
}
