//go:build linux

package trial

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// timeWaitLen is TCP_TIMEWAIT_LEN of include/net/tcp.h: compiled in.
const timeWaitLen = 60 * time.Second

// life is how long a TIME_WAIT stands: the timer wheel ends it up to one of its steps late.
type life struct {
	least, most time.Duration
	how         string
	// stands is how long it is there at most where connect() may take it over before: it is counted until then.
	stands time.Duration
}

func lifeOfTimeWait() (life, error) {
	hz, err := linux.TickHZ()
	if err != nil {
		return life{}, err
	}
	step := linux.TimerWheelStep(hz, timeWaitLen)
	return life{
		least: timeWaitLen, most: timeWaitLen + step,
		how: fmt.Sprintf("TIME_WAIT: 60 s compiled in, and up to one step of the timer wheel (%.3f s at HZ=%d)", step.Seconds(), hz),
	}, nil
}

// foresee computes each tuple's forecast from the settings as they are now, before anything is opened.
func (r *run) foresee() error {
	set := r.client.ready.Effective
	pr, err := effectiveRange(set["net.ipv4.ip_local_port_range"], r.scenario.Client.LocalPortRange)
	if err != nil {
		return err
	}
	usable := int64(pr.Size()) - reservedIn(set["net.ipv4.ip_local_reserved_ports"], pr)
	if b := r.scenario.Client.Bind; b.Mode == scenario.BindPorts { // bind() takes a reserved port, too
		pr = record.PortRange{Low: b.Ports.Low, High: b.Ports.High}
		usable = int64(pr.Size())
	}
	taken := r.taken(set)
	sharing, how := shared(r.scenario.Client)
	if how != "" && taken.most > 0 && len(r.destinations) > 1 {
		taken.how += "; " + how
	}
	for i := range r.tuples {
		n := sharing(usable, i%len(r.destinations), len(r.destinations))
		f := Forecast(r.scenario, taken.least, taken.most, n, len(r.tuples))
		f.HowTaken = taken.how
		if r.neverCloses() && f.RateThatLasts != nil {
			f.RateThatLasts = new(0.0)
		}
		if r.commanded() { // how many it opens is its own affair
			f.ExhaustedAfter = nil
		}
		if f.Plateau != nil && taken.stands > 0 {
			lasting := standing(r.scenario, *f.RatePerSecond*taken.stands.Seconds(), n)
			f.Plateau = new(max(*f.Plateau, lasting))
		}
		r.pastHalf(&f, pr, taken, n)
		r.ranges = append(r.ranges, pr)
		r.forecast = append(r.forecast, f)
	}
	return nil
}

// standing is how many ports of a tuple are in TIME_WAIT where connect() takes those over that are old enough: it takes
// what comes first, a port that is free or one that is old enough, so that the count rises until there is no free one left
// where it looks. That is one parity of the range, and with IP_LOCAL_PORT_RANGE all of it.
func standing(s scenario.Scenario, unused float64, usable int64) float64 {
	looked := usable
	if s.Client.LocalPortRange.Off() {
		looked = (usable + 1) / 2
	}
	return min(unused, float64(looked))
}

// A sharing gives how many of a source's ports the n-th of its destinations gets.
type sharing func(ports int64, n, destinations int) int64

// shared tells what the destinations of one source leave each other of its ports: where connect() chooses, a port is
// taken for one destination; where bind() does, for all of them.
func shared(c scenario.Client) (by sharing, how string) {
	switch {
	case c.Bind.Mode == scenario.BindPorts && !rebinds(c):
		return func(ports int64, n, _ int) int64 {
			if n > 0 {
				return 0
			}
			return ports
		}, "bind() has each port for the first destination in turn, and for no other"
	case bindChooses(c):
		return func(ports int64, n, destinations int) int64 {
			share := ports / int64(destinations)
			if int64(n) < ports%int64(destinations) {
				share++
			}
			return share
		}, "bind() takes a port for all destinations, which go through in turn"
	}
	return func(ports int64, _, _ int) int64 { return ports }, ""
}

// bindChooses tells whether bind() chooses the port, before it is known where the connection goes.
func bindChooses(c scenario.Client) bool {
	address := c.Bind.Mode == scenario.BindAddress || c.Bind.Mode != scenario.BindPorts && c.Addresses > 1
	return address && c.BindAddressNoPort == scenario.Off
}

// rebinds tells whether bind() may name a port that another connection of the client has.
func rebinds(c scenario.Client) bool { return c.ReuseAddress.IsOn() || c.ReusePort.IsOn() }

// taken is how long a closed connection's port stays taken on the client.
func (r *run) taken(set map[string]string) life {
	if !teardown.Leaves(r.strategy.Expect.Client) {
		return r.takenWithoutTimeWait(set)
	}
	l := r.takenByTimeWait(set)
	if r.strategy.Expect.Client.States[record.TimeWait] == record.Some {
		l.least, l.how = 0, l.how+"; free at once where the server's FIN came first"
	}
	return l
}

// takenByTimeWait is how long a TIME_WAIT of the client keeps its port.
func (r *run) takenByTimeWait(set map[string]string) life {
	s := &r.scenario
	reuse := set["net.ipv4.tcp_tw_reuse"]
	timestamps := set["net.ipv4.tcp_timestamps"] != "0" && r.server.ready.Effective["net.ipv4.tcp_timestamps"] != "0"
	switch {
	case !timestamps || bindChooses(s.Client): // what bind() has chosen is never handed out again
		return r.life
	case s.Client.Bind.Mode == scenario.BindPorts && rebinds(s.Client):
		return life{how: "connect() takes the TIME_WAIT of a port that bind() named over at once, whatever tcp_tw_reuse says"}
	case s.Client.Bind.Mode == scenario.BindPorts || reuse != "1" && !(reuse == "2" && r.onLoopback()):
		return r.life
	}
	delay := time.Second
	if ms, err := strconv.Atoi(set["net.ipv4.tcp_tw_reuse_delay"]); err == nil {
		delay = time.Duration(ms) * time.Millisecond
	}
	return life{
		least: delay, most: delay, stands: r.life.most,
		how: "tcp_tw_reuse=" + reuse + ": connect() takes a port over after tcp_tw_reuse_delay",
	}
}

// takenWithoutTimeWait is how long a port stays taken where the client's connections end in another way.
func (r *run) takenWithoutTimeWait(set map[string]string) life {
	d := r.strategy.Expect.Client
	switch {
	case r.neverCloses():
		whole := r.length().Std()
		return life{least: whole, most: whole, how: "the client never closes: a port stays taken for the whole run"}
	case d.Passing[record.FinWait2] != "":
		return life{least: r.strategy.Settle, most: r.strategy.Settle, how: "FIN_WAIT2 for as long as TCP_LINGER2 says"}
	case d.States[record.FinWait2] != "":
		l := finWait2Life(set)
		return life{least: l, most: l * 9 / 8, how: "FIN_WAIT2 for tcp_fin_timeout, since the server never closes"}
	case nobodyWaits(r.strategy.Expect):
		return life{how: "a reset leaves no TIME_WAIT"}
	}
	return life{how: "the server closes first: the client's ports are free at once"}
}

// neverCloses tells that the client keeps its sockets for the whole run: no rate lasts then, however long the run is.
func (r *run) neverCloses() bool {
	return !teardown.Leaves(r.strategy.Expect.Client) && teardown.Keeps(r.strategy.Client)
}

// finTimeout is tcp_fin_timeout; the kernel's default where it is not known.
func finTimeout(set map[string]string) time.Duration {
	seconds, err := strconv.Atoi(set["net.ipv4.tcp_fin_timeout"])
	if err != nil {
		return timeWaitLen
	}
	return time.Duration(seconds) * time.Second
}

// finWait2Life is how long an orphaned FIN_WAIT2 stands: above a minute twice what is above it, since both
// tcp_rcv_state_process and tcp_keepalive_timer take TCP_TIMEWAIT_LEN off.
func finWait2Life(set map[string]string) time.Duration {
	l := finTimeout(set)
	if l > timeWaitLen {
		return 2 * (l - timeWaitLen)
	}
	return l
}

// nobodyWaits tells whether nobody ends in TIME_WAIT.
func nobodyWaits(x teardown.Expect) bool {
	return !teardown.Leaves(x.Client) && !teardown.Leaves(x.Server)
}

// Forecast computes what becomes of one tuple's ports: they are a flow, rate x the time that each stays taken. usable is
// the number of ports, tuples how many share the asked-for rate evenly.
func Forecast(s scenario.Scenario, least, most time.Duration, usable int64, tuples int) record.Forecast {
	f := record.Forecast{TakenLeastSeconds: least.Seconds(), TakenMostSeconds: most.Seconds()}
	if most > 0 {
		full := float64(usable) / most.Seconds()
		lasts := math.Floor(full*10) / 10
		f.FullPerSecond, f.RateThatLasts = &full, &lasts
		if s.Client.LocalPortRange.Off() && s.Client.Bind.Mode != scenario.BindPorts { // a port that is named is not looked for
			cliff := full / 2
			f.CliffPerSecond = &cliff
		}
	}
	if s.Load.Rate == scenario.Max {
		if least > 0 && least >= min(timeWaitLen, s.Load.Stop.After.Std()) && withinCount(s, usable, tuples) {
			f.ExhaustedAfter = &usable
		}
		return f
	}
	rate := float64(s.Load.Rate) / float64(tuples)
	plateau := rate * most.Seconds()
	f.RatePerSecond, f.Plateau = &rate, &plateau
	at := float64(usable) / rate
	if at < least.Seconds() && at < s.Load.Stop.After.Std().Seconds() && withinCount(s, usable, tuples) {
		f.ExhaustedAfter, f.ExhaustedSeconds = &usable, &at
	}
	return f
}

// withinCount tells whether a load that stops at a number of connections gets beyond the ports.
func withinCount(s scenario.Scenario, usable int64, tuples int) bool {
	n := s.Load.Stop.Connections
	// A goal on the client that alone closes first is as many connections.
	if g := s.Load.Stop.TimeWait; g != nil && g.Side == scenario.ClientSide && s.Close.Side == scenario.ClientSide {
		n = g.Count
	}
	return n == 0 || n > usable*int64(tuples)
}

// effectiveRange is what connect() chooses from: each end of a socket's own range counts where it lies within the
// namespace's (inet_sk_get_local_port_range).
func effectiveRange(namespace string, own scenario.PortRange) (record.PortRange, error) {
	var r record.PortRange
	if _, err := fmt.Sscan(namespace, &r.Low, &r.High); err != nil || r.Low > r.High {
		return r, fmt.Errorf("net.ipv4.ip_local_port_range reads %q on the client: two numbers were expected", namespace)
	}
	low, high := r.Low, r.High
	if !own.Off() && low <= own.Low && own.Low <= high {
		r.Low = own.Low
	}
	if !own.Off() && low <= own.High && own.High <= high {
		r.High = own.High
	}
	return r, nil
}

// reservedIn counts the ports of ip_local_reserved_ports ("8080,9000-9100") that lie in the range.
func reservedIn(list string, r record.PortRange) (n int64) {
	for _, part := range strings.Split(list, ",") {
		lo, hi, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			hi = lo
		}
		l, err1 := strconv.Atoi(lo)
		h, err2 := strconv.Atoi(hi)
		if err1 != nil || err2 != nil {
			continue
		}
		n += int64(max(0, min(h, r.High)-max(l, r.Low)+1))
	}
	return n
}
