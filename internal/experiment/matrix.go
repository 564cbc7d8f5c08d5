//go:build linux

package experiment

import (
	"errors"
	"slices"
	"strings"

	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// MatrixBase is the scenario of which every row is a variant.
const MatrixBase = "close-matrix"

// Axes say which rows a matrix has. A list that is empty has everything there is.
type Axes struct {
	Hows     []scenario.How
	Sides    []scenario.Side
	Families []scenario.Family
	Engines  []string
	// With are sets of overrides that go together, each as --set takes it: nil has the usual ones.
	With [][]string
	// Full tries every strategy with every set; else the sets are tried with a few strategies that show something.
	Full bool
	// Base are overrides for every row.
	Base []string
}

// Row is one trial of a matrix that is to be run.
type Row struct {
	Scenario scenario.Scenario
	Set      []string // what makes it of the base scenario, all of it
	Options  []string // that part of Set which is neither side, strategy, family nor engine
}

// Command is what to type to run the row alone.
func (r *Row) Command() string {
	words := []string{"twomsl run " + MatrixBase}
	for _, s := range r.Set {
		if strings.ContainsAny(s, " \t") {
			s = "'" + s + "'"
		}
		words = append(words, "--set "+s)
	}
	return strings.Join(words, " ")
}

// set is some options and the strategies that show what they do.
type set struct {
	options []string
	hows    []scenario.How
	sides   []scenario.Side
}

var (
	plainHow = []scenario.How{"fin"}
	both     = []scenario.Side{scenario.ClientSide, scenario.ServerSide}
	ofClient = []scenario.Side{scenario.ClientSide}
	ofServer = []scenario.Side{scenario.ServerSide}
)

// inFlight is a response that takes longer than the closer waits: 20 connections over 20 Mbit/s.
var inFlight = []string{
	"payload.response=64KiB", "link.rate=20Mbit", "load.rate=max", "load.concurrency=4", "load.stop.connections=20",
}

// usual are the sets of a matrix that was not told of any.
var usual = []set{
	{options: inFlight, hows: []scenario.How{"fin", "graceful", "linger=0", "linger=2", "unread"}, sides: ofServer},
	{options: []string{"client.requests=10"}, hows: plainHow, sides: both},
	{options: []string{"client.addresses=4"}, hows: plainHow, sides: both},
	{options: []string{"server.addresses=2", "server.ports=2"}, hows: plainHow, sides: both},
	{options: []string{"client.bind=address"}, hows: plainHow, sides: both},
	{options: []string{"client.bind=address", "client.bind_address_no_port=off"}, hows: plainHow, sides: both},
	{options: []string{"client.bind=41000-41999"}, hows: plainHow, sides: both},
	{options: []string{"client.local_port_range=40000-49999"}, hows: plainHow, sides: both},
	{options: []string{"client.reuse_address=on"}, hows: plainHow, sides: ofClient},
	{options: []string{"client.reuse_port=on"}, hows: plainHow, sides: ofClient},
	{options: []string{"client.no_delay=on"}, hows: plainHow, sides: both},
	{options: []string{"client.keep_alive=60s/5s/3"}, hows: plainHow, sides: ofClient},
	{options: []string{"client.fast_open=on", "sysctl.server.net.ipv4.tcp_fastopen=3"}, hows: plainHow, sides: both},
	{options: []string{"server.reuse_address=off", "server.reuse_port=off"}, hows: plainHow, sides: both},
	{options: []string{"server.accept_delay=1ms"}, hows: plainHow, sides: both},
	{options: []string{
		"sysctl.client.net.ipv4.tcp_tw_reuse=1", "sysctl.client.net.ipv4.ip_local_port_range=40000 40099", "load.rate=50/s",
	}, hows: plainHow, sides: ofClient},
	{options: []string{"engine=net"}, hows: []scenario.How{"fin", "linger=0", "half"}, sides: both},
}

// Matrix lays out the rows: first each strategy with sockets as they are, then the sets of options. The error is a
// scenario.Problems with all that cannot be.
func Matrix(a Axes, known scenario.Known) ([]Row, error) {
	m := layout{known: known, shared: a.Base}
	base, err := scenario.Find(MatrixBase)
	if err != nil {
		return nil, err
	}
	if _, err = base.With(a.Base); err != nil {
		return nil, err
	}
	m.base = base
	hows := a.Hows
	if len(hows) == 0 {
		for _, k := range teardown.Kinds() {
			for _, argument := range k.Samples {
				hows = append(hows, teardown.How(k, argument))
			}
		}
	}
	sides := orAll(a.Sides, scenario.ClientSide, scenario.ServerSide, scenario.BothSides)
	families := orAll(a.Families, scenario.Families...)
	engines := orAll(a.Engines, "split")
	for _, engine := range engines {
		for _, family := range families {
			m.add(hows, sides, family, engine, nil)
			for _, s := range a.sets(family == families[0] && engine == engines[0]) {
				m.add(within(hows, s.hows), within(sides, s.sides), family, engine, s.options)
			}
		}
	}
	if len(m.problems) > 0 {
		return nil, m.problems
	}
	if len(m.rows) == 0 {
		return nil, scenario.Problems{{Text: "no row: no side that was asked for can do what was asked for"}}
	}
	return m.rows, nil
}

// sets gives the sets of options that go with a family and an engine. The usual ones are tried with the first alone.
func (a Axes) sets(first bool) (out []set) {
	for _, options := range a.With {
		out = append(out, set{options: options})
	}
	if a.With == nil && (first || a.Full) && len(a.Hows) == 0 {
		out = slices.Clone(usual)
	}
	for i := range out {
		if a.Full {
			out[i].hows, out[i].sides = nil, nil
		}
	}
	return out
}

func orAll[T any](asked []T, all ...T) []T {
	if len(asked) > 0 {
		return asked
	}
	return all
}

// within keeps what is in both lists; a list that is nil has everything.
func within[T comparable](all, some []T) (out []T) {
	if some == nil {
		return all
	}
	for _, one := range all {
		if slices.Contains(some, one) {
			out = append(out, one)
		}
	}
	return out
}

// layout gathers rows.
type layout struct {
	base     scenario.Scenario
	shared   []string // what every row sets
	known    scenario.Known
	rows     []Row
	problems scenario.Problems
}

func (m *layout) add(hows []scenario.How, sides []scenario.Side, family scenario.Family, engine string, options []string) {
	for _, how := range hows {
		for _, side := range sides {
			st, err := teardown.For(scenario.Close{Side: side, How: how})
			if err != nil && canAnyOther(how) {
				continue // another side can
			}
			if st.FINsHeld && slices.ContainsFunc(options, slow) {
				continue // what is held back takes data along that a slow link has not carried yet
			}
			m.row(side, how, family, engine, options)
		}
	}
}

// slow tells options after which data may be under way when a side closes.
func slow(option string) bool {
	return strings.HasPrefix(option, "link.") || strings.HasPrefix(option, "payload.")
}

// canAnyOther tells whether some side can do it, so that a side that cannot is no mistake.
func canAnyOther(how scenario.How) bool {
	return slices.ContainsFunc([]scenario.Side{scenario.ClientSide, scenario.ServerSide, scenario.BothSides},
		func(s scenario.Side) bool { return teardown.Check(scenario.Close{Side: s, How: how}) == nil })
}

func (m *layout) row(side scenario.Side, how scenario.How, family scenario.Family, engine string, options []string) {
	r := Row{Options: options, Set: slices.Clone(m.shared)}
	r.Set = append(r.Set, "close.side="+string(side), "close.how="+string(how))
	if family != scenario.IPv4 {
		r.Set = append(r.Set, "family="+string(family))
	}
	if engine != "split" {
		r.Set = append(r.Set, "engine="+engine)
	}
	r.Set = append(r.Set, options...)
	s, err := m.base.With(r.Set)
	if err == nil {
		s = s.Resolve()
		err = s.Check(m.known)
	}
	var found scenario.Problems
	switch {
	case errors.As(err, &found):
		for _, p := range found {
			if !slices.Contains(m.problems, p) {
				m.problems = append(m.problems, p)
			}
		}
	case err != nil:
		m.problems = append(m.problems, scenario.Problem{Text: err.Error()})
	default:
		r.Scenario = s
		m.rows = append(m.rows, r)
	}
}

// RowRecord is what a row's trial came to: its record, or the error that kept it from starting.
func (r *Row) RowRecord(t *record.Trial, err error) record.MatrixRow {
	s := &r.Scenario
	out := record.MatrixRow{
		Side: string(s.Close.Side), How: string(s.Close.How), Family: string(s.Family), Engine: s.Engine,
		Options: append([]string{}, r.Options...), Command: r.Command(), Contradictions: []string{}, Warnings: []record.Warning{},
	}
	var cannot *peer.CannotError
	switch {
	case errors.As(err, &cannot):
		out.Unsupported = cannot.Text
		return out
	case err != nil:
		out.Failure = err.Error()
		return out
	case t.Status == record.Failed && t.Failure != nil:
		out.Failure = t.Failure.Text
	}
	out.Trial, out.Engine = t.ID, t.Engine
	c := t.Close
	out.Declared, out.Seen, out.Agrees, out.NotJudged = c.Declared, c.Seen, c.Agrees, c.NotJudged
	out.Contradictions = append(out.Contradictions, c.Contradictions...)
	out.Connections, out.OK, out.Failed = t.Connections.Attempted, t.Connections.OK, t.Connections.Failed
	out.HiddenRetries = t.Connections.HiddenRetries
	for _, w := range t.Warnings {
		if w.Code != "schedule-late" { // which spoils times that a row does not tell; the trial's record keeps it
			out.Warnings = append(out.Warnings, w)
		}
	}
	costs(&out, t)
	return out
}

// costs fills in what the row gains and what it costs.
func costs(out *record.MatrixRow, t *record.Trial) {
	if l := t.Ledger.Client.Reused; l != nil {
		out.Reused.Client = *l
	}
	if l := t.Ledger.Server.Replaced; l != nil {
		out.Reused.Server = *l
	}
	out.ResetsSeen.Client, out.ResetsSeen.Server = t.Close.Seen.Client.Reset, t.Close.Seen.Server.Reset
	switch t.Close.Side {
	case string(scenario.ClientSide):
		out.ResetsSeenByPeer = out.ResetsSeen.Server
	case string(scenario.ServerSide):
		out.ResetsSeenByPeer = out.ResetsSeen.Client
	default:
		out.ResetsSeenByPeer = out.ResetsSeen.Client + out.ResetsSeen.Server
	}
	out.BytesWritten, out.BytesLost = t.Bytes.Written, t.Bytes.Lost
	if by := t.Bytes.ByConnection; by != nil && by.Unmatched+by.NotMetered == 0 {
		out.ConnectionsLost = &by.WithLoss
	}
	if t.Restart != nil {
		out.RestartErrno = &t.Restart.Errno
	}
	if t.Established() == 0 {
		return
	}
	each := func(total float64) *float64 { v := total / float64(t.Established()); return &v }
	out.CPUUSPerConn.Client, out.CPUUSPerConn.Server = each(t.Sides.Client.CPU.Total()*1e6), each(t.Sides.Server.CPU.Total()*1e6)
	if n, known := portsHeld(t); known {
		out.PortsPerConn = each(float64(n))
	}
}

// portsHeld counts the client's ports in use, over all tuples, at the last look.
func portsHeld(t *record.Trial) (n int64, known bool) {
	samples := t.Sides.Client.Samples
	for i := len(samples) - 1; i >= 0; i-- {
		if samples[i].PortsInUse == nil {
			continue
		}
		for _, held := range samples[i].PortsInUse {
			n += held
		}
		return n, true
	}
	return 0, false
}
