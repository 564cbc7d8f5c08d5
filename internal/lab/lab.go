//go:build linux

// Package lab makes private hosts and takes them down whole: two processes, each in a network namespace of its own,
// joined by a veth link; or with a relay between them, linked to either; or both in one private namespace; or both on
// this host.
//
// A lab is one PID namespace. Its first process (Init) watches an inherited socketpair whose other end the conductor
// holds, and leaves when that end closes: the kernel then ends every process of the lab, and with them go the network
// namespaces, which only these processes hold. So nothing stays behind when the conductor is killed. Nothing is named
// in /run/netns and no file is made.
//
// In its namespace a peer sets up its end of the link (SetUpLink), gives it a rate (Shape) and keeps segments from
// leaving (SetHolds).
package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/scenario"
)

// Program is how this program is started again inside the lab: Path with Init for the lab's first process and with Peer
// for each side; with Root it enters the root of a command (internal/foreign).
type Program struct {
	Path             string
	Init, Peer, Root []string
}

// Lab is a running pair of private hosts. Its methods are safe for use by several goroutines.
type Lab struct {
	Topology scenario.Topology
	Client   Peer
	Server   Peer
	Relay    *Peer // between the two; nil where they are linked to each other

	only   *Peer // where there is one side alone; nil elsewhere
	init   *exec.Cmd
	life   net.Conn
	exits  chan Exit
	waited chan struct{}
	once   sync.Once
	busy   sync.WaitGroup // what runs for this lab
}

// Peer is one side's process as the conductor sees it.
type Peer struct {
	Name    string
	Control net.Conn // the peer speaks the control protocol at the other end
	stderr  *tail
}

// LastWords is the end of what the peer wrote to its standard error: all of it once Exits has told of its end.
func (p *Peer) LastWords() string { return p.stderr.String() }

// Exit tells that a process of the lab has ended by itself: client, server, relay, or lab for the first process.
type Exit struct {
	Side string `json:"side"`
	Text string `json:"text"`
}

// UnavailableError says that this machine forbids what a lab needs, and the remedy.
type UnavailableError struct {
	What   string
	Remedy string
	Err    error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("%s: %v; %s", e.What, e.Err, e.Remedy)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// order is what the conductor tells Init; report is what Init answers.
type order struct {
	Topology scenario.Topology `json:"topology"`
	Relay    bool              `json:"relay"`
	Peer     []string          `json:"peer"`
	Path     string            `json:"path"`
}

type report struct {
	Ready bool   `json:"ready"`
	Error string `json:"error"`
	Exit  *Exit  `json:"exit"`
}

// startLimit bounds how long a lab may take to stand.
const startLimit = 20 * time.Second

// Start makes a lab. Its peers answer on their Control connections when Start returns; addresses are theirs to set
// (SetUpLink). The error is an UnavailableError where this machine forbids it.
func Start(topology scenario.Topology, p Program) (*Lab, error) {
	return newLab(topology).start(p)
}

// StartRelayed makes a lab of three hosts: the relay has a link to the client and another one to the server, which cannot
// reach each other.
func StartRelayed(p Program) (*Lab, error) {
	l := newLab(scenario.Veth)
	l.Relay = &Peer{Name: "relay", stderr: newTail()}
	return l.start(p)
}

func newLab(topology scenario.Topology) *Lab {
	return &Lab{
		Topology: topology, exits: make(chan Exit, 8), waited: make(chan struct{}),
		Client: Peer{Name: "client", stderr: newTail()}, Server: Peer{Name: "server", stderr: newTail()},
	}
}

// Peers lists the lab's hosts.
func (l *Lab) Peers() []*Peer {
	switch {
	case l.only != nil:
		return []*Peer{l.only}
	case l.Relay == nil:
		return []*Peer{&l.Client, &l.Server}
	}
	return []*Peer{&l.Client, l.Relay, &l.Server}
}

func (l *Lab) start(p Program) (*Lab, error) {
	if err := l.spawn(p); err != nil {
		l.Close()
		return nil, err
	}
	if err := l.handshake(p); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// spawn starts Init with its descriptors: 3 the lifeline, then each peer's control end and standard error.
func (l *Lab) spawn(p Program) error {
	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
	}()
	control := func(mine *net.Conn) (err error) {
		conn, other, err := pair()
		if err == nil {
			*mine = conn
			theirs = append(theirs, other)
		}
		return err
	}
	if err := control(&l.life); err != nil {
		return err
	}
	for _, peer := range l.Peers() {
		if err := control(&peer.Control); err != nil {
			return err
		}
		r, w, err := os.Pipe()
		if err != nil {
			return fmt.Errorf("pipe for a peer's standard error: %w", err)
		}
		theirs = append(theirs, w)
		l.busy.Go(func() { peer.stderr.keep(r) })
	}
	l.init = exec.Command(p.Path, p.Init...)
	l.init.ExtraFiles = theirs
	l.init.Stderr = os.Stderr
	l.init.SysProcAttr = attributes(l.Topology)
	if err := l.init.Start(); err != nil {
		l.init = nil
		return unavailable(err)
	}
	l.busy.Go(l.wait)
	return nil
}

// attributes are the namespaces of the lab's first process. Without CAP_SYS_ADMIN a user namespace comes first, in
// which this user is root; a threaded process cannot enter one later. Setsid keeps the terminal's signals away: the
// conductor alone decides when a lab ends.
func attributes(topology scenario.Topology) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true, Cloneflags: linux.CloneNewPID}
	if topology != scenario.Host {
		a.Cloneflags |= linux.CloneNewNet
	}
	if !linux.HasSysAdmin() {
		a.Cloneflags |= linux.CloneNewUser
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return a
}

func unavailable(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the program cannot start itself again: %w", err)
	}
	return &UnavailableError{
		What: "private namespaces cannot be made here", Err: err,
		Remedy: "run as root, or let ordinary users make user namespaces: sysctl user.max_user_namespaces above 0, " +
			"kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); " +
			"in a container add CAP_SYS_ADMIN or a seccomp profile that allows clone with CLONE_NEWUSER; " +
			"`twomsl preflight` shows which",
	}
}

// handshake tells Init what to make and waits until it stands.
func (l *Lab) handshake(p Program) error {
	if err := l.life.SetDeadline(time.Now().Add(startLimit)); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	o := order{Topology: l.Topology, Relay: l.Relay != nil, Path: p.Path, Peer: p.Peer}
	if err := json.NewEncoder(l.life).Encode(o); err != nil {
		return fmt.Errorf("lab: its first process takes no order: %w", err)
	}
	in := json.NewDecoder(l.life)
	var r report
	if err := in.Decode(&r); err != nil {
		return fmt.Errorf("lab: its first process gave no answer: %w", err)
	}
	if r.Exit != nil { // before it could be of use: the lab is not to blame
		return fmt.Errorf("lab: the %s's process has ended as it began: %s; its last words: %q", r.Exit.Side, r.Exit.Text,
			l.lastWords(r.Exit.Side))
	}
	if !r.Ready {
		return unavailable(errors.New(r.Error))
	}
	if err := l.life.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	l.busy.Go(func() { l.listen(in) })
	return nil
}

// lastWords waits until all that the ended side wrote has been read: its end of the pipe went with it.
func (l *Lab) lastWords(side string) string {
	for _, p := range l.Peers() {
		if p.Name == side {
			<-p.stderr.ended
			return p.LastWords()
		}
	}
	return ""
}

// listen passes on what Init reports.
func (l *Lab) listen(in *json.Decoder) {
	for {
		var r report
		if err := in.Decode(&r); err != nil {
			return
		}
		if r.Exit != nil {
			l.lastWords(r.Exit.Side)
			l.exits <- *r.Exit
		}
	}
}

func (l *Lab) wait() {
	err := l.init.Wait()
	text := "ended"
	if err != nil {
		text = err.Error()
	}
	for _, p := range l.Peers() { // the whole lab is gone, the peers too
		<-p.stderr.ended
	}
	side := "lab"
	if l.only != nil {
		side = l.only.Name
	}
	l.exits <- Exit{Side: side, Text: text}
	close(l.waited)
}

// Exits tells of processes that end before Close is called.
func (l *Lab) Exits() <-chan Exit { return l.exits }

// closeLimit is how long the lab may take to leave by itself before it is killed.
const closeLimit = 3 * time.Second

// Close ends every process of the lab and waits until the kernel has. It may be called more than once.
func (l *Lab) Close() {
	l.once.Do(func() {
		if l.life != nil {
			l.life.Close()
		}
		for _, p := range l.Peers() {
			if p.Control != nil {
				p.Control.Close()
			}
		}
		defer l.busy.Wait()
		if l.init == nil {
			return
		}
		select {
		case <-l.waited:
		case <-time.After(closeLimit):
			l.init.Process.Kill() //nolint:errcheck // it may have ended by itself this moment
			<-l.waited
		}
	})
}

// pair makes a socketpair: a connection for this process, and a file for the other.
func pair() (net.Conn, *os.File, error) {
	fds, err := linux.SocketPair()
	if err != nil {
		return nil, nil, err
	}
	mine, other := os.NewFile(uintptr(fds[0]), "control"), os.NewFile(uintptr(fds[1]), "peer")
	defer mine.Close() // FileConn makes its own descriptor
	conn, err := net.FileConn(mine)
	if err != nil {
		other.Close()
		return nil, nil, fmt.Errorf("control connection: %w", err)
	}
	return conn, other, nil
}

// tail keeps the end of what a peer says.
type tail struct {
	mu    sync.Mutex
	text  []byte
	ended chan struct{} // closed when nobody can say more
}

func newTail() *tail { return &tail{ended: make(chan struct{})} }

const tailBytes = 4096

func (t *tail) keep(r io.ReadCloser) {
	defer close(t.ended)
	defer r.Close()
	buf := make([]byte, 1024)
	for {
		n, err := r.Read(buf)
		t.mu.Lock()
		t.text = append(t.text, buf[:n]...)
		if over := len(t.text) - tailBytes; over > 0 {
			t.text = t.text[over:]
		}
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
