package scenario

import (
	"strings"
	"testing"
)

// What is said, until when is listened, and who closes first by it.
func TestCheckSaid(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Scenario)
		want   string
		first  Side
	}{
		"nothing said":             {func(*Scenario) {}, "", ClientSide},
		"HTTP/1.0":                 {func(s *Scenario) { s.Payload.Preset = HTTP10 }, "", ServerSide},
		"close":                    {func(s *Scenario) { s.Payload.Preset = HTTPClose }, "", ServerSide},
		"keep-alive":               {func(s *Scenario) { s.Payload.Preset, s.Client.Requests = HTTPKeepAlive, 5 }, "", ClientSide},
		"path and host":            {func(s *Scenario) { s.Payload.Path, s.Payload.Host = "/a%20b?c=d", "www.example.org:80" }, "", ClientSide},
		"until the FIN":            {func(s *Scenario) { s.Payload.Send, s.Payload.Until.EOF = "x", true }, "", ServerSide},
		"who is not asked":         {func(s *Scenario) { s.Payload.Until.EOF = true }, "", ServerSide},
		"until bytes":              {func(s *Scenario) { s.Payload.Send, s.Payload.Until.Bytes = "x", 9 }, "", ClientSide},
		"until a text, then a FIN": {func(s *Scenario) { s.Payload.Until.Match, s.Close.Side = "x", ServerSide }, "", ServerSide},
		"no end":                   {func(s *Scenario) { s.Payload.Send = "x" }, "payload.until", ClientSide},
		"raw alone":                {func(s *Scenario) { s.Payload.Protocol = Raw }, "payload.until", ClientSide},
		"unknown preset":           {func(s *Scenario) { s.Payload.Preset = "spdy" }, "payload.preset", ServerSide},
		"preset and bytes":         {func(s *Scenario) { s.Payload.Preset, s.Payload.Until.Bytes = HTTPKeepAlive, 9 }, "payload.preset", ClientSide},
		"http and bytes":           {func(s *Scenario) { s.Payload.Protocol, s.Payload.Until.Bytes = HTTP, 9 }, "payload.until", ClientSide},
		"http and send": {func(s *Scenario) {
			s.Payload.Protocol, s.Payload.Send, s.Payload.Until.Bytes = HTTP, "x", 9
		}, "payload.send payload.until", ClientSide},
		"path of no HTTP":        {func(s *Scenario) { s.Payload.Path, s.Payload.Until.Bytes = "/", 9 }, "payload.path", ClientSide},
		"a path of two words":    {func(s *Scenario) { s.Payload.Path = "/a b" }, "payload.path", ClientSide},
		"a path of two lines":    {func(s *Scenario) { s.Payload.Path = "/a\r\nX: y" }, "payload.path", ClientSide},
		"no path":                {func(s *Scenario) { s.Payload.Path = "a" }, "payload.path", ClientSide},
		"a host of two lines":    {func(s *Scenario) { s.Payload.Host = "a\nb" }, "payload.host", ClientSide},
		"the other closes":       {func(s *Scenario) { s.Payload.Preset, s.Close.Side = HTTPClose, ClientSide }, "close.side", ClientSide},
		"the other keeps":        {func(s *Scenario) { s.Payload.Preset, s.Close.Side = HTTPKeepAlive, ServerSide }, "close.side", ServerSide},
		"eof and who is first":   {func(s *Scenario) { s.Payload.Until.EOF, s.Close.Side = true, ClientSide }, "close.side", ClientSide},
		"twice after a close":    {func(s *Scenario) { s.Payload.Preset, s.Client.Requests = HTTP10, 2 }, "client.requests", ServerSide},
		"twice after a FIN":      {func(s *Scenario) { s.Payload.Until.EOF, s.Client.Requests = true, 2 }, "client.requests", ServerSide},
		"twice, closed first":    {func(s *Scenario) { s.Close.Side, s.Client.Requests = ServerSide, 2 }, "client.requests", ServerSide},
		"too much":               {func(s *Scenario) { s.Payload.Until.Bytes = largestPayload + 1 }, "payload.until", ClientSide},
		"too long a text":        {func(s *Scenario) { s.Payload.Until.Match = Text(strings.Repeat("x", longestMatch+1)) }, "payload.until", ClientSide},
		"too long a request":     {func(s *Scenario) { s.Payload.Send, s.Payload.Until.Bytes = Text(strings.Repeat("x", largestSend+1)), 1 }, "payload.send", ClientSide},
		"sockets that stand":     {func(s *Scenario) { s.Payload.Until.Bytes, s.Stand.Established, s.Load.Hold = 1, 1, second }, "payload.protocol", ClientSide},
		"a preset for a stand":   {func(s *Scenario) { s.Payload.Preset, s.Stand.Established, s.Load.Hold = HTTPClose, 1, second }, "payload.preset", ServerSide},
		"a client of their own":  {func(s *Scenario) { s.Payload.Preset, s.Client.Command = HTTPClose, "ab" }, "payload.preset", ServerSide},
		"to our server":          {func(s *Scenario) { s.Server.Command, s.Payload.Until.Bytes = "", 1 }, "payload.until", ClientSide},
		"a preset to our server": {func(s *Scenario) { s.Server.Command, s.Payload.Preset = "", HTTPClose }, "payload.preset payload.protocol", ServerSide},
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
		if text := strings.Join(got, " "); text != c.want || s.Close.Side != c.first {
			t.Errorf("%s: %q, not %q; %s closes first, not %s", name, text, c.want, s.Close.Side, c.first)
		}
	}
}

// A server that runs already is looked at from outside alone.
func TestCheckRunning(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Scenario)
		want   string
	}{
		"sound":                {func(*Scenario) {}, ""},
		"until a text":         {func(s *Scenario) { s.Payload.Until.Match = "x" }, ""},
		"in a lab":             {func(s *Scenario) { s.Topology = Veth }, "topology"},
		"and started":          {func(s *Scenario) { s.Server.Command = "nginx" }, "server.command"},
		"both ends":            {func(s *Scenario) { s.Engine = "paired" }, "engine"},
		"a relay":              {func(s *Scenario) { s.Relay = &Relay{} }, "relay"},
		"canaries":             {func(s *Scenario) { s.Canaries.Every = second }, "canaries.every"},
		"struck":               {func(s *Scenario) { s.Struck = ServerSide }, "struck"},
		"half-open":            {func(s *Scenario) { s.Load.HalfOpen = 1 }, "load.half_open"},
		"a goal there":         {func(s *Scenario) { s.Close.Side, s.Load.Stop.TimeWait = ServerSide, &TimeWaitGoal{Count: 5} }, "load.stop.time_wait.side"},
		"plain":                {func(s *Scenario) { s.Payload.Protocol = Plain }, "payload.protocol"},
		"half":                 {func(s *Scenario) { s.Close.How = "half" }, "close.how"},
		"off":                  {func(s *Scenario) { s.Server.Running, s.Payload.Preset = Off, HTTPClose }, "payload.preset payload.protocol"},
		"somebody else's both": {func(s *Scenario) { s.Client.Command = "ab" }, "client.command"},
	} {
		s := Scenario{Name: "x", Topology: Host, Server: Server{Running: On}}
		c.change(&s)
		s = s.Resolve()
		ch := checker{s: s}
		ch.foreign()
		var got []string
		for _, p := range ch.problems {
			got = append(got, p.Path)
		}
		if text := strings.Join(got, " "); !strings.HasPrefix(text, c.want) || c.want == "" && text != "" {
			t.Errorf("%s: %q, not %q", name, text, c.want)
		}
	}
}
