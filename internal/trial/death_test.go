//go:build linux

package trial

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"twomsl/internal/lab"
	"twomsl/internal/labtest"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/peer"
	"twomsl/internal/scenario"
)

// A side that dies takes the link along, and the other side's complaint may come first: whoever reads it is told who died.
func TestNetNSTheDeadSideIsNamed(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	l, err := lab.Start(scenario.Veth, labtest.Program)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := &run{hard: t.Context(), lab: l}
	r.client = &side{name: "client", remote: peer.NewRemote("client", l.Client.Control), lab: &l.Client}
	r.server = &side{name: "server", remote: peer.NewRemote("server", l.Server.Control), lab: &l.Server}
	hello, err := r.client.remote.Hello(r.hard)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(hello.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	told := r.explain(errors.New("server: link veth0: Link not found")).Error()
	if !strings.Contains(told, "the client's process has ended: signal: killed") || !strings.Contains(told, "veth0") {
		t.Errorf("told %q", told)
	}
}
