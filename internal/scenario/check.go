package scenario

import (
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
	mostLoopback    = 200 // addresses out of 127.0.0.0/8, on either side
	mostPorts       = 1_000
	mostTuples      = 4_096 // client addresses x server addresses x server ports: a server remembers every port of each
	mostRequests    = 1_000_000
	mostWorkers     = 256
	mostBacklog     = 65535
	longestDelay    = Duration(time.Minute)
	slowestLink     = Bandwidth(64_000)
	fastestLink     = Bandwidth(100_000_000_000)
	shortestQueue   = Size(2 << 10) // one full packet
	longestQueue    = Size(64 << 20)
	mostStanding    = mostConcurrent // in one state, and with a descriptor in all
	mostListening   = 1_000
	mostKept        = 100_000 // connections that nobody closes: a side is as many processes as they take descriptors
	largestPayload  = Size(16 << 20)
	mostTimeWait    = 1_000_000
	mostDescriptors = 1_000_000
	shortestTimeout = 10 * Duration(time.Millisecond)
	longestTimeout  = 5 * Duration(time.Minute)
)

// Known is what the running wing can do, which this package does not know by itself. A list that is nil is not checked.
type Known struct {
	Engines []string
	IOs     []string
	// Ring tells why a scenario's connections cannot be driven by io_uring, "" where they can. Nil: not checked.
	Ring func(Scenario) string
	// Close tells what is wrong with a close block, which is internal/teardown's to know. Nil: not checked.
	Close func(Close) error
	// Metrics are those that report/compare can get from a record.
	Metrics []string
	// Servers and Proxies are the names that stand for a program with a configuration of ours: @nginx.
	// Passes are those of the proxies that hand any bytes on; the others speak HTTP.
	Servers, Proxies, Passes []string
	// Causes are those that report/diagnose tells apart.
	Causes []string
}

// Check judges a resolved scenario and changes nothing. The error is a Problems with every problem there is.
func (s Scenario) Check(known Known) error {
	c := checker{s: s}
	c.names()
	c.place(known)
	c.hosts()
	c.load()
	c.stop()
	c.client()
	c.localPorts()
	c.bind()
	c.fastOpen()
	c.server()
	c.listeners()
	c.tuples()
	c.payload()
	c.closing()
	c.closer(known)
	c.judge(known)
	c.sample()
	c.goal()
	c.link()
	c.sysctls()
	c.stand()
	c.halfOpen()
	c.descriptors()
	c.track()
	c.struck()
	c.foreign()
	c.command()
	c.kept()
	c.relay()
	c.blocking()
	c.callCosts()
	c.paired()
	c.cause(known)
	c.configured(known)
	c.ring(known)
	return c.problems.err()
}

type checker struct {
	s        Scenario
	problems Problems
}

func (c *checker) add(path, format string, args ...any) { c.problems.add(path, format, args...) }

// between wants low <= n <= high.
func between[T ~int | ~int64 | ~float64](c *checker, path string, n, low, high T) {
	if n < low || n > high {
		c.add(path, "%v is not possible; allowed: %v to %v", n, low, high)
	}
}

// oneOf wants one of the allowed words, and tells whether it is.
func oneOf[T ~string](c *checker, path string, word T, allowed ...T) bool {
	words := make([]string, len(allowed))
	for i, a := range allowed {
		if a == word {
			return true
		}
		words[i] = string(a)
	}
	c.add(path, "%s", notOneOf(string(word), words))
	return false
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

// grouped prints 28232 as 28,232. It is for numbers that are told, not for those that are typed.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
