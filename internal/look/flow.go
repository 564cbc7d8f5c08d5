package look

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"twomsl/internal/record"
)

// flowKey is a Flow's identity. Of a flow in, remote is "".
type flowKey struct {
	direction, local, remote string
	port                     uint16
}

type endpoint struct {
	address string
	port    uint16
}

// sense tells which sockets were made to the host. It is of one listing.
type sense struct {
	listening map[endpoint]bool
	known     bool             // there are listeners in the listing
	shared    map[endpoint]int // sockets at each local address and port
	ports     record.PortRange
}

// kernelPorts is what ip_local_port_range is where nobody has set it.
var kernelPorts = record.PortRange{Low: 32768, High: 60999}

func newSense(l *Listing, ports *record.PortRange) sense {
	s := sense{listening: map[endpoint]bool{}, shared: map[endpoint]int{}, known: l.Listeners, ports: kernelPorts}
	if ports != nil {
		s.ports = *ports
	}
	for i := range l.Sockets {
		at := endpoint{l.Sockets[i].Local, l.Sockets[i].LocalPort}
		if l.Sockets[i].State != record.Listen {
			s.shared[at]++
			continue
		}
		if everywhere(at.address) {
			at.address = ""
		}
		s.listening[at] = true
	}
	return s
}

// inbound tells whether a socket was made to this host: its local port is one that is listened to. Where nobody listens there
// any more, or the listing has no listeners, a port outside of the range of connect() that several share, or that faces one
// inside of it, is a service's.
func (s *sense) inbound(k *Socket) bool {
	if k.State == record.SynRecv || s.listening[endpoint{k.Local, k.LocalPort}] || s.listening[endpoint{"", k.LocalPort}] {
		return true
	}
	if k.State == record.SynSent || s.within(k.LocalPort) {
		return false
	}
	return s.within(k.RemotePort) && (!s.known || s.shared[endpoint{k.Local, k.LocalPort}] > 1)
}

func (s *sense) within(port uint16) bool {
	return int(port) >= s.ports.Low && int(port) <= s.ports.High
}

func (s *sense) key(k *Socket) flowKey {
	if s.inbound(k) {
		return flowKey{direction: record.Inbound, local: k.Local, port: k.LocalPort}
	}
	return flowKey{direction: record.Outbound, local: k.Local, remote: k.Remote, port: k.RemotePort}
}

// flow is a Flow while it is put together.
type flow struct {
	record.Flow
	ports    map[uint16]bool
	programs map[string]int
	young    int64 // TIME_WAIT that were made in the last seconds, by their timers
	many     bool  // several remote addresses
	rest     bool  // what is left of flows that are too many
}

// mostFlows bounds what a Host has of either direction: a crawler talks to tens of thousands of hosts.
const mostFlows = 1000

// flows groups a listing. lifetime is that of a TIME_WAIT in seconds; 0 where its age cannot be told.
func flows(l *Listing, s *sense, lifetime int64) map[flowKey]*flow {
	all := map[flowKey]*flow{}
	for i := range l.Sockets {
		k := &l.Sockets[i]
		if k.State == record.Listen {
			continue
		}
		key := s.key(k)
		f := all[key]
		if f == nil {
			f = &flow{ports: map[uint16]bool{}, programs: map[string]int{}}
			f.Direction, f.Local, f.Remote, f.Port, f.States = key.direction, k.Local, k.Remote, int(key.port), record.Counts{}
			all[key] = f
		}
		f.add(k, lifetime)
	}
	return all
}

func (f *flow) add(k *Socket, lifetime int64) {
	f.States[k.State]++
	if k.Remote != f.Remote {
		f.many = true
	}
	if f.Direction == record.Outbound {
		f.ports[k.LocalPort] = true
	}
	if k.Program != "" {
		f.programs[k.Program]++
	}
	if k.State == record.TimeWait && lifetime > 0 && int64(k.Left.Seconds()) >= lifetime-ageWindowSeconds {
		f.young++
	}
	if unread(k) {
		f.Unread++
	}
	if k.State != record.Established && k.State != record.CloseWait {
		return
	}
	switch {
	case (k.Timer == TimerOn || k.Timer == TimerPersist) && k.Tries >= 2:
		f.Retransmitting++
	case k.Timer == TimerKeepAlive:
		f.KeptAlive++
		if k.Tries > 0 {
			f.Unanswered++
		}
	}
}

// unread tells whether data waits for the program. The peer's FIN takes a place in the queue, too (tcp_diag_get_info), so
// where one has come a queue of 1 holds nothing.
func unread(k *Socket) bool {
	switch k.State {
	case record.CloseWait, record.LastAck, record.Closing:
		return k.RecvQueue > 1
	case record.Established, record.FinWait1, record.FinWait2:
		return k.RecvQueue > 0
	}
	return false
}

// mostPrograms bounds Flow.Programs.
const mostPrograms = 8

// told gives the Flow that goes into a record.
func (f *flow) told(ports *record.PortRange) record.Flow {
	out := f.Flow
	if f.many {
		out.Remote = ""
	}
	if f.Direction == record.Outbound && !f.rest {
		in, even, odd := int64(len(f.ports)), int64(0), int64(0)
		for p := range f.ports {
			if p%2 == 0 {
				even++
			} else {
				odd++
			}
		}
		out.PortsInUse, out.Even, out.Odd = &in, &even, &odd
		if ports != nil {
			r := *ports
			out.Range = &r
		}
	}
	if len(f.programs) > 0 {
		names := slices.SortedFunc(maps.Keys(f.programs), func(a, b string) int {
			return cmp.Or(cmp.Compare(f.programs[b], f.programs[a]), cmp.Compare(a, b))
		})
		out.Programs = names[:min(len(names), mostPrograms)]
	}
	return out
}

// merge adds a flow that is one of too many: what is left of it is its sockets, by direction and service.
func (f *flow) merge(o *record.Flow) {
	for state, n := range o.States {
		f.States[state] += n
	}
	f.Retransmitting += o.Retransmitting
	f.KeptAlive += o.KeptAlive
	f.Unanswered += o.Unanswered
	f.Unread += o.Unread
	for _, p := range o.Programs {
		f.programs[p]++
	}
}

// byWeight puts the fullest first; the rest is for the same order every time.
func byWeight(a, b record.Flow) int {
	return cmp.Or(
		cmp.Compare(b.States.Total(), a.States.Total()), strings.Compare(a.Direction, b.Direction),
		strings.Compare(a.Local, b.Local), strings.Compare(a.Remote, b.Remote), cmp.Compare(a.Port, b.Port),
	)
}

// parseRange reads ip_local_port_range; nil where it is not two ports.
func parseRange(text string) *record.PortRange {
	f := strings.Fields(text)
	if len(f) != 2 {
		return nil
	}
	low, lowErr := strconv.ParseUint(f[0], 10, 16)
	high, highErr := strconv.ParseUint(f[1], 10, 16)
	if lowErr != nil || highErr != nil || low == 0 || low > high {
		return nil
	}
	return &record.PortRange{Low: int(low), High: int(high)}
}
