package scenario

import "strings"

const (
	largestSend  = 1 << 20
	longestMatch = 1 << 10 // exchange.MostMatched
	longestAsked = 4 << 10
)

// said: what connections say to a server of somebody else's, and until when they listen.
func (c *checker) said() {
	p := c.s.Payload
	if p.Preset != "" {
		oneOf(c, "payload.preset", p.Preset, Presets...)
	}
	if len(p.Send) > largestSend {
		c.add("payload.send", "is %s bytes long; allowed: up to %s", grouped(int64(len(p.Send))), grouped(largestSend))
	}
	if len(p.Until.Match) > longestMatch {
		c.add("payload.until", "match is %s bytes long; allowed: up to %s", grouped(int64(len(p.Until.Match))), grouped(longestMatch))
	}
	if p.Until.Bytes > largestPayload {
		c.add("payload.until", "bytes=%d is not possible; allowed: up to %d", int64(p.Until.Bytes), int64(largestPayload))
	}
	c.asked("payload.path", p.Path, strings.HasPrefix(p.Path, "/"), "/index.html, with %20 for a space")
	c.asked("payload.host", p.Host, !strings.ContainsAny(p.Host, "/@"), "www.example.org or 192.0.2.1:8080")
	c.saidTo()
	c.saidHow()
	c.saidFirst()
}

// asked is what goes into a request of HTTP.
func (c *checker) asked(field, text string, sound bool, like string) {
	if text == "" {
		return
	}
	strange := func(r rune) bool { return r <= ' ' || r >= 0x7f }
	if !sound || strings.ContainsFunc(text, strange) || len(text) > longestAsked {
		c.add(field, "%q is nothing that HTTP asks for: write it like %s", text, like)
	}
	if c.s.Payload.Protocol != HTTP {
		c.add(field, "is asked for in HTTP, and payload.protocol is %s: leave it out", c.s.Payload.Protocol)
	}
}

// saidTo: our own server answers with bytes of its own.
func (c *checker) saidTo() {
	s := c.s
	if s.Theirs() {
		return
	}
	const ours = "is for a server of somebody else's: start one with --serve-with (server.command), name one with --target, or leave it out"
	for _, one := range []struct {
		there bool
		path  string
	}{
		{s.Payload.Preset != "", "payload.preset"},
		{s.Payload.Path != "", "payload.path"},
		{s.Payload.Host != "", "payload.host"},
		{s.Payload.Send != "", "payload.send"},
		{s.Payload.Until.Said(), "payload.until"},
	} {
		if one.there {
			c.add(one.path, "%s", ours)
		}
	}
}

// saidHow: each protocol has its own fields.
func (c *checker) saidHow() {
	p, raw := c.s.Payload, c.s.Payload.Protocol == Raw
	c.impossible([]impossible{
		{raw && !p.Until.Said(), "payload.until", "has no value, and nobody else tells where an answer ends: write eof, bytes=N or match=TEXT"},
		{raw && p.Preset != "", "payload.preset", string(p.Preset) + " says something itself: leave it out, or leave payload.send and payload.until out"},
		{!raw && p.Send != "", "payload.send", "is what protocol raw says, and payload.protocol is " + string(p.Protocol) + ": leave one of them out"},
		{!raw && p.Until.Said(), "payload.until", "is what protocol raw hears, and payload.protocol is " + string(p.Protocol) + ": leave one of them out"},
		{raw && c.s.Theirs() && !c.s.Stand.Off(), "payload.protocol", "sockets that stand in states are asked for in HTTP: leave payload.send and payload.until out"},
		{p.Preset != "" && !c.s.Stand.Off(), "payload.preset", "sockets that stand in states are asked for each in its own way: leave it out"},
		{c.s.Client.Command != "" && raw, "payload.protocol", "what is said is the command's own affair: leave payload.send and payload.until out"},
		{c.s.Client.Command != "" && p.Preset != "", "payload.preset", "what is said is the command's own affair: leave it out"},
	})
}

// saidFirst: who closes first follows from what is said, and a server that closes after an answer hears no second request.
func (c *checker) saidFirst() {
	p, side := c.s.Payload, c.s.Close.Side
	what := "payload.preset=" + string(p.Preset)
	if p.Until.EOF {
		what = "payload.until=eof"
	}
	if first := p.First(); first != "" && side != first {
		c.add("close.side", "%s, and with %s the %s closes first: leave close.side out", side, what, first)
	}
	theirs := c.s.Theirs() && c.s.Client.Command == ""
	if n := c.s.Client.Requests; theirs && n > 1 && side == ServerSide && (p.Protocol == HTTP || p.Until.EOF) {
		c.add("client.requests", "%s on a connection need a server that keeps it, and here it closes after its answer: set close.side=client, "+
			"or client.requests=1", grouped(int64(n)))
	}
}
