package record

import "strings"

// State is a TCP state under the name that the contract uses in JSON (RFC 9293 names, underscores).
type State string

// The states of TCP, and CLOSED for the absence of a socket.
const (
	SynSent     State = "SYN_SENT"
	SynRecv     State = "SYN_RECV"
	Established State = "ESTABLISHED"
	FinWait1    State = "FIN_WAIT_1"
	FinWait2    State = "FIN_WAIT_2"
	Closing     State = "CLOSING"
	TimeWait    State = "TIME_WAIT"
	CloseWait   State = "CLOSE_WAIT"
	LastAck     State = "LAST_ACK"
	Listen      State = "LISTEN"
	Closed      State = "CLOSED"
)

// States lists every state in the order of a connection's life; reports keep to it.
var States = []State{
	Listen, SynSent, SynRecv, Established, FinWait1, FinWait2, Closing, TimeWait, CloseWait, LastAck, Closed,
}

// netstat prints these names; people's tables are written in them.
var netstatNames = map[State]string{
	SynSent: "SYN_SENT", SynRecv: "SYN_RECV", Established: "ESTABLISHED", FinWait1: "FIN_WAIT1",
	FinWait2: "FIN_WAIT2", Closing: "CLOSING", TimeWait: "TIME_WAIT", CloseWait: "CLOSE_WAIT",
	LastAck: "LAST_ACK", Listen: "LISTEN", Closed: "CLOSED",
}

var spellings = func() map[string]State {
	m := map[string]State{"ESTAB": Established, "SYNRECEIVED": SynRecv, "UNCONN": Closed, "CLOSE": Closed}
	for _, s := range States {
		m[squeeze(string(s))] = s
	}
	return m
}()

func squeeze(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToUpper(strings.TrimSpace(s)))
}

// ParseState reads any spelling that netstat, ss, the kernel or an RFC uses (FIN-WAIT-1, FIN_WAIT1, SYN_RECEIVED,
// ESTAB, TIMEWAIT ...), in any case. The second result is false where the word is no state.
func ParseState(s string) (State, bool) {
	st, ok := spellings[squeeze(s)]
	return st, ok
}

// Netstat gives the name that netstat prints.
func (s State) Netstat() string {
	if n, ok := netstatNames[s]; ok {
		return n
	}
	return string(s)
}

// Counts holds how many sockets stand in each state. A state that is absent was counted and found empty; a nil map
// means that nothing was counted.
type Counts map[State]int64

// Total adds up every state.
func (c Counts) Total() int64 {
	var n int64
	for _, v := range c {
		n += v
	}
	return n
}
