package look

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/record"
)

// The lines by which a text of twomsl snapshot is known. Everything between them is in the form of the tools that people know
// (ss, sysctl, nstat, sockstat), so that it can be read, checked and shortened by hand.
const (
	Mark         = "# twomsl "
	MarkSnapshot = Mark + "snapshot v1"
	MarkRedacted = MarkSnapshot + " redacted"
	MarkLook     = Mark + "look"    // NUMBER [at RFC3339] [uptime SECONDS]
	MarkSockets  = Mark + "sockets" // with [listeners] [backlogs] [timers] [programs]
	MarkGap      = Mark + "gap"     // WHAT: WHY
	MarkEnd      = Mark + "end"
)

// What a listing can be said to have.
const (
	WithListeners = "listeners"
	WithBacklogs  = "backlogs"
	WithTimers    = "timers"
	WithPrograms  = "programs"
)

// CounterGroups are the groups of counters that are kept, the longer name before one that it begins with.
var CounterGroups = []string{"TcpExt", "IpExt", "Tcp", "Udp", "Ip"}

// Write writes looks down as text, which internal/paste reads back to the same.
func Write(w io.Writer, looks []Look, redacted bool) error {
	out := &printer{Writer: bufio.NewWriter(w)}
	if redacted {
		out.line(MarkRedacted)
	} else {
		out.line(MarkSnapshot)
	}
	for i := range looks {
		out.look(i+1, &looks[i])
	}
	out.line(MarkEnd)
	return out.Flush()
}

type printer struct{ *bufio.Writer }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *printer) look(n int, l *Look) {
	head := fmt.Sprintf("%s %d", MarkLook, n)
	if l.At != nil {
		head += " at " + l.At.UTC().Format(time.RFC3339Nano)
	}
	if l.Uptime != nil {
		head += " uptime " + strconv.FormatFloat(l.Uptime.Seconds(), 'f', 2, 64)
	}
	p.line("%s", head)
	for _, key := range Sysctls {
		if value, there := l.Sysctls[key]; there {
			p.line("%s = %s", key, value)
		}
	}
	if l.Listing != nil {
		p.listing(l.Listing)
	}
	for _, s := range record.States {
		if n, there := l.Counts[s]; there && l.Listing == nil {
			p.line("%s %d", s.Netstat(), n)
		}
	}
	p.totals(l)
	for _, g := range l.Gaps {
		p.line("%s %s: %s", MarkGap, g.What, g.Why)
	}
}

func (p *printer) totals(l *Look) {
	for _, name := range slices.Sorted(maps.Keys(l.Counters)) {
		p.line("%-31s %-18d 0.0", strings.Replace(name, ".", "", 1), l.Counters[name])
	}
	if l.TCPMemoryPages != nil {
		p.line("TCP: mem %d", *l.TCPMemoryPages)
	}
	if l.Conntrack != nil {
		p.line("cpu=all drop=%d early_drop=%d", l.Conntrack.Dropped, l.Conntrack.EarlyDropped)
	}
	if l.TimeWaitBytesEach != nil {
		p.line("tw_sock_TCP 0 0 %d", *l.TimeWaitBytesEach)
	}
	if l.Descriptors != nil {
		p.line("descriptors of programs")
	}
	for _, d := range l.Descriptors {
		p.line("descriptors %d of %d %s", d.InUse, d.Limit, d.Program)
	}
}

func (p *printer) listing(l *Listing) {
	head := MarkSockets + " with"
	for _, has := range []struct {
		is   bool
		what string
	}{{l.Listeners, WithListeners}, {l.Backlogs, WithBacklogs}, {l.Timers, WithTimers}, {l.Programs, WithPrograms}} {
		if has.is {
			head += " " + has.what
		}
	}
	p.line("%s", head)
	p.line("%-10s %-6s %-6s %24s %24s %s", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port", "Process")
	for i := range l.Sockets {
		k := &l.Sockets[i]
		remote := hostPort(k.Remote, k.RemotePort)
		if k.State == record.Listen {
			remote = "*:*"
		}
		text := fmt.Sprintf("%-10s %-6d %-6d %24s %24s %s%s", ssState(k.State), k.RecvQueue, k.SendQueue,
			hostPort(k.Local, k.LocalPort), remote, timerText(k), programText(k.Program))
		p.line("%s", strings.TrimRight(text, " "))
	}
}

func hostPort(address string, port uint16) string {
	if strings.Contains(address, ":") {
		address = "[" + address + "]"
	}
	return address + ":" + strconv.Itoa(int(port))
}

func ssState(s record.State) string {
	if s == record.Established {
		return "ESTAB"
	}
	return strings.ReplaceAll(string(s), "_", "-")
}

var timerNames = map[Timer]string{TimerOn: "on", TimerKeepAlive: "keepalive", TimerTimeWait: "timewait", TimerPersist: "persist"}

// timerText has milliseconds where ss rounds.
func timerText(k *Socket) string {
	if k.Timer == TimerOff {
		return ""
	}
	return fmt.Sprintf("timer:(%s,%dms,%d) ", timerNames[k.Timer], k.Left.Milliseconds(), k.Tries)
}

func programText(program string) string {
	name, pid, ok := SplitProgram(program)
	if !ok {
		return ""
	}
	return fmt.Sprintf(`users:(("%s",pid=%s,fd=0))`, name, pid)
}

// SplitProgram takes name[pid] apart; false where it is not that.
func SplitProgram(program string) (name, pid string, ok bool) {
	open := strings.LastIndexByte(program, '[')
	if open < 0 || !strings.HasSuffix(program, "]") {
		return "", "", false
	}
	name, pid = program[:open], program[open+1:len(program)-1]
	if _, err := strconv.ParseUint(pid, 10, 32); err != nil {
		return "", "", false
	}
	return name, pid, true
}
