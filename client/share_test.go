//go:build linux

package client_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/pairtest"
	"twomsl/internal/payload"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// However many processes share a plan, together they do all of it, and none does what another does.
func TestSharesAddUp(t *testing.T) {
	plan := client.Plan{
		Rate: 10, Concurrency: 7, Workers: 2, Connections: 1000, Limit: 100, Failures: 5, Meter: 9,
		Socket: client.Socket{Bind: scenario.Bind{Mode: scenario.BindPorts, Ports: scenario.PortRange{Low: 40000, High: 40099}}},
	}
	for _, n := range []int{1, 2, 3, 7} {
		var sum client.Plan
		next := 40000
		for i := range n {
			p := plan.Share(i, n)
			sum.Connections, sum.Limit, sum.Meter = sum.Connections+p.Connections, sum.Limit+p.Limit, sum.Meter+p.Meter
			if p.Workers < 1 || p.Concurrency < p.Workers || p.Failures < 1 {
				t.Errorf("share %d of %d: %+v", i, n, p)
			}
			if p.Rate != plan.Rate || p.First != int64(i) || p.Stride != int64(n) {
				t.Errorf("share %d of %d is connections %d, %d further ... at %v", i, n, p.First, p.Stride, p.Rate)
			}
			if again := p.Share(1, 2); again.First != int64(i+n) || again.Stride != int64(2*n) {
				t.Errorf("the second half of share %d of %d is connections %d, %d further ...", i, n, again.First, again.Stride)
			}
			if r := p.Socket.Bind.Ports; r.Low != next || r.High < r.Low {
				t.Errorf("share %d of %d binds to %v, want from %d", i, n, r, next)
			} else {
				next = r.High + 1
			}
		}
		if sum.Connections != 1000 || sum.Limit != 100 || sum.Meter != 9 || next != 40100 {
			t.Errorf("%d shares add up to %+v, ports to %d", n, sum, next)
		}
	}
	if p := (client.Plan{Rate: scenario.Max, Limit: 1}).Share(1, 2); p.Limit != -1 || p.Rate != scenario.Max {
		t.Errorf("one connection is allowed, and the second process has %+v", p)
	}
	if p := (client.Plan{Rate: scenario.Max, Limit: -1}).Share(0, 2); p.Limit != -1 {
		t.Errorf("none is allowed, and the first process may start %d", p.Limit)
	}
}

// What processes came to adds up to what one would have.
func TestResultsAddUp(t *testing.T) {
	one, _ := pairtest.New(t, pairtest.Options{Client: client.Plan{Connections: 40, Meter: 40}}).Run()
	whole, err := client.Merge([]client.Result{one, one, one})
	if err != nil {
		t.Fatal(err)
	}
	if whole.Progress.Opened != 120 || whole.Progress.OK != 120 || whole.Written != 3*one.Written || whole.Read != 3*one.Read ||
		whole.FirstCloses != 3*one.FirstCloses || whole.StoppedBy != "connections" {
		t.Errorf("%+v", whole)
	}
	if q := whole.Latency.Connect; q.Count != 120 || q.MaxUS != one.Latency.Connect.MaxUS || q.P50US != one.Latency.Connect.P50US {
		t.Errorf("latency %+v of three times %+v", q, one.Latency.Connect)
	}
	if len(whole.Outcomes) != 1 || whole.Outcomes[0].Count != 120 || whole.Tuples[0].Successes != 120 {
		t.Errorf("%+v, %+v", whole.Outcomes, whole.Tuples)
	}
	if whole.LoadSeconds != one.LoadSeconds || len(whole.Meter) <= len(one.Meter) {
		t.Errorf("%v s, %d bytes of meter", whole.LoadSeconds, len(whole.Meter))
	}
	first := 1.5
	two := one
	two.Tuples, two.StoppedBy = []client.TupleResult{{Successes: 3, OKBefore: new(int64), FirstExhaustionSeconds: &first}}, "after"
	whole, err = client.Merge([]client.Result{one, two})
	if tu := whole.Tuples[0]; err != nil || tu.Successes != 43 || tu.OKBefore != nil || *tu.FirstExhaustionSeconds != 1.5 || whole.StoppedBy != "after" {
		t.Errorf("%+v, %v", tu, err)
	}
	two.Latency.Connect.Histogram = "nonsense"
	if _, err := client.Merge([]client.Result{two, two}); err == nil {
		t.Error("a histogram that is none was taken")
	}
}

// On connections that stay open a client says back what it hears, and nothing any more once they are dropped: the other
// side sees a reset.
func TestAnswers(t *testing.T) {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	at := l.Addr().(*net.TCPAddr).AddrPort()
	plan := client.Plan{
		Destinations: []netip.AddrPort{at}, Connections: 1, Steps: []teardown.Step{{Op: teardown.Idle}}, Answers: true,
	}
	pairtest.ClientPlan(&plan)
	c, err := client.Open(plan)
	if err != nil {
		t.Fatal(err)
	}
	c.Start(linux.Nano())
	peer, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	if _, err := io.ReadFull(peer, make([]byte, plan.Request)); err != nil {
		t.Fatal(err)
	}
	// The first words come with the response, before the client has gone on to answering.
	if _, err := peer.Write(append(slices.Clone(payload.Response(int64(plan.Response))), "early"...)); err != nil {
		t.Fatal(err)
	}
	for _, said := range []string{"early", "one", "two"} {
		if said != "early" {
			write(peer, []byte(said))
		}
		b := make([]byte, 16)
		if n, err := peer.Read(b); err != nil || string(b[:n]) != said {
			t.Fatalf("%q came back to %q, %v", b[:n], said, err)
		}
	}
	pairtest.Done(t, "the client", c.Done())
	c.Drop()
	if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after the end: %v, want ECONNRESET", err)
	}
	plan.Engine = "net"
	if _, err := client.Open(plan); err == nil {
		t.Error("engine net answers on connections that stay open")
	}
}

// Connections of a share start when they do in the whole load, and not when the share's own count says.
func TestAShareKeepsTheWholesMoments(t *testing.T) {
	const rate, n = 100, 5
	plan := client.Plan{Rate: rate, Connections: n, First: 30, Stride: 10}
	result, _ := pairtest.New(t, pairtest.Options{Client: plan}).Run()
	// The last is number 30 + 4 x 10 of the whole, due at 0.7 s; as the fifth of its own it would be due at 0.04 s.
	if least := float64(30+(n-1)*10) / rate; result.LoadSeconds < least || result.Progress.OK != n {
		t.Errorf("%d connections took %v s, and the last is not due before %v s", result.Progress.OK, result.LoadSeconds, least)
	}
}
