package scenario

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The bounds of what can be asked for.
const (
	longestRun      = Duration(time.Hour)
	fastest         = Rate(1_000_000) // connections per second
	mostConcurrent  = 15_000          // hard limits on descriptors can be 20,000; the rest is for listening and sampling
	mostAddresses   = 1_000
	mostLoopback    = 200 // source addresses out of 127.0.0.0/8
	mostWorkers     = 256
	mostBacklog     = 65535
	largestPayload  = Size(16 << 20)
	mostTimeWait    = 1_000_000
	shortestTimeout = 10 * Duration(time.Millisecond)
	longestTimeout  = 5 * Duration(time.Minute)
)

// The kernel's own figures for ports.
const (
	portRangeKey      = "net.ipv4.ip_local_port_range"
	defaultLow        = 32768 // of portRangeKey
	defaultHigh       = 60999
	firstUnprivileged = 1024 // net.ipv4.ip_unprivileged_port_start
	lastPort          = 65535
)

// Known is what the running wing can do, which this package does not know by itself. A list that is nil is not checked.
type Known struct {
	Engines []string
	IOs     []string
	// Close tells what is wrong with a close block, which is internal/teardown's to know. Nil: not checked.
	Close func(Close) error
}

// Check judges a resolved scenario and changes nothing. The error is a Problems with every problem there is.
func (s Scenario) Check(known Known) error {
	c := checker{s: s}
	c.names()
	c.place(known)
	c.load()
	c.stop()
	c.client()
	c.localPorts()
	c.server()
	c.payload()
	c.closing()
	c.goal()
	c.sysctls()
	return c.problems.err()
}

type checker struct {
	s        Scenario
	problems Problems
}

func (c *checker) add(path, format string, args ...any) { c.problems.add(path, format, args...) }

// between wants low <= n <= high.
func between[T ~int | ~int64](c *checker, path string, n, low, high T) {
	if n < low || n > high {
		c.add(path, "%v is not possible; allowed: %v to %v", n, low, high)
	}
}

// oneOf wants one of the allowed words.
func oneOf[T ~string](c *checker, path string, word T, allowed ...T) {
	words := make([]string, len(allowed))
	for i, a := range allowed {
		if a == word {
			return
		}
		words[i] = string(a)
	}
	c.add(path, "%s", notOneOf(string(word), words))
}

var validName = regexp.MustCompile(`^[a-z0-9-]+$`)

func (c *checker) names() {
	if !validName.MatchString(c.s.Name) {
		c.add("name", "%q is no name: write small letters, digits and hyphens, like port-exhaustion", c.s.Name)
	}
	if strings.ContainsFunc(c.s.Title, unicode.IsControl) {
		c.add("title", "%q is not one line of text: put what is longer into about", c.s.Title)
	}
}

func (c *checker) place(known Known) {
	oneOf(c, "topology", c.s.Topology, Topologies...)
	oneOf(c, "family", c.s.Family, Families...)
	if known.Engines != nil {
		oneOf(c, "engine", c.s.Engine, known.Engines...)
	}
	if known.IOs != nil {
		oneOf(c, "io", c.s.IO, known.IOs...)
	}
}

func (c *checker) load() {
	l := c.s.Load
	if r := l.Rate; r != Max && !(r > 0 && r <= fastest) { // also refuses what is not a number
		c.add("load.rate", "%s is not possible; allowed: above 0 up to %.0f/s, or max", saidRate(r), float64(fastest))
	}
	between(c, "load.concurrency", l.Concurrency, 1, mostConcurrent)
	between(c, "load.hold", l.Hold, 0, longestRun)
}

func saidRate(r Rate) string {
	if r == 0 {
		return "no rate"
	}
	return r.String()
}

func (c *checker) stop() {
	s := c.s.Load.Stop
	if s.After <= 0 || s.After > longestRun {
		c.add("load.stop.after", "%s is not possible; allowed: above 0s up to %s, as it always bounds the load",
			s.After, longestRun)
	}
	if s.Connections < 0 {
		c.add("load.stop.connections", "%d is not possible; allowed: 1 and more, or 0 for no such stop", s.Connections)
	}
	if s.Failures < 0 {
		c.add("load.stop.failures", "%d is not possible; allowed: 1 and more, or 0 for no such stop", s.Failures)
	}
}

func (c *checker) client() {
	cl := c.s.Client
	c.addresses(cl.Addresses)
	between(c, "client.workers", cl.Workers, 0, mostWorkers)
	between(c, "client.timeout", cl.Timeout, shortestTimeout, longestTimeout)
}

// addresses: a lab's link takes as many as are asked for; lo has all of 127.0.0.0/8 but one ::1; a host has its own.
func (c *checker) addresses(n int) {
	most, why := mostAddresses, ""
	switch {
	case c.s.Topology != Veth && c.s.Family == IPv6:
		most, why = 1, "the IPv6 loopback has only ::1"
	case c.s.Topology == Host && !loopbackV4(c.s.Server.Address):
		most, why = 1, "topology host adds no addresses to this host"
	case c.s.Topology != Veth:
		most, why = mostLoopback, "from 127.0.0.0/8"
	}
	if n >= 1 && n <= most {
		return
	}
	text := fmt.Sprintf("%d is not possible; allowed: 1 to %d", n, most)
	if most == 1 {
		text = fmt.Sprintf("%d is not possible; allowed: 1", n)
	}
	if why != "" {
		text += " (" + why + ")"
	}
	c.add("client.addresses", "%s", text)
}

// loopbackV4 tells whether the server of topology host is reached from 127.0.0.0/8; "" stands for 127.0.0.1.
func loopbackV4(address string) bool {
	a, err := netip.ParseAddr(address)
	return address == "" || err == nil && a.Is4() && a.IsLoopback()
}

// localPorts: the kernel takes a socket's bound only where it lies within the namespace's range, and says nothing
// where it does not.
func (c *checker) localPorts() {
	p := c.s.Client.LocalPortRange
	switch space, known := c.s.namespacePorts(); {
	case p.Off():
	case p.Low < 1 || p.High > lastPort || p.Low > p.High:
		c.add("client.local_port_range", "%s is not possible; allowed: %d-%d or a part of it",
			p, firstUnprivileged, lastPort)
	case p.Low < firstUnprivileged:
		c.add("client.local_port_range", "%s begins below %d (net.ipv4.ip_unprivileged_port_start); allowed: %d-%d "+
			"or a part of it", p, firstUnprivileged, firstUnprivileged, lastPort)
	case known && (p.Low < space.Low || p.High > space.High):
		c.add("client.local_port_range", "%s is not within %s, and the kernel ignores a bound outside the namespace's "+
			"range: set sysctl.client.%s to \"%d %d\" too", p, space, portRangeKey, min(p.Low, space.Low),
			max(p.High, space.High))
	}
}

func (c *checker) server() {
	sv := c.s.Server
	between(c, "server.port", sv.Port, 1, lastPort)
	between(c, "server.backlog", sv.Backlog, 1, mostBacklog)
	between(c, "server.workers", sv.Workers, 0, mostWorkers)
	if sv.Address == "" {
		return
	}
	if c.s.Topology != Host {
		c.add("server.address", "%q is only used with topology host: a lab has addresses of its own; leave it out",
			sv.Address)
		return
	}
	a, err := netip.ParseAddr(sv.Address)
	is6 := err == nil && a.Is6() && !a.Is4In6()
	if err != nil || c.s.Family == IPv4 && !a.Is4() || c.s.Family == IPv6 && !is6 {
		c.add("server.address", "%q is no %s address: write it like %s", sv.Address, c.s.Family, exampleAddress(c.s.Family))
	}
}

func exampleAddress(f Family) string {
	if f == IPv6 {
		return "::1"
	}
	return "127.0.0.1"
}

func (c *checker) payload() {
	between(c, "payload.request", c.s.Payload.Request, 1, largestPayload)
	between(c, "payload.response", c.s.Payload.Response, 1, largestPayload)
}

func (c *checker) closing() {
	oneOf(c, "close.side", c.s.Close.Side, ClientSide, ServerSide, BothSides)
	if n := c.s.Close.Linger.Seconds; n < 0 || n > longestLinger {
		c.add("close.linger", "%d is not possible; allowed: off, 0 (reset), or up to %d seconds", n, longestLinger)
	}
}

// goal: TIME_WAIT stands on the side that closes first, at most one for each port that the client can open from.
func (c *checker) goal() {
	g, first := c.s.Load.Stop.TimeWait, c.s.Close.Side
	if g == nil {
		return
	}
	between(c, "load.stop.time_wait.count", g.Count, 1, mostTimeWait)
	if g.Side != ClientSide && g.Side != ServerSide {
		oneOf(c, "load.stop.time_wait.side", g.Side, ClientSide, ServerSide)
		return
	}
	if first == ClientSide && g.Side == ServerSide || first == ServerSide && g.Side == ClientSide {
		c.add("load.stop.time_wait.side", "the %s never closes first (close.side is %s), so no TIME_WAIT lands there; "+
			"set one of the two to the other", g.Side, first)
		return
	}
	if c.s.Close.Linger == (Linger{On: true}) {
		c.add("close.linger", "0 resets the connection (SO_LINGER {1,0}) and a reset leaves no TIME_WAIT, so the goal "+
			"of %s on the %s is never reached; set close.linger=off, or drop the goal with load.stop.time_wait=off",
			grouped(g.Count), g.Side)
		return
	}
	c.capacity(*g)
}

func (c *checker) capacity(g TimeWaitGoal) {
	ports, addresses := c.s.clientPorts(), c.s.Client.Addresses
	if addresses < 1 || g.Count > mostTimeWait {
		return // said already
	}
	if most := int64(ports.Size()) * int64(addresses); g.Count > most {
		c.add("load.stop.time_wait.count", "%s is more than the client's ports can carry: %s possible (%s ports in %s, "+
			"client.addresses %d); ask for less, or raise client.addresses or the range", grouped(g.Count), grouped(most),
			grouped(int64(ports.Size())), ports, addresses)
	}
}

// A key names a file below /proc/sys, so nothing but names and single dots may be in it.
var validKey = regexp.MustCompile(`^net(\.[A-Za-z0-9_-]+)+$`)

func (c *checker) sysctls() {
	for _, t := range []struct {
		path string
		keys map[string]string
	}{{"sysctl.both", c.s.Sysctl.Both}, {"sysctl.client", c.s.Sysctl.Client}, {"sysctl.server", c.s.Sysctl.Server}} {
		for _, key := range sortedKeys(t.keys) {
			c.sysctl(join(t.path, key), key, t.keys[key])
		}
	}
}

func (c *checker) sysctl(path, key, value string) {
	if !validKey.MatchString(key) {
		c.add(path, "%q is no setting of a network namespace, and no other can be written in a lab; write it like "+
			"net.ipv4.tcp_tw_reuse%s", key, dotted(key))
		return
	}
	if strings.TrimSpace(value) == "" || strings.ContainsFunc(value, isLineEnd) {
		c.add(path, "%q is no value: write it on one line, as sysctl.conf has it", value)
		return
	}
	if p, ok := parsePorts(value); key == portRangeKey && (!ok || p.Low < firstUnprivileged) {
		c.add(path, "%q is no range that the kernel takes: write two ports, %d to %d, like \"%d %d\"",
			value, firstUnprivileged, lastPort, defaultLow, defaultHigh)
	}
}

func isLineEnd(r rune) bool { return r != '\t' && unicode.IsControl(r) }

// dotted guesses at what was meant by a key as /proc/sys spells it, or by one without its first part.
func dotted(key string) string {
	name := strings.ReplaceAll(strings.TrimPrefix(strings.Trim(key, "/"), "proc/sys/"), "/", ".")
	if strings.HasPrefix(name, "ipv") {
		name = "net." + name
	}
	if name == key || !validKey.MatchString(name) {
		return ""
	}
	return "; did you mean " + name + "?"
}

// namespacePorts is the range that the client's namespace has, and whether that can be known before the run.
func (s Scenario) namespacePorts() (PortRange, bool) {
	if s.Topology == Host {
		return PortRange{firstUnprivileged, lastPort}, false // whatever this host is set to, within this
	}
	for _, settings := range []map[string]string{s.Sysctl.Client, s.Sysctl.Both} {
		if text, said := settings[portRangeKey]; said {
			p, ok := parsePorts(text)
			if !ok {
				p = PortRange{firstUnprivileged, lastPort} // a problem of its own
			}
			return p, ok
		}
	}
	return PortRange{defaultLow, defaultHigh}, true
}

// clientPorts is the range that one client address opens from.
func (s Scenario) clientPorts() PortRange {
	if !s.Client.LocalPortRange.Off() {
		return s.Client.LocalPortRange
	}
	p, _ := s.namespacePorts()
	return p
}

// parsePorts reads the two numbers of net.ipv4.ip_local_port_range.
func parsePorts(text string) (PortRange, bool) {
	f := strings.Fields(text)
	if len(f) != 2 {
		return PortRange{}, false
	}
	var p PortRange
	err := p.UnmarshalText([]byte(f[0] + "-" + f[1]))
	return p, err == nil
}

// grouped prints 28232 as 28,232. It is for numbers that are told, not for those that are typed.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
