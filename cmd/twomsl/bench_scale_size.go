package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"twomsl/internal/lab"
	"twomsl/internal/linux"
	"twomsl/internal/machine"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

// scaleKind is what stands.
type scaleKind string

const (
	timeWaitIn  scaleKind = "time-wait"
	timeWaitOut scaleKind = "time-wait-out"
	established scaleKind = "established"
)

// scaleSize is a row of `twomsl bench scale`.
type scaleSize struct {
	kind     scaleKind
	n        int
	ipv6     bool
	hold     scenario.Duration
	scenario scenario.Scenario
}

const (
	// scalePorts is how many ports of a client address a row goes through: fewer than there are.
	scalePorts = 60_000
	// scaleQuick is below half of a plain range of ports, where connect() still finds one at once.
	scaleQuick = 12_500
	// scaleSlowest is a rate that any machine is thought to reach: the time that a row may take is reckoned from it.
	scaleSlowest = 4_000
)

// addresses is how many a client needs.
func (s *scaleSize) addresses() int {
	ports := scaleQuick
	if s.kind == timeWaitIn {
		ports = scalePorts
	}
	return max(1, int(math.Ceil(float64(s.n)/float64(ports))))
}

// make makes the scenario; the error is wrong usage.
func (s *scaleSize) make() (scenario.Scenario, error) {
	out := scenario.Scenario{
		Name: fmt.Sprintf("scale-%s-%d", s.kind, s.n), Title: fmt.Sprintf("%d sockets stand: %s", s.n, s.kind),
		Load: scenario.Load{
			Rate: scenario.Max, Hold: s.hold,
			Stop: scenario.Stop{After: scenario.Duration(20*time.Second + time.Duration(s.n/scaleSlowest)*time.Second)},
		},
		Client:  scenario.Client{Addresses: s.addresses()},
		Payload: scenario.Payload{Request: 1, Response: 1},
	}
	if s.ipv6 {
		out.Family = scenario.IPv6
	}
	switch s.kind {
	case timeWaitIn:
		out.Stand.TimeWait = s.n
		out.Client.Bind = scenario.Bind{Mode: scenario.BindPorts, Ports: scenario.PortRange{Low: 1024, High: 65535}}
	case timeWaitOut:
		out.Stand.TimeWaitOut = s.n
	case established:
		out.Load.Concurrency, out.Load.Stop.Connections = 256, int64(s.n)
		out.Close.How = "never"
		// When the lab goes, one host is gone before the other: what is left there must not ask it for its last ACK for minutes.
		out.Sysctl.Both = map[string]string{"net.ipv4.tcp_orphan_retries": "1"}
	}
	if s.kind != established { // a stray RST ends none of them
		out.Sysctl.Both = map[string]string{"net.ipv4.tcp_rfc1337": "1"}
	}
	out = out.Resolve()
	var found scenario.Problems
	if err := out.Check(trial.Known); errors.As(err, &found) {
		return out, usage("--%s %d: %w", s.kind, s.n, err)
	} else if err != nil {
		return out, usage("--%s %d: %w", s.kind, s.n, err)
	}
	return out, nil
}

// command repeats the row alone.
func (s *scaleSize) command(hold string) string {
	words := []string{"twomsl", "bench", "scale"}
	for _, k := range []scaleKind{timeWaitIn, timeWaitOut, established} {
		n := 0
		if k == s.kind {
			n = s.n
		}
		words = append(words, fmt.Sprintf("--%s %d", k, n))
	}
	words = append(words, "--hold "+hold)
	if s.ipv6 {
		words = append(words, "--ipv6")
	}
	return strings.Join(words, " ")
}

// cache is the one that tells when the row's sockets are gone.
func (s *scaleSize) cache() string {
	name := "tw_sock_TCP"
	if s.kind == established {
		name = "TCP"
	}
	if s.ipv6 {
		name += "v6"
	}
	return name
}

const (
	// What a row takes at least, in bytes: of one TIME_WAIT with its port, and of both ends of an open connection with their
	// files and our own memory of them.
	needTimeWait    = 256 + 128
	needEstablished = 2 * (5 << 10)
	// needOwn is what the program's processes take, needPart each one more that keeps connections.
	needOwn  = 200 << 20
	needPart = 20 << 20
	// needFiles is what the rest of the host may open meanwhile.
	needFiles = 10_000
)

// scaleRoom is what this machine has room for; what cannot be read is 0, and is tried.
type scaleRoom struct {
	memory      int64 // bytes available
	descriptors int64 // that a process may have
	files       int64 // that the host may still open
}

func readScaleRoom() (r scaleRoom) {
	if n, err := machine.MemoryAvailable(""); err == nil {
		r.memory = n
	}
	if soft, _, err := linux.NoFile(); err == nil {
		r.descriptors = int64(min(soft, math.MaxInt32))
	}
	if text, err := os.ReadFile("/proc/sys/fs/file-nr"); err == nil {
		var taken, free, most int64
		if n, _ := fmt.Sscan(string(text), &taken, &free, &most); n == 3 {
			r.files = max(1, most-taken)
		}
	}
	return r
}

// refuse tells what this machine has no room for, before anything starts: all rows at once.
func (r scaleRoom) refuse(sizes []scaleSize) error {
	var wrong []error
	for i := range sizes {
		s := &sizes[i]
		needs, parts := s.needs(r.descriptors)
		if r.memory > 0 && needs > r.memory {
			text := fmt.Sprintf("needs about %d MB, and %d MB are available", needs>>20, r.memory>>20)
			if parts > 2 {
				text += fmt.Sprintf(" (in %d processes, as one may have %d descriptors)", parts, r.descriptors)
			}
			wrong = append(wrong, fmt.Errorf("--%s %d %s", s.kind, s.n, text))
		}
		if files := 2*int64(s.n) + needFiles; s.kind == established && r.files > 0 && files > r.files {
			wrong = append(wrong, fmt.Errorf("--%s %d needs %d open files, and the host may open %d more (fs.file-max)",
				s.kind, s.n, files, r.files))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &lab.UnavailableError{
		What: "this machine has no room for that", Err: errors.Join(wrong...),
		Remedy: "ask for fewer, or give it more: memory, memory.max of its cgroup, fs.file-max, the limit on descriptors",
	}
}

// needs is about how many bytes a row takes, and in how many processes that keep connections.
func (s *scaleSize) needs(descriptors int64) (bytes, parts int64) {
	if s.kind != established {
		return needOwn + int64(s.n)*needTimeWait, 0
	}
	if room := descriptors - 64; room > 0 {
		parts = 2 * ((int64(s.n) + room - 1) / room)
	}
	return needOwn + int64(s.n)*needEstablished + parts*needPart, parts
}
