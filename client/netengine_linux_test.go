package client_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"twomsl/client"
	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/pairtest"
	"twomsl/internal/payload"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
	"twomsl/server"
)

// span is a range of local ports.
func span(low, high int) client.Socket {
	return client.Socket{PortRange: scenario.PortRange{Low: low, High: high}, BindNoPort: true}
}

// hidden is how many connects the library is known to have made on top; split makes its own.
func hidden(t *testing.T, engine string, res client.Result) int64 {
	t.Helper()
	if engine != "net" {
		if res.HiddenRetries != nil {
			t.Errorf("%s tells of %d retries", engine, *res.HiddenRetries)
		}
		return 0
	}
	if res.HiddenRetries == nil {
		t.Fatal("the engine does not tell what the library retried")
	}
	return *res.HiddenRetries
}

// Package net calls connect() twice more on each EADDRNOTAVAIL, where the kernel chooses the port: Dial fails once, and is
// counted once.
func TestNetNSExhaustionIsRetried(t *testing.T) {
	if nstest.Inside(t) {
		nstest.Sysctl(t, "ipv4/tcp_tw_reuse", "0")
		nstest.Sysctl(t, "ipv4/tcp_rfc1337", "1")
		nstest.Sysctl(t, "ipv4/ip_local_port_range", "20000 60999")
		pairtest.EachEngine(t, exhaustionIsRetried)
	}
}

func exhaustionIsRetried(t *testing.T, engine string) {
	const attempts = 3 * ports
	for i, workers := range []int{1, 4} {
		pairtest.Descriptors(t)
		to := netip.AddrPortFrom(loopback, uint16(5000+100*len(engine)+i)) // a fresh tuple
		c, srv := pairtest.New(t, pairtest.Options{Engine: engine, Client: client.Plan{
			Destinations: []netip.AddrPort{to}, Workers: workers, Connections: attempts, Socket: span(20000, 20000+ports-1),
		}}).Run()
		expectEnds(t, c.Outcomes, map[string]int64{"ok": ports, "connect address-not-available EADDRNOTAVAIL": attempts - ports})
		pairtest.OnlyOK(t, ports, srv.Outcomes)
		want := map[string]int64{"split": 0, "net": 2 * (attempts - ports)}[engine]
		if got := hidden(t, engine, c); got != want {
			t.Errorf("%d connects on top of %d, expected %d", got, attempts, want)
		}
		tuple := c.Tuples[0]
		if tuple.Successes != ports || tuple.OKBefore == nil || *tuple.OKBefore != ports || *tuple.FirstExhaustionSeconds <= 0 {
			t.Errorf("%+v", tuple)
		}
		if c.FirstCloses != ports || !c.Progress.Exhausted {
			t.Errorf("%+v", c)
		}
	}
}

// An address that this host does not have is retried by the library, too, and is bind's failure all the same.
func TestBindThatFails(t *testing.T) { pairtest.EachEngine(t, bindThatFails) }

func bindThatFails(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	res := pairtest.RunClient(t, client.Plan{
		Engine: engine, Destinations: []netip.AddrPort{pairtest.Reserve(t, loopback)}, Connections: 4,
		Sources: []netip.Addr{netip.MustParseAddr("192.0.2.77")}, Socket: client.Socket{Bind: scenario.Bind{Mode: scenario.BindAddress}},
	})
	expectEnds(t, res.Outcomes, map[string]int64{"bind address-not-available EADDRNOTAVAIL": 4})
	want := map[string]int64{"split": 0, "net": 8}[engine]
	if got := hidden(t, engine, res); got != want || res.Progress.Exhausted {
		t.Errorf("%d attempts on top, expected %d; %+v", got, want, res.Progress)
	}
}

// A socket that binds to the port it connects to, where nobody listens, is connected to itself. The library lets that be
// where the program chose the port.
func TestNetNSSelfConnectFromAChosenPort(t *testing.T) {
	if nstest.Inside(t) {
		pairtest.EachEngine(t, selfConnectFromAChosenPort)
	}
}

func selfConnectFromAChosenPort(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	port := 7000 + len(engine)
	socket := client.Socket{ReuseAddress: true}
	socket.Bind = scenario.Bind{Mode: scenario.BindPorts, Ports: scenario.PortRange{Low: port, High: port}}
	res := pairtest.RunClient(t, client.Plan{
		Engine: engine, Destinations: []netip.AddrPort{netip.AddrPortFrom(loopback, uint16(port))}, Connections: 1, Socket: socket,
	})
	expectEnds(t, res.Outcomes, map[string]int64{"connect self-connect": 1})
	if got := hidden(t, engine, res); got != 0 || res.Tuples[0].Successes != 1 {
		t.Errorf("%d connects on top; %+v", got, res)
	}
}

// Where the kernel chose the port, the library closes what is connected to itself and dials again: its TIME_WAIT has the
// only port by then, so that the program sees EADDRNOTAVAIL, and two connects more were made.
func TestNetNSSelfConnectIsHidden(t *testing.T) {
	if nstest.Inside(t) {
		nstest.Sysctl(t, "ipv4/tcp_tw_reuse", "0")
		nstest.Sysctl(t, "ipv4/ip_local_port_range", "20000 60999")
		pairtest.EachEngine(t, selfConnectIsHidden)
	}
}

func selfConnectIsHidden(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	port := 30000 + len(engine)
	res := pairtest.RunClient(t, client.Plan{
		Engine: engine, Destinations: []netip.AddrPort{netip.AddrPortFrom(loopback, uint16(port))}, Connections: 1,
		Socket: span(port, port),
	})
	want, more := map[string]int64{"connect self-connect": 1}, int64(0)
	if engine == "net" {
		want, more = map[string]int64{"connect address-not-available EADDRNOTAVAIL": 1}, 2
	}
	expectEnds(t, res.Outcomes, want)
	if got := hidden(t, engine, res); got != more {
		t.Errorf("%d connects on top, expected %d", got, more)
	}
}

// Connections without an exchange go to their steps when they are there, and what stays open is closed by Release.
func TestSilent(t *testing.T) { pairtest.EachEngine(t, silent) }

func silent(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	listen := pairtest.Reserve(t, loopback)
	plan := silentServer(engine, listen)
	pairtest.Served(t, &plan)
	srv, err := server.Open(plan)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start(linux.Nano())
	t.Cleanup(func() {
		srv.Stop()
		pairtest.Done(t, "the server", srv.Done())
	})
	c := startClient(t, client.Plan{
		Engine: engine, Destinations: []netip.AddrPort{listen}, Silent: true, Connections: 5, Meter: 5,
		Steps: []teardown.Step{{Op: teardown.Gate}, {Op: teardown.Stay}},
	})
	gated(t, c, srv)
	pairtest.Done(t, "the client", c.Done())
	res := pairtest.Result(t, c)
	pairtest.OnlyOK(t, 5, res.Outcomes)
	// Dial and a connect() that waits tell the end of the handshake; split goes on at once, and never hears of it.
	timed := res.Latency.Connect != nil && res.Latency.Connect.Count == 5 && res.Tuples[0].Successes == 5
	if res.Written != 0 || timed != (engine != "split") {
		t.Errorf("%+v", res)
	}
	if n := srv.Progress(); n.Opened != 5 || n.OK != 0 {
		t.Errorf("what stays open is not: %+v", n)
	}
	c.Release()
	pairtest.Until(t, "the server has seen five ends", func() bool { return srv.Progress().OK == 5 })
}

func silentServer(engine string, listen netip.AddrPort) server.Plan {
	cl := client.Plan{Destinations: []netip.AddrPort{listen}}
	plan := server.Plan{Engine: engine, Parts: []server.Part{{
		Sources: []int{0}, Silent: true, Steps: []teardown.Step{{Op: teardown.ReadEOF}, {Op: teardown.Close}},
	}}}
	pairtest.ClientPlan(&cl)
	pairtest.ServerPlan(&plan, &cl)
	return plan
}

// gated opens the gate for three connections, then for all.
func gated(t *testing.T, c client.Engine, srv server.Engine) {
	t.Helper()
	pairtest.Until(t, "all are there", func() bool { return srv.Progress().Opened == 5 })
	if p := c.Progress(); p.OK != 0 {
		t.Errorf("some have passed the gate: %+v", p)
	}
	c.SetGate(3)
	pairtest.Until(t, "three have passed", func() bool { return c.Progress().OK == 3 })
	time.Sleep(5 * time.Millisecond)
	if p := c.Progress(); p.OK != 3 {
		t.Errorf("more have passed the gate: %+v", p)
	}
	c.SetGate(1000)
}

// A gate that is never opened ends with the connection's time.
func TestGateThatStaysShut(t *testing.T) { pairtest.EachEngine(t, gateThatStaysShut) }

func gateThatStaysShut(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	p := newPeer(t, func(c net.Conn) {
		readRequest(t, c)
		write(c, payload.Response(64))
		waitForEnd(c)
	})
	res := pairtest.RunClient(t, client.Plan{
		Engine: engine, Destinations: p.address, Connections: 2, Timeout: scenario.Duration(40 * time.Millisecond),
		Steps: []teardown.Step{{Op: teardown.Gate}, {Op: teardown.Close}},
	})
	expectEnds(t, res.Outcomes, map[string]int64{"close timed-out": 2})
}

// What the limit kept back is not late when it is raised.
func TestRaisedLimitShiftsTheSchedule(t *testing.T) { pairtest.EachEngine(t, raisedLimitShifts) }

func raisedLimitShifts(t *testing.T, engine string) {
	pairtest.Descriptors(t)
	pair := pairtest.New(t, pairtest.Options{Engine: engine, Client: client.Plan{Rate: 100, Connections: 10, Limit: 3}})
	pair.Start()
	standsAt(t, pair.Client, 3)
	time.Sleep(150 * time.Millisecond)
	pair.Client.SetLimit(10)
	c, _ := pair.Finish()
	pairtest.OnlyOK(t, 10, c.Outcomes)
	if c.Late >= 7 {
		t.Errorf("all %d that were kept back are late", c.Late)
	}
}

// What cannot be done is said before any load.
func TestGoroutinesCannotBePinned(t *testing.T) {
	pairtest.Descriptors(t)
	plan := client.Plan{Engine: "net", Destinations: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")}, CPUs: []int{0}}
	pairtest.ClientPlan(&plan)
	if _, err := client.Open(plan); err == nil {
		t.Error("a list of processors was accepted")
	}
	srv := server.Plan{Engine: "net", CPUs: []int{0}}
	pairtest.ServerPlan(&srv, &plan)
	if _, err := server.Open(srv); err == nil {
		t.Error("a list of processors was accepted by the server")
	}
}
