//go:build linux

package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"

	"twomsl/internal/linux"
	"twomsl/internal/scenario"
)

// The descriptors that Init inherits: its own, and from firstPeerFD on two for each peer, in the order of hosts.
const (
	lifeFD      = 3
	firstPeerFD = 4
)

// hosts names the peers, in the order in which spawn passes their descriptors.
func (o order) hosts() []string {
	if o.Relay {
		return []string{"client", "relay", "server"}
	}
	return []string{"client", "server"}
}

// ControlFD is the descriptor on which a peer finds its end of the control connection.
const ControlFD = 3

// Link is the name of the link's end in either namespace. A relay has two: Link goes to the client, Onward to the server.
const (
	Link   = "veth0"
	Onward = "veth1"
)

// Init is the lab's first process: it starts the peers, joins their namespaces by a link and stays until the
// conductor's end of the lifeline closes. It returns the exit code.
func Init() int {
	linux.CloseOnExec(lifeFD)
	life := os.NewFile(lifeFD, "lifeline")
	in, out := json.NewDecoder(life), &reporter{out: json.NewEncoder(life)}
	var o order
	if err := in.Decode(&o); err != nil {
		out.send(report{Error: "the order cannot be read: " + err.Error()})
		return 1
	}
	if err := o.carryOut(out); err != nil {
		out.send(report{Error: err.Error()})
		return 1
	}
	out.send(report{Ready: true})
	io.Copy(io.Discard, life) //nolint:errcheck // whatever ends it, the conductor is gone
	return 0
}

// reporter serialises what several goroutines tell the conductor.
type reporter struct {
	mu  sync.Mutex
	out *json.Encoder
}

func (r *reporter) send(m report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.Encode(m) //nolint:errcheck // a conductor that is gone needs no answer
}

func (o order) carryOut(out *reporter) error {
	if !slices.Contains(scenario.Topologies, o.Topology) || o.Path == "" {
		return fmt.Errorf("the order makes no sense: topology %q, program %q", o.Topology, o.Path)
	}
	var pids []int
	for i := range 2 * len(o.hosts()) {
		linux.CloseOnExec(firstPeerFD + i)
	}
	for i, name := range o.hosts() {
		pid, err := o.peer(name, uintptr(firstPeerFD+2*i), uintptr(firstPeerFD+2*i+1), out)
		if err != nil {
			return err
		}
		pids = append(pids, pid)
	}
	switch o.Topology {
	case scenario.Veth:
		return joinAll(pids)
	case scenario.Loopback:
		return up("lo")
	}
	return nil
}

// peer starts one side; with a link each has a network namespace of its own, else both share this one.
func (o order) peer(name string, control, stderr uintptr, out *reporter) (int, error) {
	c := exec.Command(o.Path, append(append([]string{}, o.Peer...), name)...)
	ctl, err := os.NewFile(control, name), os.NewFile(stderr, name+" stderr")
	c.ExtraFiles = []*os.File{ctl}
	c.Stderr = err
	c.SysProcAttr = &syscall.SysProcAttr{}
	if o.Topology == scenario.Veth {
		c.SysProcAttr.Cloneflags = linux.CloneNewNet
	}
	if e := c.Start(); e != nil {
		return 0, fmt.Errorf("%s process: %w", name, e)
	}
	ctl.Close()
	err.Close()
	go func() {
		text := "ended"
		if e := c.Wait(); e != nil {
			text = e.Error()
		}
		out.send(report{Exit: &Exit{Side: name, Text: text}})
	}()
	return c.Process.Pid, nil
}

// joinAll links each peer to the next one.
func joinAll(pids []int) error {
	name := Link
	for i := range len(pids) - 1 {
		if err := join(pids[i], name, pids[i+1]); err != nil {
			return err
		}
		name = Onward // the next link is the second of the peer that it begins at
	}
	return nil
}

// join makes a link, each end in a peer's namespace.
func join(from int, name string, to int) error {
	v := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name, Namespace: netlink.NsPid(from)},
		PeerName:  Link, PeerNamespace: netlink.NsPid(to),
	}
	if err := netlink.LinkAdd(v); err != nil {
		return fmt.Errorf("veth link between the peers: %w", err)
	}
	return nil
}
