package sample

import (
	"testing"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

func TestStatesRoundTrip(t *testing.T) {
	for _, state := range record.States {
		number, ok := KernelState(state)
		if !ok {
			t.Errorf("%s has no kernel number", state)
		}
		if back, ok := StateOf(number); !ok || back != state {
			t.Errorf("%s is %d, which is %s", state, number, back)
		}
	}
	if s, _ := StateOf(linux.DiagNewSynRecv); s != record.SynRecv {
		t.Errorf("NEW_SYN_RECV is %q", s)
	}
	for _, number := range []uint8{0, 13, 255} {
		if s, ok := StateOf(number); ok {
			t.Errorf("state number %d is told as %s", number, s)
		}
	}
	if n, ok := KernelState(""); ok {
		t.Errorf("no state has number %d", n)
	}
}
