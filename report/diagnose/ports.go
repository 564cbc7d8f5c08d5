package diagnose

import (
	"fmt"

	"twomsl/internal/record"
)

// portsUnseen is what the rules of the ports lack where the sockets were not listed.
const portsUnseen = "ports in use: by tuple, source address and parity they take a listing of the sockets (ss -tan)"

// mostNamed is how many tuples a cause names; the others are counted.
const mostNamed = 3

// portTupleExhausted: connect() finds no port for a (source, destination, port). The program's EADDRNOTAVAIL is certain; a
// full tuple without it is as likely as can be told from outside, since no counter counts it.
func portTupleExhausted(s *sight) (f finding) {
	refused, seen := s.errors([]string{"connect"}, "EADDRNOTAVAIL")
	var full []*tuple
	covered := ""
	for i := range s.tuples {
		switch t := &s.tuples[i]; {
		case t.full() && t.covered():
			covered = fmt.Sprintf("%s is full, but %s of its ports are TIME_WAIT that connect() takes over (tcp_tw_reuse = %s)",
				t.name(), count(t.timeWait), s.setting("net.ipv4.tcp_tw_reuse"))
		case t.full():
			full = append(full, t)
		}
	}
	bound, _ := s.errors([]string{"bind"}, "EADDRINUSE")
	switch {
	case refused > 0 && bound > 0 && len(full) == 0: // connect() passes over a port that bind() has chosen
		f.out = "port tuple: none is full; connect() failed " + counted(refused, "time", "times") +
			" with EADDRNOTAVAIL, since bind() has taken its ports"
	case refused > 0:
		return exhausted(s, refused, full)
	case len(full) > 0 && !seen:
		f = exhausted(s, 0, full)
		f.confidence = record.Likely
		return f
	case len(full) > 0:
		f.out = "port tuple: " + full[0].name() + " is full, and no connect() failed for it"
		f.near = full[0].says() + ": the next connect() fails"
	case covered != "":
		f.out = "port tuple: " + covered
	case s.h.Flows == nil && !seen:
		f.unseen = portsUnseen
	case s.fullest() != "":
		f.out = "port tuple: " + s.fullest()
		f.near = s.nearFull()
	case seen:
		f.out = "port tuple: no connect() failed with EADDRNOTAVAIL"
	case s.madeNone():
		f.out = "port tuple: this host has made no connection that stands"
	default:
		f.unseen = "ports in use by tuple: the flows do not tell them, or not their range (net.ipv4.ip_local_port_range)"
	}
	return f
}

// madeNone tells that a listing shows no connection made by the host.
func (s *sight) madeNone() bool {
	for i := range s.h.Flows {
		if s.h.Flows[i].Direction == record.Outbound && s.h.Flows[i].States.Total() > 0 {
			return false
		}
	}
	return s.h.Flows != nil
}

func exhausted(s *sight, refused int64, full []*tuple) finding {
	f := finding{confidence: record.Certain, evidence: []string{}}
	switch len(full) {
	case 0:
		f.confidence = record.Likely
		f.says = "connect() finds no port: it failed with EADDRNOTAVAIL, though no tuple was seen full"
		f.evidence = append(f.evidence, "the same errno stands for a source address that is none of this host's")
	case 1:
		f.says = "The ports from " + full[0].name() + " are used up: connect() to there fails, to any other destination it works"
	default:
		f.says = fmt.Sprintf("The ports of %d tuples are used up: connect() to there fails, to other destinations it works", len(full))
	}
	if refused > 0 {
		f.evidence = append(f.evidence, "connect() failed "+counted(refused, "time", "times")+" with EADDRNOTAVAIL")
	} else {
		f.evidence = append(f.evidence, "whether connect() fails with EADDRNOTAVAIL only the programs know: look into their logs")
	}
	for i, t := range full {
		if i == mostNamed {
			f.evidence = append(f.evidence, fmt.Sprintf("and %d more tuples that are full", len(full)-mostNamed))
			break
		}
		f.evidence = append(f.evidence, t.says()+t.held())
	}
	f.evidence = append(f.evidence, s.canaries(fromHost, "same-tuple", "second-destination")...)
	f.evidence = append(f.evidence, s.canaries("outside", "ssh", "dns")...)
	return f
}

// held says what the ports in use are, where that was counted.
func (t *tuple) held() string {
	switch {
	case t.timeWait < 0:
		return ""
	case t.timeWait*2 >= t.used:
		return fmt.Sprintf(", %s of them TIME_WAIT: this host closes first", count(t.timeWait))
	}
	return fmt.Sprintf(", %s of them TIME_WAIT: most are open connections", count(t.timeWait))
}

// nearFull says which tuple's rate leads beyond its range; "" where none does.
func (s *sight) nearFull() string {
	for i := range s.tuples {
		t := &s.tuples[i]
		o := t.outlook()
		if o.Plateau != nil && o.FullPerSecond != nil && !t.reuse && *o.RatePerSecond >= *o.FullPerSecond {
			return fmt.Sprintf("%s: %s fills all of its %s ports (full at %s)", t.name(), rate(*o.RatePerSecond), count(t.usable),
				rate(*o.FullPerSecond))
		}
	}
	return ""
}

const (
	keepOpenNginx = "in the upstream block: keepalive 64; beside proxy_pass: proxy_http_version 1.1 and " +
		`proxy_set_header Connection ""`
	keepOpenHAProxy = "http-reuse always in the backend, and neither option httpclose nor option http-server-close"
)

// morePorts are the remedies that give a host more connections to one destination, or let it do with fewer.
func morePorts(s *sight) []record.Remedy {
	var out []record.Remedy
	if reuse := s.setting("net.ipv4.tcp_tw_reuse"); reuse != "1" {
		out = append(out, record.Remedy{
			When: "tonight", Kind: "sysctl", Do: "net.ipv4.tcp_tw_reuse = 1 on this host: it is the client here",
			Risk: "needs timestamps on both ends; helps against ports in TIME_WAIT only, not where a program binds its ports",
			Undo: "net.ipv4.tcp_tw_reuse = " + or(reuse, "2"),
		})
	}
	old := or(s.setting("net.ipv4.ip_local_port_range"), "32768 60999")
	if r := (record.PortRange{}); scanRange(old, &r) && r.Size() < widerRange.Size() {
		out = append(out, record.Remedy{
			When: "tonight", Kind: "sysctl",
			Do: fmt.Sprintf("net.ipv4.ip_local_port_range = %d %d: %s ports instead of %s", widerRange.Low, widerRange.High,
				count(int64(widerRange.Size())), count(int64(r.Size()))),
			Risk: "takes ports from services that start later: list theirs in net.ipv4.ip_local_reserved_ports first",
			Undo: fmt.Sprintf("net.ipv4.ip_local_port_range = %d %d", r.Low, r.High),
		})
	}
	return append(out, keepOpen()...)
}

// widerRange leaves out the ports that most services listen on, and has ends of different parity.
var widerRange = record.PortRange{Low: 10000, High: 65535}

func scanRange(text string, r *record.PortRange) bool {
	_, err := fmt.Sscan(text, &r.Low, &r.High)
	return err == nil && r.Low <= r.High
}

// keepOpen are the remedies that open fewer connections.
func keepOpen() []record.Remedy {
	return []record.Remedy{
		{When: "lasting", Kind: "nginx", Do: keepOpenNginx, Risk: "idle connections to the backend stay open", Undo: "take the lines out"},
		{
			When: "lasting", Kind: "haproxy", Do: keepOpenHAProxy,
			Risk: "a first request can meet a connection that the server has just closed, and fail", Undo: "http-reuse safe",
		},
		{
			When: "lasting", Kind: "squid", Do: "server_persistent_connections on (the default), and a pconn_timeout below the server's own",
			Risk: "idle connections to the servers stay open", Undo: "server_persistent_connections off",
		},
		{
			When: "lasting", Kind: "code", Do: "keep connections in a pool, and read the response to its end, so that they can be used again; " +
				"or spread over more source addresses or destination ports: each tuple has its own range",
			Risk: "a pool needs a limit and an idle timeout", Undo: "close after each request again",
		},
	}
}

func portRemedies(s *sight) []record.Remedy { return morePorts(s) }
