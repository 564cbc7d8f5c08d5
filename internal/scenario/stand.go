package scenario

import "strings"

// standing is one state of a Stand with how many sockets are asked for.
type standing struct {
	field string // its name in YAML; the kernel's name is the same in capitals
	n     int
	// descriptor tells whether each of them needs one on the server's host.
	descriptor bool
}

// timeWaitOut is another way into a state that time_wait has.
const timeWaitOut = "time_wait_out"

// state is the kernel's name.
func (s standing) state() string { return strings.ToUpper(strings.TrimSuffix(s.field, "_out")) }

func (s Stand) all() []standing {
	return []standing{
		{"syn_sent", s.SynSent, true},
		{"syn_recv", s.SynRecv, false},
		{"established", s.Established, true},
		{"fin_wait_1", s.FinWait1, true},
		{"fin_wait_2", s.FinWait2, true},
		{"closing", s.Closing, true},
		{"time_wait", s.TimeWait, false},
		{timeWaitOut, s.TimeWaitOut, false},
		{"close_wait", s.CloseWait, true},
		{"last_ack", s.LastAck, true},
		{"listen", s.Listen, false}, // it does, and has a bound of its own
	}
}

// Off tells whether no sockets are asked to stand.
func (s Stand) Off() bool { return s == Stand{} }

// Counts gives the sockets asked for by the state's name, as records have it; a state without any is left out.
func (s Stand) Counts() map[string]int {
	counts := map[string]int{}
	for _, of := range s.all() {
		if of.n != 0 {
			counts[of.state()] += of.n
		}
	}
	return counts
}
