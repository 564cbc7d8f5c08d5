package paste

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/look"
	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// kind is the program that a listing is of.
type kind int

const (
	kindNone kind = iota
	kindSS
	kindNetstat
	kindProc  // /proc/net/tcp
	kindProc6 // /proc/net/tcp6
)

// block is a listing while it is read.
type block struct {
	kind    kind
	sockets []look.Socket
	// said: a mark said what the rows have; else it is found out.
	said                      bool
	has                       []string
	timers, programs, byState bool // byState: the header has no column for the state
}

// header begins a block.
func (r *reader) header(text string) bool {
	line := strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(line, "sl ") && strings.Contains(line, "local_address"):
		next := kindProc
		if strings.Contains(line, "remote_address") {
			next = kindProc6
		}
		r.begin(next)
	case !strings.Contains(line, "Recv-Q") || !strings.Contains(line, "Send-Q"):
		return false
	case strings.HasPrefix(line, "Proto"):
		r.begin(kindNetstat)
	default:
		r.begin(kindSS)
		r.block.byState = strings.HasPrefix(line, "Recv-Q")
	}
	return true
}

// begin ends the block before, unless a mark has just begun this one, or it is the IPv6 half of the same table.
func (r *reader) begin(k kind) {
	if r.block.said && len(r.block.sockets) == 0 || k == kindProc6 && r.block.kind == kindProc {
		r.block.kind = k
		return
	}
	r.endBlock()
	r.block = block{kind: k}
}

// row reads one socket.
func (r *reader) row(text string) bool {
	f := strings.Fields(text)
	if len(f) < 4 {
		return r.continued(text)
	}
	var k look.Socket
	var why string
	var as kind
	switch {
	case isProc(f):
		as = r.block.kind
		if as != kindProc6 {
			as = kindProc
		}
		k, why = procSocket(text, as == kindProc6)
	case strings.HasPrefix(f[0], "tcp") && number(f[1]) && number(f[2]):
		as = kindNetstat
		k, why = netstatSocket(f)
	case f[0] == "tcp" && len(f) > 5 && number(f[2]) && number(f[3]):
		as = kindSS
		k, why = ssSocket(f[1:], text)
	case len(f) > 4 && number(f[1]) && number(f[2]) && isState(f[0]):
		as = kindSS
		k, why = ssSocket(f, text)
	case r.block.kind == kindSS && r.block.byState && number(f[0]) && number(f[1]):
		r.complain(text, "without its state: ss -tan, without a filter, tells it")
		return true
	default:
		return r.continued(text)
	}
	if why != "" {
		r.complain(text, why)
		return true
	}
	r.keep(as, k)
	return true
}

func isState(word string) bool { _, ok := record.ParseState(word); return ok }

func isProc(f []string) bool {
	return len(f) >= 10 && strings.HasSuffix(f[0], ":") && number(f[0][:len(f[0])-1]) && len(f[3]) == 2
}

func (r *reader) keep(as kind, k look.Socket) {
	if r.block.kind == kindNone || !r.block.said && r.block.kind != as && len(r.block.sockets) > 0 {
		r.begin(as)
	}
	r.block.kind = as
	r.block.timers = r.block.timers || k.Timer != look.TimerOff || as == kindProc || as == kindProc6
	r.block.programs = r.block.programs || k.Program != ""
	if k.State != record.Closed {
		r.block.sockets = append(r.block.sockets, k)
	}
}

// continued reads what ss prints of a socket on a line of its own (-i, and lines that were broken).
func (r *reader) continued(text string) bool {
	if r.block.kind != kindSS || len(r.block.sockets) == 0 ||
		text[0] != '\t' && (text[0] != ' ' || !strings.Contains(text, "timer:(") && !strings.Contains(text, "users:(")) {
		return false
	}
	k := &r.block.sockets[len(r.block.sockets)-1]
	ssDetails(text, k)
	r.block.timers = r.block.timers || k.Timer != look.TimerOff
	r.block.programs = r.block.programs || k.Program != ""
	return true
}

func number(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// ssSocket reads: STATE RECV-Q SEND-Q LOCAL:PORT PEER:PORT [DETAILS].
func ssSocket(f []string, text string) (look.Socket, string) {
	k, why := ends(f[0], f[1], f[2], f[3], f[4])
	if why == "" {
		ssDetails(text, &k)
	}
	return k, why
}

// netstatSocket reads: PROTO RECV-Q SEND-Q LOCAL:PORT FOREIGN:PORT STATE [USER INODE] [PID/PROGRAM] [TIMER].
func netstatSocket(f []string) (look.Socket, string) {
	if len(f) < 6 {
		return look.Socket{}, "cut off"
	}
	k, why := ends(f[5], f[1], f[2], f[3], f[4])
	if why == "" {
		netstatDetails(strings.Join(f[6:], " "), &k)
	}
	return k, why
}

func ends(state, recv, send, local, remote string) (k look.Socket, why string) {
	var known bool
	if k.State, known = record.ParseState(state); !known {
		return k, "no state of TCP: " + shorten(state)
	}
	var recvErr, sendErr error
	k.RecvQueue, recvErr = strconv.ParseInt(recv, 10, 64)
	k.SendQueue, sendErr = strconv.ParseInt(send, 10, 64)
	if recvErr != nil || sendErr != nil {
		return k, "a queue that is no number"
	}
	if k.Local, k.LocalPort, why = hostPort(local); why != "" {
		return k, why
	}
	k.Remote, k.RemotePort, why = hostPort(remote)
	if k.State == record.Listen {
		k.Remote, k.RemotePort = "", 0
	}
	return k, why
}

// hostPort reads ADDRESS:PORT, with * for any. An address may be a name that somebody put in its place.
func hostPort(text string) (host string, port uint16, why string) {
	cut := strings.LastIndexByte(text, ':')
	if cut <= 0 {
		return "", 0, "no address and port: " + shorten(text)
	}
	host, portText := look.Address(text[:cut]), text[cut+1:]
	switch {
	case host == "":
		return "", 0, "no address and port: " + shorten(text)
	case portText == "*":
		return host, 0, ""
	}
	n, err := strconv.ParseUint(portText, 10, 16)
	switch {
	case err == nil:
		return host, uint16(n), ""
	case number(portText):
		return "", 0, "no port: " + shorten(portText)
	}
	return "", 0, "ports by name: add -n to the command"
}

var (
	ssTimer = regexp.MustCompile(`timer:\((\w+),(?:(\d{1,6})min)?(?:(\d{1,6})(?:sec|\.))?(?:(\d{1,12})ms)?,(\d{1,6})\)`)
	ssUser  = regexp.MustCompile(`\("([^"]*)",(?:pid=)?(\d{1,9}),(?:fd=)?\d+\)`)
	// netstat's last number counts probes, the one before segments that were sent again.
	netstatTimer   = regexp.MustCompile(`(?:^| )(off|on|keepalive|timewait|probe|unkn-\d+) \((\d{1,9})(?:\.(\d+))?/(\d{1,6})/(\d{1,6})\)$`)
	netstatProgram = regexp.MustCompile(`(?:^| )(\d{1,9})/([^ :]+)`)
)

// longestLeft is what look.Write can say in the digits that are read again; no timer of TCP comes near it
// (tcp_keepalive_time is at most 32,767 s).
const longestLeft = 999_999_999_999 * time.Millisecond

var timers = map[string]look.Timer{
	"on": look.TimerOn, "keepalive": look.TimerKeepAlive, "timewait": look.TimerTimeWait, "persist": look.TimerPersist,
	"probe": look.TimerPersist,
}

// ssDetails reads the timer and the programs behind a row. "9.120ms" is 9 s and 120 ms: so ss writes it.
func ssDetails(text string, k *look.Socket) {
	if at := strings.Index(text, "timer:("); at >= 0 {
		if m := ssTimer.FindStringSubmatch(text[at:]); m != nil && timers[m[1]] != look.TimerOff {
			k.Timer = timers[m[1]]
			k.Left = min(whole(m[2])*time.Minute+whole(m[3])*time.Second+whole(m[4])*time.Millisecond, longestLeft)
			k.Tries = int64(whole(m[5]))
		}
	}
	if at := strings.Index(text, "users:("); at >= 0 {
		least := -1
		for _, m := range ssUser.FindAllStringSubmatch(text[at:], -1) {
			if pid, err := strconv.Atoi(m[2]); err == nil && (least < 0 || pid < least) {
				least, k.Program = pid, m[1]+"["+m[2]+"]"
			}
		}
	}
}

func netstatDetails(text string, k *look.Socket) {
	if m := netstatTimer.FindStringSubmatch(text); m != nil {
		if k.Timer = timers[m[1]]; k.Timer != look.TimerOff {
			fraction, _ := strconv.ParseFloat("0."+m[3], 64) // none is 0
			k.Left = whole(m[2])*time.Second + time.Duration(fraction*1000)*time.Millisecond
			k.Tries = int64(whole(m[4]))
		}
		if k.Timer == look.TimerKeepAlive || k.Timer == look.TimerPersist {
			k.Tries = int64(whole(m[5]))
		}
		text = text[:len(text)-len(m[0])]
	}
	if m := netstatProgram.FindStringSubmatch(text); m != nil {
		k.Program = strings.ReplaceAll(m[2], `"`, "?") + "[" + m[1] + "]"
	}
}

// whole is the number in digits that a pattern has bounded; 0 where there are none.
func whole(digits string) time.Duration {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return time.Duration(n)
}

func procSocket(text string, ipv6 bool) (look.Socket, string) {
	row := linux.DiagRow{IPv6: ipv6}
	if err := sample.ParseProcRow(text, &row); err != nil {
		row = linux.DiagRow{IPv6: !ipv6} // rows of tcp6 without their header
		if sample.ParseProcRow(text, &row) != nil {
			return look.Socket{}, err.Error()
		}
	}
	k, known := look.FromRow(&row)
	if !known {
		return k, "no state of TCP"
	}
	return k, ""
}

// endBlock gives the block's sockets to a look: a new one where this is the same listing again.
func (r *reader) endBlock() {
	b := r.block
	r.block = block{}
	if b.kind == kindNone || len(b.sockets) == 0 && !b.said {
		return
	}
	told := &look.Listing{Sockets: b.sockets, Timers: b.timers, Programs: b.programs}
	told.Listeners = slices.ContainsFunc(b.sockets, listens)
	told.Backlogs = told.Listeners && b.kind == kindSS
	if b.said {
		told.Listeners, told.Timers = slices.Contains(b.has, look.WithListeners), slices.Contains(b.has, look.WithTimers)
		told.Backlogs, told.Programs = slices.Contains(b.has, look.WithBacklogs), slices.Contains(b.has, look.WithPrograms)
	}
	if before := r.of(fromListing).Listing; before != nil && sameOptions(before, told) {
		r.again(fromListing)
	}
	l := r.of(fromListing)
	if l.Listing == nil {
		l.Listing = told
	} else {
		merge(l.Listing, told)
	}
}

func listens(k look.Socket) bool { return k.State == record.Listen }

func connects(k look.Socket) bool { return k.State != record.Listen }

// sameOptions tells that the same command was given twice: two lists of connections that say the same of each.
func sameOptions(a, b *look.Listing) bool {
	return slices.ContainsFunc(a.Sockets, connects) && slices.ContainsFunc(b.Sockets, connects) &&
		a.Timers == b.Timers && a.Programs == b.Programs && a.Backlogs == b.Backlogs && a.Listeners == b.Listeners
}

// merge adds what another listing of the same moment says: listeners, and more about the sockets that are known. Its
// connections are taken where there were none.
func merge(into, more *look.Listing) {
	type pair struct {
		local, remote         string
		localPort, remotePort uint16
	}
	none := !slices.ContainsFunc(into.Sockets, connects)
	known := make(map[pair]int, len(into.Sockets))
	for i, k := range into.Sockets {
		known[pair{k.Local, k.Remote, k.LocalPort, k.RemotePort}] = i
	}
	before := len(into.Sockets)
	for _, k := range more.Sockets {
		at, there := known[pair{k.Local, k.Remote, k.LocalPort, k.RemotePort}]
		switch {
		case there && at < before:
			enrich(&into.Sockets[at], k, more.Backlogs && !into.Backlogs)
		case listens(k) || none:
			into.Sockets = append(into.Sockets, k)
		}
	}
	into.Listeners = into.Listeners || more.Listeners
	into.Backlogs = into.Backlogs || more.Backlogs
	into.Timers = into.Timers || more.Timers
	into.Programs = into.Programs || more.Programs
}

func enrich(k *look.Socket, more look.Socket, backlog bool) {
	if k.Program == "" {
		k.Program = more.Program
	}
	if k.Timer == look.TimerOff && k.State == more.State {
		k.Timer, k.Left, k.Tries = more.Timer, more.Left, more.Tries
	}
	if backlog && listens(*k) {
		k.RecvQueue, k.SendQueue = more.RecvQueue, more.SendQueue
	}
}
