package scenario

import (
	"strings"
	"testing"
)

func TestCheckForeign(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Scenario)
		want   string
	}{
		"sound":                                {func(*Scenario) {}, ""},
		"plain to a server of somebody else's": {func(s *Scenario) { s.Payload.Protocol = Plain }, "payload.protocol"},
		"http to ours":                         {func(s *Scenario) { s.Server.Command, s.Payload.Protocol = "", HTTP }, "payload.protocol"},
		"unknown protocol":                     {func(s *Scenario) { s.Payload.Protocol = "gopher" }, "payload.protocol"},
		"a root":                               {func(s *Scenario) { s.Server.Root = "image" }, ""},
		"a root for ours":                      {func(s *Scenario) { s.Server.Command, s.Server.Root = "", "image" }, "server.root"},
		"this host's root":                     {func(s *Scenario) { s.Server.Root = "//" }, "server.root"},
		"a root of two lines":                  {func(s *Scenario) { s.Server.Root = "a\nb" }, "server.root"},
		"two lines":                            {func(s *Scenario) { s.Server.Command = "a\nb" }, "server.command"},
		"no host of its own":                   {func(s *Scenario) { s.Topology = Loopback }, "topology"},
		"several ports":                        {func(s *Scenario) { s.Server.Ports = 2 }, "server.command"},
		"never closes":                         {func(s *Scenario) { s.Stand.CloseWait, s.Load.Hold = 1, second }, "stand.close_wait"},
		"both close":                           {func(s *Scenario) { s.Close.Side = BothSides }, "close.side"},
		"resets":                               {func(s *Scenario) { s.Close = Close{Side: ServerSide, How: "linger=0"} }, "close.how"},
		"half":                                 {func(s *Scenario) { s.Close = Close{Side: ClientSide, How: "half"} }, "close.how"},
		"client resets":                        {func(s *Scenario) { s.Close = Close{Side: ClientSide, How: "linger=0"} }, ""},
		"fast open":                            {func(s *Scenario) { s.Client.FastOpen = On }, "client.fast_open"},
	} {
		s := Scenario{Name: "x", Server: Server{Command: "nginx"}}
		c.change(&s)
		s = s.Resolve()
		ch := checker{s: s}
		ch.foreign()
		var got []string
		for _, p := range ch.problems {
			got = append(got, p.Path)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %q, not %q", name, text, c.want)
		}
	}
}
