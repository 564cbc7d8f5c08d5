package scenario

import (
	"fmt"
	"strconv"
	"strings"
)

// mostShards is how many shares a run can have: each has a source address of its own.
const mostShards = mostAddresses

// Shard is one share of a run that several machines carry out, each by itself: Number of Of, counted from 1. Connection n of
// the run, counted from 0, belongs to shard n mod Of + 1, and so does a lab's source address n. The zero value is a whole run.
type Shard struct{ Number, Of int }

// fromZero begins a share whose number is counted from 0, as what starts machines by number counts them: an Indexed Job of
// Kubernetes, the loops of Ansible, the arrays of batch systems.
const fromZero = "index:"

// ParseShard reads K/N, and index:K/N with K from 0.
func ParseShard(text string) (Shard, error) {
	counted, zero := strings.CutPrefix(text, fromZero)
	k, n, both := strings.Cut(counted, "/")
	number, err1 := strconv.Atoi(k)
	of, err2 := strconv.Atoi(n)
	if zero {
		number++
	}
	switch {
	case zero && err1 == nil && err2 == nil && of > 0 && (number < 1 || number > of):
		return Shard{}, fmt.Errorf("%q: the indexes of %d shares are 0 to %d", text, of, of-1)
	case !both || err1 != nil || err2 != nil:
		return Shard{}, fmt.Errorf("%q is no share: write its number and how many there are, like 1/4", text)
	case of < 1 || of > mostShards:
		return Shard{}, fmt.Errorf("%q: a run has 1 to %s shares", text, grouped(mostShards))
	case number < 1 || number > of:
		return Shard{}, fmt.Errorf("%q: the shares of %d are numbered from 1 to %d", text, of, of)
	}
	return Shard{Number: number, Of: of}, nil
}

// Whole tells that nothing is shared.
func (d Shard) Whole() bool { return d.Of == 0 }

// String is K/N.
func (d Shard) String() string { return fmt.Sprintf("%d/%d", d.Number, d.Of) }

// ShareOf is how many of the numbers below total belong to the i-th of n, both counted from 0: i, i+n, i+2n ...
func ShareOf(total int64, i, n int) int64 {
	if total <= int64(i) {
		return min(total, 0)
	}
	return (total-int64(i)-1)/int64(n) + 1
}

// of is the shard's part of a count.
func (d Shard) of(total int64) int64 { return ShareOf(total, d.Number-1, d.Of) }

// Share gives what a shard does of a resolved scenario that CheckShard has passed. Its rate is its part of the rate, by which
// forecasts are made; when each connection is due is the whole load's to say (Schedule.Of).
func (s Scenario) Share(d Shard) Scenario {
	s = s.clone()
	if d.Whole() || d.Of == 1 {
		return s
	}
	if s.Load.Rate != Max {
		s.Load.Rate = told(s.Load.Rate / Rate(d.Of))
	}
	s.Load.Concurrency = int(d.of(int64(s.Load.Concurrency)))
	s.Load.Stop.Connections, s.Load.Stop.Failures = d.of(s.Load.Stop.Connections), d.of(s.Load.Stop.Failures)
	if g := s.Load.Stop.TimeWait; g != nil {
		g.Count = d.of(g.Count)
	}
	if s.Topology != Veth { // addresses are the shard's own host's, and nobody else has them
		return s
	}
	if s.Client.Addresses > 1 && s.Client.Bind.Mode == BindAuto {
		s.Client.Bind.Mode = BindAddress // as where there are several, also for a shard that has one of them
	}
	s.Client.Addresses = len(s.SourceNumbers(d))
	return s
}

// told is a rate to six figures, as people write it: by it no connection is started.
func told(r Rate) Rate {
	if short, err := strconv.ParseFloat(strconv.FormatFloat(float64(r), 'g', 6, 64), 64); err == nil {
		return Rate(short)
	}
	return r
}

// SourceNumbers are those of a lab's source addresses that a shard uses, counted from 0: each Of-th of the run's. Where there
// are fewer addresses than shards, each shard has one with its own number all the same: no two open the same tuple.
func (s Scenario) SourceNumbers(d Shard) []int {
	if d.Whole() {
		d = Shard{Number: 1, Of: 1}
	}
	var out []int
	for n := d.Number - 1; n < max(s.Client.Addresses, d.Number); n += d.Of {
		out = append(out, n)
	}
	return out
}

// CheckShard judges whether a run of a resolved scenario can be shared, by each of its shards; a scenario that is wrong in
// itself is Check's to tell. The error is a Problems.
func (s Scenario) CheckShard(d Shard, known Known) error {
	if d.Whole() {
		return nil
	}
	c := checker{s: s}
	c.unshared()
	c.enoughFor(d)
	if len(c.problems) > 0 {
		return c.problems.err()
	}
	// The first has what is left over, the last the least of everything: what both can do, all can.
	for _, one := range []Shard{{1, d.Of}, {d.Of, d.Of}} {
		if err, wrong := s.Share(one).Check(known).(Problems); wrong {
			for _, p := range err {
				c.add(p.Path, "as shard %s has it: %s", one, p.Text)
			}
			break
		}
	}
	return c.problems.err()
}

// unshared: what one machine does alone, or what cannot be put together afterwards.
func (c *checker) unshared() {
	s := c.s
	const whole = ": run it whole, or "
	for _, bad := range []struct {
		there       bool
		path, means string
	}{
		{s.Topology == Loopback, "topology", "loopback has one address for all, and each shard is to have its own: set topology=veth"},
		{s.Engine == Paired, "engine", "paired is measured for what one machine can do, and is not shared" + whole + "set engine=split"},
		{!s.Stand.Off(), "stand", "asks for sockets on one host, and is not shared" + whole + "leave it out"},
		{s.Relay != nil, "relay", "is one host between all clients and the server, which no shard has to itself" + whole + "leave it out"},
		{
			s.Canaries.Every != 0, "canaries.every", "calls from each shard would be several times as many, of which no one figure can be " +
				"made" + whole + "set canaries.every=0s",
		},
		{s.Client.Command != "", "client.command", "is somebody else's, who knows nothing of shares" + whole + "leave it out"},
		{s.Load.HalfOpen > 0, "load.half_open", "stands on one host, and is not shared" + whole + "leave it out"},
		{s.Client.Vanish != 0, "client.vanish", "takes away one client, and shards are several" + whole + "leave it out"},
		{
			s.Measure.CallCosts.IsOn(), "measure.call_costs", "is kept as quantiles, of which no one figure can be made afterwards" + whole +
				"set measure.call_costs=off",
		},
	} {
		if bad.there {
			c.add(bad.path, "%s", bad.means)
		}
	}
}

// enoughFor: none of what is counted may be nothing for a shard, which would mean that it has no such bound.
func (c *checker) enoughFor(d Shard) {
	l := c.s.Load
	counts := []struct {
		path string
		n    int64
	}{
		{"load.concurrency", int64(l.Concurrency)}, {"load.stop.connections", l.Stop.Connections}, {"load.stop.failures", l.Stop.Failures},
	}
	if g := l.Stop.TimeWait; g != nil {
		counts = append(counts, struct {
			path string
			n    int64
		}{"load.stop.time_wait.count", g.Count})
	}
	for _, one := range counts {
		if one.n > 0 && one.n < int64(d.Of) {
			c.add(one.path, "%d is nothing for the last of %d shards: set it to %d at least, or share among fewer", one.n, d.Of, d.Of)
		}
	}
}
