package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"twomsl/internal/assay"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/report"
)

// connectFlags are what `twomsl bench connect-cost` can be told.
type connectFlags struct {
	benchFrame
	ports        string
	ways, orders []string
	at           string
	samples      int

	plan   scenario.PortRange
	curves []*connectCurve // of the rows
}

// connectSteps are the percentages at which a connect() is measured where nobody says: closer together where things happen.
const connectSteps = "0,5,10,15,20,25,30,35,40,45,49,50,55,60,65,70,75,80,85,90,95,99,100"

const (
	leastRange  = 1000 // below, a step of a hundredth has no room
	mostSamples = 1000
)

func newConnectCost() *cobra.Command {
	f := &connectFlags{benchFrame: newBenchFrame(3)}
	f.outputs.formats = withPictures(report.BenchFormats())
	c := &cobra.Command{
		Use: "connect-cost", Args: cobra.NoArgs,
		Short: "What opening a connection costs while the range of local ports gets full",
		Long: `Takes the ports of a range one after the other, on one tuple (source address, destination address and port), by
connections that the client closes first, and measures at each step what the calls take that open one more: time and
processor time, from after socket() to the return of connect(). tcp_tw_reuse is 0, so that no port comes back.

Ways to open a connection (--way):
  plain       connect() alone
  bind        bind() to the address with port 0, then connect()
  no-port     the same with IP_BIND_ADDRESS_NO_PORT: connect() chooses the port
  own-range   IP_LOCAL_PORT_RANGE set to the very same range (Linux 6.3), then connect()

Orders in which the ports get taken (--order):
  kernel      as the kernel hands them out to this way
  plain       as it hands them out to plain connect(), whoever is measured: a program among others that are not careful
  random      any port, each as likely as the other`,
		Example: `  twomsl bench connect-cost
  twomsl bench connect-cost --range 1024-65535 --way plain,own-range --order kernel
  twomsl bench connect-cost --at 0,49,50,100 --samples 100 -o json=cost.json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rows, err := f.rows()
			if err := allOf(err, f.check()); err != nil {
				return err
			}
			return f.carryOut(benchPlan{
				kind: "connect-cost", title: "what opening a connection costs while the port range " + f.ports + " gets full",
				rows: rows, notes: f.notes(), after: f.draw,
			}, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.ports, "range", "32768-60999", "the client's range of ports: `LOW-HIGH`, an even number of them")
	fs.StringSliceVar(&f.ways, "way", nil, "only these ways to open a connection: `"+strings.Join(assay.Ways, ",")+"`")
	fs.StringSliceVar(&f.orders, "order", nil, "only these orders in which ports get taken: `"+strings.Join(assay.Orders, ",")+"`")
	fs.StringVar(&f.at, "at", connectSteps, "measure when so many `PERCENT` of the ports are taken, in rising order")
	fs.IntVar(&f.samples, "samples", 32, "measure `N` calls at each step in each round")
	f.flags(fs)
	return c
}

// rows are every way in every order, but for what would be the same twice.
func (f *connectFlags) rows() ([]benchRow, error) {
	ways, wayErr := oneOf("--way", f.ways, assay.Ways)
	orders, orderErr := oneOf("--order", f.orders, assay.Orders)
	at, atErr := percents(f.at)
	if err := allOf(f.readRange(), wayErr, orderErr, atErr, f.readSamples()); err != nil {
		return nil, err
	}
	var out []benchRow
	for _, order := range orders {
		for _, way := range ways {
			if order == "plain" && (way == "plain" || way == "no-port") && len(f.orders) == 0 {
				continue // plain connect()'s order is their own
			}
			out = append(out, f.row(way, order, at))
		}
	}
	return out, nil
}

func (f *connectFlags) readRange() error {
	if err := f.plan.UnmarshalText([]byte(f.ports)); err != nil {
		return usage("--range %s: %w", f.ports, err)
	}
	switch n := f.plan.Size(); {
	case f.plan.Low < 1024 || f.plan.High > 65535:
		return usage("--range %s: from 1024 to 65535, since ports below 1024 are privileged", f.ports)
	case n < leastRange:
		return usage("--range %s: %d ports are too few: at least %d", f.ports, n, leastRange)
	case n%2 != 0:
		return usage("--range %s: %d ports are an odd number, of which connect() may leave one: end it at %d", f.ports, n, f.plan.High-1)
	}
	return nil
}

func (f *connectFlags) readSamples() error {
	if f.samples < 1 || f.samples > mostSamples {
		return usage("--samples %d: from 1 to %d", f.samples, mostSamples)
	}
	return nil
}

// oneOf gives what was asked for, in the order of what there is; all of it where nobody asked.
func oneOf(flag string, asked, known []string) (out []string, err error) {
	for _, a := range asked {
		if !slices.Contains(known, a) {
			err = errors.Join(err, fmt.Errorf("%s: there is no %q%s; known: %s", flag, a, scenario.DidYouMean(a, known), strings.Join(known, ", ")))
		}
	}
	if err != nil {
		return nil, usage("%w", err)
	}
	for _, k := range known {
		if len(asked) == 0 || slices.Contains(asked, k) {
			out = append(out, k)
		}
	}
	return out, nil
}

// percents reads a list of percentages in rising order.
func percents(text string) (out []float64, err error) {
	for word := range strings.SplitSeq(text, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil || !(v >= 0 && v <= 100) || len(out) > 0 && v <= out[len(out)-1] {
			return nil, usage("--at %s: %q: percentages from 0 to 100 in rising order were expected, such as 0,49,50,100", text, word)
		}
		out = append(out, v)
	}
	return out, nil
}

func (f *connectFlags) row(way, order string, at []float64) benchRow {
	var steps []string
	for _, p := range at {
		steps = append(steps, strconv.FormatFloat(p, 'f', -1, 64))
	}
	config := []record.BenchKey{{Key: "range", Value: f.ports}, {Key: "way", Value: way}, {Key: "order", Value: order}}
	t := record.Try{Assay: "connect-cost", Arguments: []string{
		"way=" + way, "order=" + order, fmt.Sprintf("low=%d", f.plan.Low), fmt.Sprintf("high=%d", f.plan.High),
		"steps=" + strings.Join(steps, ","), fmt.Sprintf("samples=%d", f.samples),
	}}
	row := benchRow{BenchRow: record.BenchRow{
		Name: benchName("ConnectCost", config), Config: config,
		Command: fmt.Sprintf("twomsl bench connect-cost --range %s --way %s --order %s --at %s --samples %d",
			f.ports, way, order, strings.Join(steps, ","), f.samples),
	}}
	all := &connectCurve{ports: f.plan.Size(), at: at}
	f.curves = append(f.curves, all)
	row.run = func(soft, _ context.Context, _ int) benchTurn {
		got, err := assay.Run(soft, assayProgram(), t)
		switch {
		case err != nil:
			return benchTurn{err: err}
		case got.Cannot != "":
			return benchTurn{err: &peer.CannotError{Text: got.Cannot}}
		case got.Failure != "":
			return benchTurn{err: errors.New(got.Failure)}
		}
		turn := benchTurn{metrics: all.add(got.Parts)}
		for _, text := range got.Texts {
			turn.warnings = append(turn.warnings, record.Warning{
				Code: "curve-cut", Text: text, Advice: "choose a smaller --range, fewer --samples or fewer steps in --at",
			})
		}
		return turn
	}
	return row
}

// draw puts the curves into the record.
func (f *connectFlags) draw(b *record.Bench) {
	for i, c := range f.curves {
		b.Rows[i].Curve = c.points()
	}
}

func (f *connectFlags) notes() []string {
	return []string{
		"One tuple over veth, tcp_tw_reuse=0, tcp_rfc1337=1. Taken ports are TIME_WAIT of the client, none of them older than 50 s",
		"Timed are all calls from after socket() to the return of connect(): options and bind() too. The handshake's packets are " +
			"handled within connect(), the server's part of it as well",
		"Up to half of the range each port is taken in the way that the order names. Past half the remaining parity is taken " +
			"without searching the full one first, so that it takes seconds and not half a minute: for connect() by " +
			"IP_LOCAL_PORT_RANGE, where the kernel goes on from the same place, for bind() by the next free port from a random " +
			"place. At each step the ports in TIME_WAIT are held against those that were taken",
		"In order plain and random a measured connection is reset, so that its port is free again and the order stays what it is",
	}
}

// connectCurve gathers the samples of a row's rounds, by step.
type connectCurve struct {
	ports int
	at    []float64
	steps []connectStep
}

type connectStep struct {
	calls, cpu []int64 // nanoseconds
	taken      float64 // ports, in the middle of a round's samples; the sum over all rounds
	rounds     int
	failed     int
	errno      string
}

// add takes in a round; it gives the round's own figures at the places that tell.
func (c *connectCurve) add(parts []assay.Part) (out []record.BenchMetric) {
	for i, p := range parts {
		if i == len(c.steps) {
			c.steps = append(c.steps, connectStep{})
		}
		s := &c.steps[i]
		s.calls, s.cpu = append(s.calls, p.CallNS...), append(s.cpu, p.CPUNS...)
		s.taken += float64(p.Taken)
		if p.Stays && p.Failed == 0 {
			s.taken += float64(len(p.CallNS)-1) / 2
		}
		s.rounds++
		if s.failed += p.Failed; p.Errno != "" {
			s.errno = p.Errno
		}
	}
	for _, place := range []float64{50, 0, 25, 49, 75, 99, 100} {
		if i := slices.Index(c.at, place); i >= 0 && i < len(parts) {
			name := strconv.FormatFloat(place, 'f', -1, 64)
			out = append(out, benchFigure("call_us_at_"+name, "us@"+name+"%", "lower", quantileUS(parts[i].CallNS, 0.5)))
		}
	}
	if len(out) == 0 && len(parts) > 0 {
		out = append(out, benchFigure("call_us", "us", "lower", quantileUS(parts[0].CallNS, 0.5)))
	}
	return out
}

// points are the curve over all rounds so far.
func (c *connectCurve) points() (out []record.BenchPoint) {
	for _, s := range c.steps {
		point := record.BenchPoint{
			FullPercent: 100 * s.taken / float64(s.rounds) / float64(c.ports),
			Calls:       int64(len(s.calls)), Failed: int64(s.failed), Errno: s.errno,
			P50US: quantileUS(s.calls, 0.5), P99US: quantileUS(s.calls, 0.99), MaxUS: quantileUS(s.calls, 1),
		}
		for _, ns := range s.cpu {
			point.CPUUS += float64(ns) / 1e3 / float64(len(s.cpu))
		}
		out = append(out, point)
	}
	return out
}

// quantileUS is the least value that so many of the others do not exceed, in microseconds.
func quantileUS(ns []int64, q float64) float64 {
	if len(ns) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(ns))
	return float64(sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]) / 1e3
}
