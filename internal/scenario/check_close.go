package scenario

import "slices"

// What this package knows of the strategies is what other fields depend on. All else is internal/teardown's.
const (
	simultaneous = "simultaneous"
	never        = "never" // both sides keep the connection
)

// mostAtOnce is sent before close() is called: less than the first congestion window of 10 segments (RFC 6928).
const mostAtOnce = Size(8 << 10)

// oneSided strategies need another side that does something else.
var oneSided = []string{"unread", "half", "leak", "linger2"}

// noTimeWait says why the strategy leaves no TIME_WAIT on either side; "" where it does.
func (h How) noTimeWait() string {
	if h.linger() == (Linger{On: true}) {
		return "SO_LINGER {1,0} resets the connection"
	}
	name, _ := h.Split()
	return map[string]string{
		"unread":     "closing over unread data resets the connection",
		"half":       "both sides stay half open",
		"leak":       "one side never closes",
		"linger2":    "the other side never closes",
		simultaneous: "its FINs are held back until the load is over",
		never:        "neither side closes",
	}[name]
}

func (c *checker) closing() {
	cl := c.s.Close
	if n := cl.Linger.Seconds; n < 0 || n > longestLinger {
		c.add("close.linger", "%d is not possible; allowed: off, 0 (reset), or up to %d seconds", n, longestLinger)
		return
	}
	if cl.Linger.On && cl.How != "" && cl.How.linger() != cl.Linger {
		c.add("close.linger", "says %s and close.how says %s: leave one of them out", cl.Linger, cl.How)
	}
}

// closer: which side can do what close.how says.
func (c *checker) closer(known Known) {
	cl := c.s.Close
	name, _ := cl.How.Split()
	if name == simultaneous && c.s.Topology == Host {
		c.add("close.how", "%s needs a lab, where packets can be held back: set topology=veth, or another close.how", cl.How)
	}
	if p := c.s.Payload; name == simultaneous && (c.s.Link.Rate > 0 || max(p.Request, p.Response) > mostAtOnce) {
		c.add("close.how", "%s holds back each FIN with the data it carries, so all that is said must be sent by then: leave "+
			"link.rate out and keep payload.request and payload.response at %s, or set another close.how", cl.How, mostAtOnce)
	}
	switch {
	case !oneOf(c, "close.side", cl.Side, ClientSide, ServerSide, BothSides):
	case name == simultaneous && cl.Side != BothSides:
		c.add("close.side", "the %s cannot close simultaneously alone: set close.side=both, or leave it out", cl.Side)
	case name == never && cl.Side != BothSides:
		c.add("close.side", "never is what both sides do: set close.side=both, or leave it out; close.how=leak is for one "+
			"side that does not close")
	case cl.Side == BothSides && slices.Contains(oneSided, name):
		c.add("close.side", "both cannot do %s, which needs a side that does not: set close.side=client or "+
			"close.side=server", cl.How)
	case known.Close != nil:
		if err := known.Close(cl); err != nil {
			c.add("close.how", "%v", err)
		}
	}
}
