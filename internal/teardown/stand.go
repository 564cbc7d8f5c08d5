package teardown

import "twomsl/internal/record"

// Held is a kind of segment that the lab keeps from the wire.
type Held string

// What is held.
const (
	HeldNone      Held = ""
	HeldServerFIN Held = "server-fin" // the server's FINs to this client
	HeldClientACK Held = "client-ack" // this client's bare ACKs
	HeldServerSYN Held = "server-syn" // the SYNs that the server's host sends to this client
)

// Recipe is how a socket on the server's host is brought to a state and kept there. No packet is forged: the kernel
// sends, and the lab drops what would carry the connection on.
type Recipe struct {
	State          record.State
	Client, Server []Step
	Held           Held
	// Silent connections say nothing: the client goes to its steps as soon as connect() was called.
	Silent bool
	// FromServer tells that the server's host opens the connection.
	FromServer bool
}

// Recipes has one for each state that a connection can stand in, in the order in which they are made.
var Recipes = []Recipe{
	{State: record.Established, Client: stay(), Server: stay()},
	{State: record.SynRecv, Client: stay(), Server: stay(), Held: HeldClientACK, Silent: true},
	{State: record.SynSent, Client: stay(), Held: HeldServerSYN, Silent: true, FromServer: true},
	{State: record.FinWait1, Client: stay(), Server: stay(Shutdown), Held: HeldServerFIN},
	{State: record.FinWait2, Client: stay(), Server: stay(Shutdown)},
	// The client's FIN must come after the server's: the gate opens once the server stands in FIN_WAIT1.
	{State: record.Closing, Client: stay(Gate, Shutdown), Server: stay(Shutdown), Held: HeldServerFIN},
	{State: record.TimeWait, Client: []Step{{Op: ReadEOF}, {Op: Close}}, Server: []Step{{Op: Close}}},
	{State: record.CloseWait, Client: stay(Shutdown), Server: stay()},
	{State: record.LastAck, Client: stay(Shutdown), Server: stay(ReadEOF, Shutdown), Held: HeldServerFIN},
}

// stay is a list of operations after which the connection is left open.
func stay(ops ...Op) (steps []Step) {
	for _, op := range append(ops, Stay) {
		steps = append(steps, Step{Op: op})
	}
	return steps
}
