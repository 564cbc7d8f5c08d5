//go:build linux

package main

import (
	"syscall"
	"testing"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
)

// outWithCommand is a run whose client is a command that has left its process group and its session, too.
func outWithCommand(t *testing.T) *outing {
	t.Helper()
	nstest.Require(t)
	ab := nstest.Program(t, "ab", "apache2-utils")
	o := goOut(t, "steady-200", "--rate", "max", "--client-command",
		"setsid sleep 1000 & (setsid sleep 1000 &); while :; do "+ab+" -q -k -n 50 -c 50 $TWOMSL_URL; done")
	o.waitForLoad(100)
	return o
}

// What a command started goes with a conductor that is killed, whatever it did to get away.
func TestNetNSConductorKilledWithCommand(t *testing.T) {
	t.Parallel()
	o := outWithCommand(t)
	o.signal(o.find("conductor"), syscall.SIGKILL)
	if code := o.end(); code != 128+9 {
		t.Errorf("exit code %d", code)
	}
	o.nothingLeft()
}

// A client's peer that is killed fails the run, and leaves nothing of the command whose calls it made.
func TestNetNSPeerKilledWithCommand(t *testing.T) {
	t.Parallel()
	o := outWithCommand(t)
	o.signal(o.find("client"), syscall.SIGKILL)
	if code := o.end(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	o.nothingLeft()
	if r := o.record(); r.Status != record.Failed || r.Failure.Side != "client" {
		t.Errorf("%s %+v", r.Status, r.Failure)
	}
}
