//go:build linux

package peer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"twomsl/client"
	"twomsl/internal/lab"
	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/internal/teardown"
	"twomsl/relay"
	"twomsl/server"
)

// The test binary plays the program.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", "atexit_sleep_ms=0") // else every process of a lab takes a second to end under -race
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-test.") {
		goleak.VerifyTestMain(m)
	}
	switch os.Args[1] {
	case "lab-init":
		os.Exit(lab.Init())
	case "peer":
		conn, err := Inherited(lab.ControlFD)
		if err != nil || Serve(conn) != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(2) // never the tests again: a lab that starts itself would have no end
}

const port = 8080

// pair is a lab whose sides have been given their networks.
type pair struct {
	client, server *Remote
	sources        []netip.Addr
	destination    netip.AddrPort
}

func newPair(t *testing.T) *pair {
	t.Helper()
	nstest.Require(t)
	l, err := lab.Start(scenario.Veth, lab.Program{
		Path: "/proc/self/exe", Init: []string{"lab-init"}, Peer: []string{"peer"},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{client: NewRemote("client", l.Client.Control), server: NewRemote("server", l.Server.Control)}
	t.Cleanup(l.Close)
	clients, servers := lab.Addresses(scenario.Veth, scenario.IPv4, 2, 1)
	srv := servers[0]
	for _, c := range clients {
		p.sources = append(p.sources, c.Addr())
	}
	p.destination = netip.AddrPortFrom(srv.Addr(), port)
	for _, side := range []struct {
		r  *Remote
		as []netip.Prefix
	}{{p.client, clients}, {p.server, []netip.Prefix{srv}}} {
		if err := side.r.Network(t.Context(), Network{Addresses: side.as}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func strategy(t testing.TB) teardown.Strategy {
	t.Helper()
	st, err := teardown.For(scenario.Close{Side: scenario.ClientSide})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

const second = scenario.Duration(time.Second)

func (p *pair) clientPlan(t testing.TB) Prepare {
	t.Helper()
	w := Watch{OwnNamespace: true, RemotePort: port}
	for _, s := range p.sources {
		w.Tuples = append(w.Tuples, Tuple{Source: s, Destination: p.destination})
	}
	return Prepare{Watch: w, Client: &client.Plan{
		Sources: p.sources, Destinations: []netip.AddrPort{p.destination}, Rate: scenario.Max, Concurrency: 8, Workers: 2,
		Until: 20 * second, Timeout: 5 * second, Connections: 100, Request: 64, Response: 64, Steps: strategy(t).Client,
	}}
}

func (p *pair) serverPlan(t testing.TB) Prepare {
	t.Helper()
	return Prepare{Watch: Watch{OwnNamespace: true, LocalPort: port}, Server: &server.Plan{
		Listen: []netip.AddrPort{p.destination}, Backlog: 128, Workers: 1, Sources: p.sources, Timeout: 5 * second,
		Length: 30 * second, Request: 64, Response: 64, Steps: strategy(t).Server,
		LifeLeast: 60 * second, LifeMost: 62 * second,
	}}
}

// asks is what a Remote can be asked for, by name.
func asks(p *pair, r *Remote, plan Prepare) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"prepare":  func(ctx context.Context) error { _, err := r.Prepare(ctx, plan); return err },
		"start":    func(ctx context.Context) error { return r.Start(ctx, Start{Epoch: linux.Nano()}) },
		"progress": func(ctx context.Context) error { _, err := r.Progress(ctx, 0); return err },
		"limit":    func(ctx context.Context) error { return r.Limit(ctx, 5) },
		"gate":     func(ctx context.Context) error { return r.Gate(ctx, 0, 5) },
		"stop":     func(ctx context.Context) error { return r.Stop(ctx, "after") },
		"standing": func(ctx context.Context) error { _, err := r.Standing(ctx, Count{}); return err },
		"split":    r.Split,
		"vanish":   func(ctx context.Context) error { return r.Vanish(ctx, Vanish{}) },
		"finish":   func(ctx context.Context) error { _, err := r.Finish(ctx, Finish{}); return err },
	}
}

// refuses wants requests to be refused with the text, and the peer to go on answering.
func refuses(t *testing.T, r *Remote, do map[string]func(context.Context) error, text string, names ...string) {
	t.Helper()
	for _, n := range names {
		if err := do[n](t.Context()); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q", n, err, text)
		}
	}
	if _, err := r.Hello(t.Context()); err != nil {
		t.Fatalf("the peer no longer answers: %v", err)
	}
}

// A whole run by hand, with every request that comes at the wrong time in between: each is refused, none breaks it.
func TestNetNSProtocol(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	cdo, sdo := asks(p, p.client, p.clientPlan(t)), asks(p, p.server, p.serverPlan(t))
	late := []string{"start", "progress", "stop", "standing", "split", "finish", "limit", "gate", "vanish"}
	refuses(t, p.client, cdo, "nothing is prepared", late...)
	for _, do := range []map[string]func(context.Context) error{sdo, cdo} {
		if err := do["prepare"](t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	refuses(t, p.client, cdo, "prepared already", "prepare")
	refuses(t, p.client, cdo, "not been started", late[1:]...)
	for _, epoch := range []int64{0, -1} {
		if err := p.client.Start(t.Context(), Start{Epoch: epoch}); err == nil {
			t.Errorf("started with epoch %d", epoch)
		}
	}
	for _, do := range []map[string]func(context.Context) error{sdo, cdo} {
		if err := do["start"](t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	refuses(t, p.client, cdo, "started already", "start")
	refuses(t, p.server, sdo, "only a client", "limit")
	for _, after := range []int{-1, 1 << 30} {
		if _, err := p.client.Progress(t.Context(), after); err == nil {
			t.Errorf("progress after sample %d", after)
		}
	}
	p.runToEnd(t)
	refuses(t, p.client, cdo, "sampler has ended", "finish", "standing", "split")
	refuses(t, p.server, sdo, "sampler has ended", "finish")
}

// runToEnd waits for the client's hundred connections and holds both results against each other.
func (p *pair) runToEnd(t *testing.T) {
	t.Helper()
	for done := false; !done; {
		prog, err := p.client.Progress(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		done = prog.Done
	}
	st, err := p.client.Standing(t.Context(), Count{})
	if err != nil || st.TimeWait+st.Moving != 100 {
		t.Errorf("standing: %+v, %v", st, err)
	}
	if err := p.client.Split(t.Context()); err != nil {
		t.Error(err)
	}
	life := Finish{LifeLeast: 60 * second, LifeMost: 62 * second}
	c, err := p.client.Finish(t.Context(), life)
	if err != nil || c.Client == nil || c.Client.Progress.OK != 100 || c.End[record.TimeWait] != 100 {
		t.Errorf("client: %+v, %v", c, err)
	}
	s, err := p.server.Finish(t.Context(), life)
	if err != nil || s.Server == nil || s.Server.Progress.OK != 100 || s.End[record.TimeWait] != 0 {
		t.Errorf("server: %+v, %v", s, err)
	}
	if c.PeakPorts[0].InUse+c.PeakPorts[1].InUse != 100 || c.Counters["TcpExt.TW"] != 100 {
		t.Errorf("ports %+v, %d entered TIME_WAIT", c.PeakPorts, c.Counters["TcpExt.TW"])
	}
}

// Processors that do not exist end the load with an error that names the side.
func TestNetNSImpossibleCPUs(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	plan := p.clientPlan(t)
	plan.Client.CPUs = []int{mostCPU}
	if _, err := p.client.Prepare(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if err := p.client.Start(t.Context(), Start{Epoch: linux.Nano()}); err != nil {
		t.Fatal(err)
	}
	for {
		prog, err := p.client.Progress(t.Context(), 0)
		if err != nil {
			if !strings.Contains(err.Error(), "client: client worker") || !strings.Contains(err.Error(), "1023") {
				t.Error(err)
			}
			return
		}
		if prog.Done {
			t.Fatal("done on a processor that is not there")
		}
	}
}

// A plan that failed is not tried again on the same process: it may have left half of its work.
func TestNetNSPrepareOnceOnly(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	plan := p.serverPlan(t)
	plan.Server.Listen = []netip.AddrPort{netip.MustParseAddrPort("203.0.113.1:80")} // not an address of this side
	if _, err := p.server.Prepare(t.Context(), plan); err == nil || !strings.Contains(err.Error(), "EADDRNOTAVAIL") {
		t.Errorf("listening on a foreign address: %v", err)
	}
	do := asks(p, p.server, p.serverPlan(t))
	refuses(t, p.server, do, "prepared already", "prepare")
	refuses(t, p.server, do, "nothing is prepared", "start", "progress", "stop", "standing", "split", "finish")
}

// An option that the kernel refuses comes to the conductor as something that this machine cannot do, with the option's
// name, before any load; another mistake does not.
func TestNetNSUnsupportedOptionTravels(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	written, err := p.client.Sysctls(t.Context(), Settings{Settings: []sysctl.Setting{
		{Key: "net.ipv4.tcp_fastopen", Value: "0"}, // connect() may not send data with its SYN
	}})
	if err != nil || len(written.Refused) > 0 {
		t.Fatal(written, err)
	}
	plan := p.clientPlan(t)
	plan.Client.Socket.FastOpen = true
	_, err = p.client.Prepare(t.Context(), plan)
	var cannot *CannotError
	if !errors.As(err, &cannot) {
		t.Fatalf("%T %v is no CannotError", err, err)
	}
	for _, part := range []string{"TCP_FASTOPEN_CONNECT", "Linux 4.11", "leave the option out"} {
		if !strings.Contains(cannot.Text, part) {
			t.Errorf("%q says nothing of %q", cannot.Text, part)
		}
	}
	if _, err := p.client.Hello(t.Context()); err != nil {
		t.Errorf("the peer no longer answers: %v", err)
	}
	bad := p.serverPlan(t)
	bad.Server.Listen = []netip.AddrPort{netip.MustParseAddrPort("203.0.113.1:80")}
	if _, err := p.server.Prepare(t.Context(), bad); err == nil || errors.As(err, &cannot) {
		t.Errorf("a wrong address is taken for what this machine cannot do: %v", err)
	}
}

// What is this machine's and not the program's, by the error's kind and however deep it is wrapped.
func TestCannot(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("client: %w", &linux.UnsupportedError{Option: "X", Since: "9.9", Err: linux.EAGAIN}): true,
		fmt.Errorf("link: %w", &lab.UnavailableError{What: "X"}):                                        true,
		errors.New("X"): false,
		linux.EAGAIN:    false,
	} {
		if cannot(err) != want {
			t.Errorf("%v: %v", err, !want)
		}
	}
}

// loopbackPair is good for plans alone.
func loopbackPair() *pair {
	return &pair{
		sources:     []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		destination: netip.MustParseAddrPort("127.0.0.1:80"),
	}
}

// What a peer is asked for is held to bounds: a mistake must not take its memory, nor end it.
func TestPrepareBounds(t *testing.T) {
	p := loopbackPair()
	for name, change := range map[string]func(c *client.Plan, s *server.Plan){
		"workers":    func(c *client.Plan, s *server.Plan) { c.Workers, s.Workers = 1<<30, 1<<30 },
		"sources: 0": func(c *client.Plan, s *server.Plan) { c.Sources, s.Sources = nil, nil },
		"missing": func(c *client.Plan, s *server.Plan) {
			c.Sources, s.Sources = make([]netip.Addr, 1), make([]netip.Addr, 1)
		},
		"or a port": func(c *client.Plan, s *server.Plan) {
			c.Destinations, s.Listen = make([]netip.AddrPort, 1), make([]netip.AddrPort, 1)
		},
		"payload": func(c *client.Plan, s *server.Plan) { c.Request, s.Response = -1, 1<<60 },
		"timeout": func(c *client.Plan, s *server.Plan) { c.Timeout, s.Timeout = 0, -1 },
		"24h":     func(c *client.Plan, s *server.Plan) { c.Until, s.Length = 1<<62, 1<<62 },
		"steps":   func(c *client.Plan, s *server.Plan) { c.Steps, s.Steps = nil, make([]teardown.Step, 100) },
		"is none": func(c *client.Plan, s *server.Plan) { c.Steps[0].Op, s.Steps[0].Op = 99, 0 },
		"cpus":    func(c *client.Plan, s *server.Plan) { c.CPUs, s.CPUs = []int{-1}, []int{1 << 40} },
	} {
		c, s := p.clientPlan(t), p.serverPlan(t)
		change(c.Client, s.Server)
		for _, plan := range []Prepare{c, s} {
			if err := plan.check(); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for name, change := range map[string]func(c *client.Plan){
		"say":    func(c *client.Plan) { c.Say = make([]byte, mostPayload+1) },
		"match":  func(c *client.Plan) { c.Say, c.Match = []byte{}, make([]byte, client.MostMatched+1) },
		"begins": func(c *client.Plan) { c.Say, c.Begins = []byte{}, make([]byte, client.MostMatched+1) },
	} {
		c := p.clientPlan(t)
		if change(c.Client); c.check() == nil || !strings.Contains(c.check().Error(), name) {
			t.Errorf("%s: %v", name, c.check())
		}
	}
	for name, change := range map[string]func(r *relay.Plan){
		"listen":                func(r *relay.Plan) { r.Listen = netip.AddrPort{} },
		"sources: 0":            func(r *relay.Plan) { r.Sources = nil },
		"destinations":          func(r *relay.Plan) { r.Destinations = make([]netip.AddrPort, 1) },
		"pool":                  func(r *relay.Plan) { r.Pool = 1 << 40 },
		"rounds":                func(r *relay.Plan) { r.Rounds = -1 },
		"timeout":               func(r *relay.Plan) { r.Timeout = 0 },
		"payload":               func(r *relay.Plan) { r.Response = 1 << 60 },
		"steps: 0":              func(r *relay.Plan) { r.ServerSteps = nil },
		"steps: {Op:0 Seconds:": func(r *relay.Plan) { r.ClientSteps = make([]teardown.Step, 1) },
		"":                      func(*relay.Plan) {},
	} {
		s := p.serverPlan(t).Server
		plan := relay.Plan{
			Listen: s.Listen[0], Sources: s.Sources, Destinations: s.Listen, Timeout: s.Timeout, Request: 1, Response: 1,
			ClientSteps: s.Steps, ServerSteps: s.Steps,
		}
		change(&plan)
		if err := (&Prepare{Relay: &plan}).check(); (err == nil) != (name == "") || err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("relay, %q: %v", name, err)
		}
	}
	for _, plan := range []Prepare{
		{}, {Client: &client.Plan{}, Server: &server.Plan{}}, {Client: &client.Plan{}, Relay: &relay.Plan{}},
	} {
		if err := plan.check(); err == nil || !strings.Contains(err.Error(), "either") {
			t.Errorf("%+v: %v", plan, err)
		}
	}
	for _, plan := range []Prepare{p.clientPlan(t), p.serverPlan(t)} {
		if err := plan.check(); err != nil {
			t.Error(err)
		}
	}
}

// serve runs an agent in this process on one end of a connection and gives the other.
func serve(t *testing.T) (conn net.Conn, ended chan error) {
	t.Helper()
	mine, theirs := net.Pipe()
	ended = make(chan error, 1)
	go func() { ended <- Serve(theirs) }()
	t.Cleanup(func() { mine.Close() })
	return mine, ended
}

// A dropped connection ends the agent without an error: also in the middle of a request.
func TestDroppedConnectionEndsTheAgent(t *testing.T) {
	const half = "POST /v1/hello HTTP/1.1\r\nHost: peer\r\nContent-Length: 100\r\n\r\n{"
	for _, said := range []string{"", "POST /v1/hel", half} {
		conn, ended := serve(t)
		if _, err := io.WriteString(conn, said); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if err := <-ended; err != nil {
			t.Errorf("after %q: %v", said, err)
		}
	}
}

// Garbage is answered in HTTP where it can be, and ends the agent: there is no way back into step.
func TestGarbageEndsTheAgent(t *testing.T) {
	conn, ended := serve(t)
	go io.WriteString(conn, "\x00\x01garbage\r\n\r\n") //nolint:errcheck // the answer tells
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
		t.Errorf("%q, %v", answer, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// What cannot be read, is too big or is not known is refused, and the same connection goes on.
func TestBadRequestsAreRefused(t *testing.T) {
	conn, _ := serve(t)
	back := bufio.NewReader(conn)
	for _, c := range []struct {
		method, route, body string
		status              int
		text                string
	}{
		{"POST", "hello", "", 400, "EOF"},
		{"POST", "hello", "{", 400, "unexpected EOF"},
		{"POST", "hello", "{}{}", 400, "something follows"},
		{"POST", "hello", "[]", 400, "cannot unmarshal array"},
		{"POST", "hello", `{"who":1}`, 400, "unknown field"},
		{"POST", "start", `{"epoch":"x"}`, 400, "cannot unmarshal string"},
		{"POST", "prepare", `{"client":{"rate":"fast"}}`, 400, "fast"},
		{"POST", "prepare", `{}`, 500, "either a client's plan"},
		{"POST", "aging", `{}`, 500, "nothing is prepared"},
		{"POST", "renew", `{"ends":[{"local":"x","remote":"y"}]}`, 400, "renew"},
		{"POST", "renew", `{}`, 500, "nothing is prepared"},
		{"POST", "nothing", "{}", 404, ""},
		{"GET", "hello", "", 405, ""},
		{"POST", "hello", "{}", 200, fmt.Sprintf(`"version":%d`, Version)},
	} {
		req, err := http.NewRequest(c.method, "http://peer/v1/"+c.route, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		go req.Write(conn) //nolint:errcheck // the answer tells
		resp, err := http.ReadResponse(back, req)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != c.status || !strings.Contains(string(text), c.text) {
			t.Errorf("%s %s %q: %d %s %v; want %d %s", c.method, c.route, c.body, resp.StatusCode, text, err, c.status, c.text)
		}
	}
}

func TestRequestsAreBounded(t *testing.T) {
	long := io.LimitReader(letters{}, mostRequest)
	body := io.MultiReader(strings.NewReader(`{"reason":"`), long, strings.NewReader(`"}`))
	w := httptest.NewRecorder()
	(&agent{}).routes().ServeHTTP(w, httptest.NewRequest("POST", "/v1/stop", body))
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "too large") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// letters never end.
type letters struct{}

func (letters) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("a"), len(p))), nil }

// answering plays a peer that gives one answer to everything.
func answering(t *testing.T, status int, body string) *Remote {
	t.Helper()
	mine, theirs := net.Pipe()
	t.Cleanup(func() { mine.Close(); theirs.Close() })
	go func() {
		in := bufio.NewReader(theirs)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			io.Copy(io.Discard, req.Body) //nolint:errcheck // only to get past it
			fmt.Fprintf(theirs, "HTTP/1.1 %d Word\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
		}
	}()
	return NewRemote("client", mine)
}

func TestRemoteJudgesAnswers(t *testing.T) {
	for _, c := range []struct {
		status     int
		body, want string
	}{
		{200, `{"version":99}`, fmt.Sprint("version 99 of the control protocol, this program ", Version)},
		{200, `{"version":`, "answer to hello: unexpected end"},
		{200, `not JSON`, "answer to hello: invalid character"},
		{500, `{"error":"no room"}`, "client: no room"},
		{503, `<html>`, "client: 503 Word"},
	} {
		r := answering(t, c.status, c.body)
		if _, err := r.Hello(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
	}
}

// A peer that answers before it has read the whole request keeps its connection: on a busy machine that is how it looks,
// and there is no other connection.
func TestRemoteKeepsItsConnection(t *testing.T) {
	mine, theirs := net.Pipe()
	t.Cleanup(func() { mine.Close(); theirs.Close() })
	go func() {
		in := bufio.NewReaderSize(theirs, 16)
		for {
			if _, err := in.ReadByte(); err != nil {
				return
			}
			answered := make(chan struct{})
			go func() {
				fmt.Fprint(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
				close(answered)
			}()
			time.Sleep(200 * time.Millisecond)
			if err := in.UnreadByte(); err != nil {
				return
			}
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			io.Copy(io.Discard, req.Body) //nolint:errcheck // only to get past it
			<-answered
		}
	}()
	r := NewRemote("client", mine)
	for range 3 {
		if err := r.Split(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// A peer that is gone is said to be, in each later request too; a request that is given up returns.
func TestRemoteLosesItsPeer(t *testing.T) {
	mine, theirs := net.Pipe()
	theirs.Close()
	r := NewRemote("server", mine)
	for range 2 {
		err := r.Split(t.Context())
		if !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "server does not answer (split)") {
			t.Error(err)
		}
	}
	mine, theirs = net.Pipe()
	defer theirs.Close()
	ctx, cancel := context.WithCancel(t.Context())
	r = NewRemote("server", mine)
	go func() {
		theirs.Read(make([]byte, 1)) //nolint:errcheck // the request has begun
		cancel()
	}()
	if err := r.Split(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ErrLost) {
		t.Error(err)
	}
}

// FuzzAgent gives every request to an agent with nothing prepared: it answers, and never panics. The agent lives in a
// namespace of its own, since a plan may make it listen, and its settings are a directory's.
func FuzzAgent(f *testing.F) {
	routes := []string{
		"hello", "network", "holds", "sysctls", "prepare", "start", "progress", "limit", "gate", "stop", "standing", "split",
		"finish", "canaries", "canaries-call", "canaries-hush", "probe", "probe-call", "probe-hush",
	}
	p := loopbackPair()
	for i := range routes {
		for _, body := range []string{"", "{}", "null", "[]", `{"epoch":1}`, `{"n":5}`, `{"after":-1}`} {
			f.Add(uint8(i), []byte(body))
		}
	}
	f.Add(uint8(1), []byte(`{"addresses":["198.18.0.1/15","2001:2::1/48",""]}`))
	f.Add(uint8(2), mustJSON(f, Settings{Settings: []sysctl.Setting{{Key: "net.ipv4.tcp_tw_reuse", Value: "1"}}}))
	f.Add(uint8(3), []byte(`{"client":{"workers":1,"sources":[""],"destinations":[""]}}`))
	f.Add(uint8(3), mustJSON(f, p.clientPlan(f)))
	f.Add(uint8(3), mustJSON(f, p.serverPlan(f)))
	for route, body := range canaryRequests() {
		f.Add(uint8(slices.Index(routes, route)), mustJSON(f, body))
	}
	root := f.TempDir()
	handle := inNamespace(f)
	f.Fuzz(func(t *testing.T, route uint8, body []byte) {
		name := routes[int(route)%len(routes)]
		a := &agent{settings: root}
		w := httptest.NewRecorder()
		handle(a.routes(), w, httptest.NewRequest("POST", "/v1/"+name, bytes.NewReader(body)))
		if w.Code != 200 && w.Code != 400 && w.Code != 500 || w.Body.Len() == 0 {
			t.Errorf("%s %q: %d %s", name, body, w.Code, w.Body)
		}
		a.release()
	})
}

func mustJSON(f *testing.F, v any) []byte {
	f.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		f.Fatal(err)
	}
	return b
}

// inNamespace gives a way to have a request handled on a thread in a network namespace of its own.
func inNamespace(f *testing.F) func(http.Handler, http.ResponseWriter, *http.Request) {
	f.Helper()
	ns := nstest.Require(f)
	work, done := make(chan func()), make(chan struct{})
	entered := make(chan struct{})
	go func() {
		defer close(done)
		ns.Enter(f)
		close(entered)
		for w := range work {
			w()
		}
	}()
	<-entered // f is not to be used once the fuzzing has begun
	f.Cleanup(func() { close(work); <-done })
	return func(h http.Handler, w http.ResponseWriter, r *http.Request) {
		handled := make(chan any)
		work <- func() {
			defer func() { handled <- recover() }()
			h.ServeHTTP(w, r)
		}
		if p := <-handled; p != nil {
			panic(p)
		}
	}
}

// release gives back what was prepared and never started; a peer's process simply ends.
func (a *agent) release() {
	a.end()
	a.canary.end()
	switch {
	case a.client != nil:
		a.client.Start(linux.Nano())
		<-a.client.Done()
	case a.server != nil:
		a.server.Start(linux.Nano())
		<-a.server.Done()
	}
	if a.sampler != nil {
		a.sampler.states.Close()   //nolint:errcheck // only read from
		a.sampler.sockstat.Close() //nolint:errcheck // only read from
	}
}
