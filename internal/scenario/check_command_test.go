package scenario

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// What cannot be asked of a client of somebody else's is told with what to do instead, under the field that says it.
func TestCheckCommand(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Scenario)
		want   string
	}{
		"sound":                   {func(*Scenario) {}, ""},
		"the server closes":       {func(s *Scenario) { s.Close.Side = ServerSide }, ""},
		"both are foreign":        {func(s *Scenario) { s.Server.Command = "nginx" }, ""},
		"several addresses":       {func(s *Scenario) { s.Client.Addresses, s.Server.Ports = 3, 2 }, ""},
		"a time of its own":       {func(s *Scenario) { s.Load.Stop.After, s.Load.Hold = Duration(time.Minute), second }, ""},
		"two lines":               {func(s *Scenario) { s.Client.Command = "a\nb" }, "client.command"},
		"so many requests":        {func(s *Scenario) { s.Client.CommandRequests = 400 }, ""},
		"fewer than none":         {func(s *Scenario) { s.Client.CommandRequests = -1 }, "client.command_requests"},
		"requests of no command":  {func(s *Scenario) { s.Client.Command, s.Client.CommandRequests = "", 400 }, "client.command_requests"},
		"plain":                   {func(s *Scenario) { s.Payload.Protocol = Plain }, "payload.protocol"},
		"no host of its own":      {func(s *Scenario) { s.Topology = Loopback }, "topology"},
		"an engine":               {func(s *Scenario) { s.Engine = "net" }, "engine"},
		"a way to wait":           {func(s *Scenario) { s.IO = "epoll" }, "io"},
		"a relay":                 {func(s *Scenario) { s.Relay = &Relay{} }, "relay"},
		"a stand":                 {func(s *Scenario) { s.Stand.TimeWait, s.Load.Hold = 1, second }, "stand"},
		"canaries":                {func(s *Scenario) { s.Canaries.Every = second }, "canaries.every"},
		"times of calls":          {func(s *Scenario) { s.Measure.CallCosts = On }, "measure.call_costs"},
		"a rate":                  {func(s *Scenario) { s.Load.Rate = 200 }, "load.rate"},
		"so many at once":         {func(s *Scenario) { s.Load.Concurrency = 10 }, "load.concurrency"},
		"so many":                 {func(s *Scenario) { s.Load.Stop.Connections = 100 }, "load.stop.connections"},
		"so many failures":        {func(s *Scenario) { s.Load.Stop.Failures = 100 }, "load.stop.failures"},
		"a goal":                  {func(s *Scenario) { s.Load.Stop.TimeWait = goalOf(ClientSide, 100) }, "load.stop.time_wait"},
		"half-open":               {func(s *Scenario) { s.Load.HalfOpen = 10 }, "load.half_open"},
		"a request":               {func(s *Scenario) { s.Payload.Request = 100 }, "payload.request"},
		"a range of the socket's": {func(s *Scenario) { s.Client.LocalPortRange = PortRange{40000, 40999} }, "client.local_port_range"},
		"a bound port":            {func(s *Scenario) { s.Client.Bind.Mode = BindAddress }, "client.bind"},
		"bind() chooses":          {func(s *Scenario) { s.Client.BindAddressNoPort = Off }, "client.bind_address_no_port"},
		"reuse":                   {func(s *Scenario) { s.Client.ReuseAddress = On }, "client.reuse_address"},
		"requests":                {func(s *Scenario) { s.Client.Requests = 2 }, "client.requests"},
		"workers":                 {func(s *Scenario) { s.Client.Workers = 2 }, "client.workers"},
		"descriptors":             {func(s *Scenario) { s.Client.Descriptors = 100 }, "client.descriptors"},
		"its patience":            {func(s *Scenario) { s.Client.Timeout = second }, "client.timeout"},
		"both close":              {func(s *Scenario) { s.Close.Side = BothSides }, "close.side"},
		"resets":                  {func(s *Scenario) { s.Close.How = "linger=0" }, "close.how"},
		"threads of the server":   {func(s *Scenario) { s.Server.Workers = 2 }, "server.workers"},
	} {
		s := Scenario{Name: "x", Client: Client{Command: "curl $TWOMSL_URL"}}
		c.change(&s)
		ch := checker{s: s.Resolve()}
		ch.foreign()
		ch.command()
		err := ch.problems.err()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want+": ")) {
			t.Errorf("%s: %v, not of %q", name, err, c.want)
		}
	}
}

// A client of somebody else's is called over HTTP, and is what is tried.
func TestResolveCommand(t *testing.T) {
	s := Scenario{Name: "x", Client: Client{Command: "curl $TWOMSL_URL"}}.Resolve()
	if s.Payload.Protocol != HTTP || s.Struck != ClientSide {
		t.Errorf("%s, %s", s.Payload.Protocol, s.Struck)
	}
	text, err := s.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back struct{ Client struct{ Command string } }
	if err := json.Unmarshal(text, &back); err != nil || back.Client.Command != s.Client.Command {
		t.Errorf("%s: %v", text, err)
	}
}
