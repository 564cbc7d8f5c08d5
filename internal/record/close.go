package record

// Share is how many of the connections something happens to.
type Share string

// The shares.
const (
	None Share = "none"
	All  Share = "all"
	Some Share = "some" // whose FIN was first decides for each connection; on one side or the other in all
)

// Close is how connections were taken down: what the strategy declares that the kernel must show, and what it showed.
type Close struct {
	Side     string              `json:"side"` // client, server or both
	How      string              `json:"how"`  // the strategy with its argument: fin, graceful=5s, linger=0
	Declared SidePair[Declared]  `json:"declared"`
	Seen     SidePair[CloseSeen] `json:"seen"`
	// Agrees is nil where it was not judged; NotJudged then says why.
	Agrees         *bool    `json:"agrees"`
	NotJudged      string   `json:"not_judged"`
	Contradictions []string `json:"contradictions"` // one sentence each
}

// Declared is what a strategy says of one side, as shares of the connections. A state or counter that is not named is
// declared to be none.
type Declared struct {
	// States are those in which this side's sockets stand once every connection is taken down.
	States map[State]Share `json:"states"`
	// Passing are those that they stand in for a while before, long enough to be seen.
	Passing map[State]Share `json:"passing"`
	// Counters are of the TcpExt.TCPAbort family.
	Counters map[string]Share `json:"counters"`
	// EOF and Reset are what this side's application sees at the end of the stream.
	EOF   Share `json:"eof"`
	Reset Share `json:"reset"`
	// LostEach is how many bytes that this side wrote are lost in each connection. MayLose tells that more may be, where
	// they are in flight.
	LostEach int64 `json:"lost_each"`
	MayLose  bool  `json:"may_lose"`
}

// CloseSeen is what was seen on one side.
type CloseSeen struct {
	// States are the sockets standing at the end of the load. TIME_WAIT counts also those that were replaced, reused or
	// expired until then.
	States Counts `json:"states"`
	// Peak has each state's highest count.
	Peak     Counts           `json:"peak"`
	Counters map[string]int64 `json:"counters"`
	EOF      int64            `json:"eof"`
	Reset    int64            `json:"reset"`
	// Lost are bytes that this side wrote and the other never read.
	Lost int64 `json:"lost"`
}

// Direction is one way of the stream: what the writing application's write() took, and what the reading one read.
type Direction struct {
	Written int64 `json:"written"`
	Read    int64 `json:"read"`
	Lost    int64 `json:"lost"`
}

// PerConnection is the loss by connection, over those that both sides could tell apart.
type PerConnection struct {
	// Metered connections were matched, by client address, client port and their order on it.
	Metered int64 `json:"metered"`
	// Unmatched were known to one side only; NotMetered came after the memory for this was used up.
	Unmatched  int64 `json:"unmatched"`
	NotMetered int64 `json:"not_metered"`
	// WithLoss lost at least one byte; MostLost is what the worst of them lost.
	WithLoss int64 `json:"with_loss"`
	MostLost int64 `json:"most_lost"`
}

// Stand is sockets that were asked to stand in a state on the server's host, and those that stood.
type Stand struct {
	Asked Counts `json:"asked"`
	// Standing is the last count of the hold; Least and Most are each state's over the hold.
	Standing Counts `json:"standing"`
	Least    Counts `json:"least"`
	Most     Counts `json:"most"`
	// Looks is how many counts were taken in the hold.
	Looks int `json:"looks"`
	// WorstDeviation is the greatest difference from what was asked for, of any state at any look.
	WorstDeviation int64   `json:"worst_deviation"`
	HeldSeconds    float64 `json:"held_seconds"`
	// Renewed is how often a TIME_WAIT began its minute anew by an ACK of its other end, so that it would outlast the hold.
	Renewed int64 `json:"renewed"`
	// Reached is when all stood as asked for the first time, in seconds from the first connection; nil where they never did.
	Reached *float64 `json:"reached_seconds"`
	// How tells for each state that was asked for how it is held; nil in records from before it was noted.
	How map[State]string `json:"how"`
}

// Restart is what a second server got that listened where the first had, over all that the first left behind.
type Restart struct {
	Errno string `json:"errno"` // "" where it could; EADDRINUSE ...
}

// Established counts the connections whose handshake was over, whatever became of them then.
func (t *Trial) Established() int64 {
	n := t.Connections.Attempted - t.Connections.Unfinished
	for _, o := range t.Outcomes {
		if o.Side == "client" && (o.Phase == "socket" || o.Phase == "option" || o.Phase == "bind" || o.Phase == "connect") {
			n -= o.Count
		}
	}
	return n
}
