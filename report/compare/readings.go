package compare

import (
	"math"
	"slices"

	"twomsl/internal/record"
)

// How each metric is read off one trial's record.

// A reading is a metric in one trial: a value, or that it never happened, or why there is none.
type reading struct {
	value      float64
	never      bool
	unmeasured string
	atLeast    bool // cut off by what was asked for or by the run's length
	computed   bool
	of         float64 // the whole that it is a part of; 0 where there is none
	each       float64 // how much one event may add: the most bytes that one connection lost; 0 is 1
	events     float64 // how many events a first moment is the first of
	clock      string  // since when a latency counts
}

// atMost bounds figures that can be reckoned with: beyond it sums of squares lose all meaning.
const atMost = 1e18

func value(v float64) reading {
	if !(math.Abs(v) <= atMost) {
		return missing("its figure is out of all bounds")
	}
	return reading{value: v}
}

func missing(why string) reading { return reading{unmeasured: why} }

func valueOf(n *int64, why string) reading {
	if n == nil {
		return missing(why)
	}
	return value(float64(*n))
}

func client(t *record.Trial) *record.Side { return &t.Sides.Client }

func server(t *record.Trial) *record.Side { return &t.Sides.Server }

func of(side func(*record.Trial) *record.Side, read func(*record.Trial, *record.Side) reading) func(*record.Trial) reading {
	return func(t *record.Trial) reading { return read(t, side(t)) }
}

// heldShare is how much of the rate asked for must have been reached to say that it was.
const heldShare = 0.99

// connectsPerSecond counts what went through. Where that was all that was asked for, more may have been possible.
func connectsPerSecond(t *record.Trial) reading {
	c := t.Connections
	if c.Attempted <= 0 || t.Rate.ReachedPerSecond <= 0 {
		return missing("no connection was opened")
	}
	if heldAsked(t) {
		r := value(*t.Rate.AskedPerSecond)
		r.atLeast = true
		return r
	}
	return value(t.Rate.ReachedPerSecond * float64(c.OK) / float64(c.Attempted))
}

// heldAsked tells whether every connection that was asked for was opened in its time and went through.
func heldAsked(t *record.Trial) bool {
	asked := t.Rate.AskedPerSecond
	return asked != nil && *asked > 0 && t.Connections.Failed == 0 && t.Connections.NotStarted == 0 && t.Connections.OK > 0 &&
		t.Rate.ReachedPerSecond >= heldShare**asked
}

func failures(t *record.Trial) reading {
	if t.Connections.Attempted <= 0 {
		return missing("no connection was opened")
	}
	r := value(float64(t.Connections.Failed))
	r.of = float64(t.Connections.Attempted)
	return r
}

func failuresBy(cause string) func(*record.Trial) reading {
	return func(t *record.Trial) reading {
		r := failures(t)
		if r.unmeasured != "" {
			return r
		}
		r.value = 0
		for _, o := range t.Outcomes {
			if o.Side == "client" && o.Cause == cause {
				r.value += float64(o.Count)
			}
		}
		return r
	}
}

// causesOf lists the ways in which the client's connections failed, in the order of record.Causes.
func causesOf(trials []*record.Trial) (causes []string) {
	seen := map[string]bool{}
	for _, t := range trials {
		for _, o := range t.Outcomes {
			if o.Side == "client" && o.Count > 0 {
				seen[o.Cause] = true
			}
		}
	}
	for _, c := range record.Causes {
		if c != record.OK && seen[string(c)] {
			causes = append(causes, string(c))
		}
	}
	return causes
}

// exhaustion is when the first connection found no port, of any tuple.
func exhaustion(t *record.Trial) reading {
	if len(t.Ports) == 0 {
		return missing("no ports were counted")
	}
	first := math.Inf(1)
	for _, p := range slices.Concat(t.Ports, portsOf(t)) {
		if p.FirstExhaustionSeconds != nil {
			first = min(first, *p.FirstExhaustionSeconds)
		}
	}
	switch {
	case math.IsInf(first, 1) && unwatched(t):
		return missing("when a connect() of somebody else's proxy found no port is not known")
	case math.IsInf(first, 1):
		return reading{never: true}
	}
	r := value(first)
	for _, o := range outcomesOf(t) {
		noPort := o.Cause == string(record.AddrNotAvailable) || o.Cause == string(record.AddrInUse)
		if o.Side != "server" && noPort {
			r.events += float64(o.Count)
		}
	}
	return r
}

// rateThatLasts is computed from the ports and the time that each stays taken. Where that is more than was asked for, and
// all that was asked for went through, the rate asked for is what is known to last.
func rateThatLasts(t *record.Trial) reading {
	lasts, longest, limited := 0.0, 0.0, true
	for _, p := range portsOf(t) {
		if p.Forecast.RateThatLasts == nil {
			limited = false
			continue
		}
		lasts += *p.Forecast.RateThatLasts
		longest = max(longest, p.Forecast.TakenMostSeconds)
	}
	if len(t.Ports) == 0 {
		return missing("no ports were counted")
	}
	if borne := borneByPorts(t); borne > 0 && (!limited || lasts >= borne) {
		r := value(borne)
		r.atLeast, r.computed = true, t.Phases.LoadSeconds <= 2*longest
		return r
	}
	if !limited && byProxy(t) {
		return missing("whether ports of somebody else's proxy stay taken is its own affair")
	}
	if !limited {
		return missing("no port stays taken: the ports do not limit the rate")
	}
	r := value(lasts)
	r.computed = true // a rate that failed, or was not tried, was not held
	return r
}

// nearlyAsked is how much of the rate asked for is taken for it: what is missing is the generator's, and not the ports'.
const nearlyAsked = 0.9

// borneByPorts is the rate that went through without a failure: what was asked for, or, where the generator stayed far
// behind, what it reached. 0 where connections failed or no rate was asked for.
func borneByPorts(t *record.Trial) float64 {
	asked, reached := t.Rate.AskedPerSecond, t.Rate.ReachedPerSecond
	switch {
	case asked == nil || !(*asked > 0) || t.Connections.Failed > 0 || t.Connections.OK <= 0:
		return 0
	case reached >= nearlyAsked**asked:
		return *asked
	}
	return max(0, reached)
}

func peakTimeWait(_ *record.Trial, s *record.Side) reading {
	return valueOf(s.TimeWait.Peak, "TIME_WAIT was not counted")
}

// plateauTimeWait has none where the count still rose at the end; a side that never had a TIME_WAIT is level at 0.
func plateauTimeWait(_ *record.Trial, s *record.Side) reading {
	if s.TimeWait.Plateau == nil && s.TimeWait.Peak != nil && *s.TimeWait.Peak == 0 {
		return value(0)
	}
	return valueOf(s.TimeWait.Plateau, "the count had not levelled off")
}

// usable is how many ports a tuple has, without the reserved ones, which only the forecast knows.
func usable(p *record.Tuple) float64 {
	f := p.Forecast
	if f.FullPerSecond != nil && f.TakenMostSeconds > 0 {
		return math.Round(*f.FullPerSecond * f.TakenMostSeconds)
	}
	return float64(p.Range.Size())
}

func portsShare(t *record.Trial) reading {
	taken, all := 0.0, 0.0
	ports := portsOf(t)
	for i := range ports {
		if ports[i].PeakInUse == nil {
			return missing("ports in use were not counted")
		}
		taken += float64(*ports[i].PeakInUse)
		all += usable(&ports[i])
	}
	if !(all > 0) {
		return missing("there are no ports to take")
	}
	return value(taken / all)
}

func longest(a, b *float64, why string) reading {
	switch {
	case a == nil && b == nil:
		return missing(why)
	case a == nil:
		return value(*b)
	case b == nil:
		return value(*a)
	}
	return value(max(*a, *b))
}

func timeWaitSeconds(t *record.Trial) reading {
	if t.Relay != nil {
		return longest(t.Relay.Client.TimeWait.LifetimeSeconds, t.Relay.Server.TimeWait.LifetimeSeconds, "no TIME_WAIT was seen")
	}
	return longest(t.Sides.Client.TimeWait.LifetimeSeconds, t.Sides.Server.TimeWait.LifetimeSeconds, "no TIME_WAIT was seen")
}

func finWait2Seconds(t *record.Trial) reading {
	return longest(t.Sides.Client.TimeWait.FinWait2Seconds, t.Sides.Server.TimeWait.FinWait2Seconds, "no orphaned FIN_WAIT2 was seen")
}

// latency counts from the intended start where there is one, so that a stalled generator hides nothing.
func latency(quantile func(*record.Quantiles) float64) func(*record.Trial) reading {
	return func(t *record.Trial) reading {
		q, clock := t.Latency.FromIntended, "the intended start"
		if q == nil {
			q, clock = t.Latency.Connect, "the call of connect()"
		}
		if q == nil || q.Count == 0 {
			return missing("no connect() was timed")
		}
		r := value(quantile(q))
		r.clock = clock
		return r
	}
}

func counter(side func(*record.Trial) *record.Side, name string) func(*record.Trial) reading {
	return func(t *record.Trial) reading {
		all := side(t).Counters
		if all == nil {
			return missing("counters were not read")
		}
		n, ok := all[name]
		if !ok {
			return missing("this kernel has no counter " + name)
		}
		return value(float64(n))
	}
}

// oneNamespace tells whether both sides' counters and settings are the same ones.
func oneNamespace(topology string) bool { return topology == "loopback" || topology == "host" }

func overflow(t *record.Trial) reading {
	const name = "TcpExt.TCPTimeWaitOverflow"
	c, s := counter(client, name)(t), counter(server, name)(t)
	switch {
	case c.unmeasured != "":
		return c
	case s.unmeasured != "":
		return s
	case oneNamespace(t.Scenario.Topology):
		return value(max(c.value, s.value))
	}
	if t.Relay != nil {
		c.value += float64(t.Relay.Counters[name])
	}
	return value(c.value + s.value)
}

func resetsSeen(t *record.Trial) reading {
	r := value(float64(t.Close.Seen.Client.Reset) + float64(t.Close.Seen.Server.Reset))
	r.of = max(0, float64(t.Connections.Attempted))
	return r
}

func bytesLost(t *record.Trial) reading {
	r := valueOf(t.Bytes.Lost, "one side's count of bytes is missing")
	if r.unmeasured != "" {
		return r
	}
	r.of = max(0, float64(t.Bytes.Written))
	switch by := t.Bytes.ByConnection; {
	case by != nil:
		r.each = float64(by.MostLost)
	case t.Connections.Attempted > 0: // a connection can lose all that was written on it
		r.each = r.of / float64(t.Connections.Attempted)
	}
	return r
}

// cpuSeconds is for work that is the same in every trial, however many connections it takes: a command's.
func cpuSeconds(_ *record.Trial, s *record.Side) reading {
	if s.CPU.Total() == 0 {
		return missing("no processor time was charged")
	}
	return value(s.CPU.Total())
}

// cpuEachRequest is for variants whose connections carry more or fewer requests. Of a client of somebody else's nobody counts
// them, but its caller may have said how many it makes.
func cpuEachRequest(t *record.Trial, s *record.Side) reading {
	if t.ClientCommand == nil {
		r := cpuEach(t, s)
		r.value /= requestsEach(t)
		return r
	}
	told := ofClient(t, "command_requests")
	if told < 1 {
		return missing("nobody counts the requests of a client of somebody else's: say how many it makes (client.command_requests)")
	}
	r := cpuSeconds(t, s)
	r.value *= 1e6 / told
	return r
}

func cpuEach(t *record.Trial, s *record.Side) reading {
	switch {
	case t.Connections.Attempted <= 0:
		return missing("no connection was opened")
	case s.CPU.Total() == 0: // a tick that was never charged is not a load that cost nothing
		return missing("the workers were charged no processor time")
	}
	return value(s.CPU.Total() * 1e6 / float64(t.Connections.Attempted))
}

func bytesEach(t *record.Trial) reading {
	n := t.Sides.Client.TimeWait.BytesEach
	if n == nil {
		n = t.Sides.Server.TimeWait.BytesEach
	}
	return valueOf(n, "slabinfo could not be read")
}
