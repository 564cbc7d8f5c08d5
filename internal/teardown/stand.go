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
	// How says in a clause how the socket is held.
	How string
}

// Recipes has one for each state that a connection can stand in, in the order in which they are made.
var Recipes = []Recipe{
	{State: record.Established, Client: stay(), Server: stay(), How: "nobody closes"},
	{
		State: record.SynRecv, Client: stay(), Server: stay(), Held: HeldClientACK, Silent: true,
		How: "the client's last ACK is withheld",
	},
	{
		State: record.SynSent, Client: stay(), Held: HeldServerSYN, Silent: true, FromServer: true,
		How: "the host's own SYN is withheld",
	},
	{
		State: record.FinWait1, Client: stay(), Server: stay(Shutdown), Held: HeldServerFIN,
		How: "the server's FIN is withheld",
	},
	{State: record.FinWait2, Client: stay(), Server: stay(Shutdown), How: "the server closed, the client does not"},
	// The client's FIN must come after the server's: the gate opens once the server stands in FIN_WAIT1.
	{
		State: record.Closing, Client: stay(Gate, Shutdown), Server: stay(Shutdown), Held: HeldServerFIN,
		How: "both closed, the server's FIN is withheld",
	},
	{
		State: record.TimeWait, Client: []Step{{Op: ReadEOF}, {Op: Close}}, Server: []Step{{Op: Close}},
		How: "the server closed first",
	},
	{
		State: record.TimeWait, Client: []Step{{Op: Close}}, Server: []Step{{Op: ReadEOF}, {Op: Close}}, FromServer: true,
		How: "the host opened it and closed first",
	},
	{State: record.CloseWait, Client: stay(Shutdown), Server: stay(), How: "the client closed, the server does not"},
	{
		State: record.LastAck, Client: stay(Shutdown), Server: stay(ReadEOF, Shutdown), Held: HeldServerFIN,
		How: "the client closed first, the server's FIN is withheld",
	},
}

// stay is a list of operations after which the connection is left open.
func stay(ops ...Op) (steps []Step) {
	for _, op := range append(ops, Stay) {
		steps = append(steps, Step{Op: op})
	}
	return steps
}
