//go:build linux

package main

import (
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"twomsl/internal/lab"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/scenario"
)

// pairOfHosts are two network namespaces on a link that play two hosts, which only the public commands meet in.
type pairOfHosts struct {
	client, server *nstest.Namespace
	there          netip.Addr
	dir            string
}

func twoHosts(t *testing.T) *pairOfHosts {
	t.Helper()
	p := &pairOfHosts{client: nstest.Require(t), server: nstest.Require(t), dir: t.TempDir()}
	end, err := os.Open(p.server.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	mine, theirs := lab.Addresses(scenario.Veth, scenario.IPv4, 1, 1)
	p.there = theirs[0].Addr()
	p.client.Enter(t)
	err = netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: lab.Link}, PeerName: lab.Link, PeerNamespace: netlink.NsFd(int(end.Fd())),
	})
	if err == nil {
		err = lab.SetUpLink(mine)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.server.Enter(t)
	if err := lab.SetUpLink(theirs); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*nstest.Namespace{p.client, p.server} {
		n.Enter(t)
		if err := lab.AwaitLink(); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// waiting is a `twomsl server` on the server's host.
type waiting struct {
	*exec.Cmd
	stdout, stderr said
	ended          chan struct{}
	at             string // its control port
}

var listensAt = regexp.MustCompile(`listening: (\S+)\n`)

// serve starts `twomsl server` on the server's host.
func (p *pairOfHosts) serve(t *testing.T, args ...string) *waiting {
	t.Helper()
	p.server.Enter(t) // a process starts in its parent's thread's namespace
	return p.started(t, twomsl(t, append(p.serverArgs(), args...)...))
}

func (p *pairOfHosts) serverArgs() []string {
	return []string{"server", "--listen", p.there.String() + ":0", "--token-file", "token", "--records", "server-records"}
}

func (p *pairOfHosts) started(t *testing.T, c *exec.Cmd) *waiting {
	t.Helper()
	w := &waiting{Cmd: c, ended: make(chan struct{})}
	w.Dir, w.Stdout, w.Stderr = p.dir, &w.stdout, &w.stderr
	w.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // unshare(1) keeps signals to itself
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		w.Wait() //nolint:errcheck // the state is read from it
		close(w.ended)
	}()
	t.Cleanup(func() { w.end(t) })
	await(t, "the server listens", func() bool { return listensAt.MatchString(w.stdout.String()) })
	w.at = listensAt.FindStringSubmatch(w.stdout.String())[1]
	return w
}

func (w *waiting) end(t *testing.T) {
	t.Helper()
	syscall.Kill(-w.Process.Pid, syscall.SIGTERM) //nolint:errcheck // it may have ended
	select {
	case <-w.ended:
	case <-time.After(patience):
		t.Error("the server does not end")
		w.Process.Kill() //nolint:errcheck // as above
	}
}

// await waits for what must come.
func await(t *testing.T, what string, there func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !there(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// run starts `twomsl run` on the client's host.
func (p *pairOfHosts) run(t *testing.T, w *waiting, args ...string) *exec.Cmd {
	t.Helper()
	p.client.Enter(t)
	c := twomsl(t, append([]string{
		"run", args[0], "-q", "--server", w.at, "--token-file", "token", "--accept-risk=host-ports", "--records", "records",
	}, args[1:]...)...)
	c.Dir = p.dir
	return c
}
