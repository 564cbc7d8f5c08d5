package linux

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openRing gives an enabled ring to a test that stays on its thread.
func openRing(t *testing.T, entries, files int) *Ring {
	t.Helper()
	if err := TryRing(false); err != nil {
		t.Skip(err)
	}
	runtime.LockOSThread()
	r, err := OpenRing(entries, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	if e := r.Enable(); e != 0 {
		t.Fatal(e)
	}
	return r
}

// take waits for a completion.
func take(t *testing.T, r *Ring) CQE {
	t.Helper()
	for range 100 {
		if c, some := r.Next(); some {
			return c
		}
		if e := r.Enter(100 * time.Millisecond); e != 0 {
			t.Fatal(e)
		}
	}
	t.Fatal("nothing completes")
	return CQE{}
}

// More completions than there is room for are kept by the kernel until they are taken.
func TestCompletionsThatOverflow(t *testing.T) {
	const entries, all = 4, 4 * 4 * 10
	r := openRing(t, entries, 1)
	for i := range all {
		if r.Room() == 0 {
			if e := r.Enter(0); e != 0 {
				t.Fatal(e)
			}
		}
		if r.Room() == 0 {
			t.Fatalf("the kernel took nothing after %d", i)
		}
		r.Nop(uint64(i))
	}
	for i := range uint64(all) {
		if c := take(t, r); c.Tag != i || c.Res != 0 {
			t.Fatalf("%+v instead of %d", c, i)
		}
	}
}

// A wait ends when its time is up.
func TestEnterIsBounded(t *testing.T) {
	r := openRing(t, 4, 1)
	begun := time.Now()
	if e := r.Enter(2 * time.Millisecond); e != 0 {
		t.Fatal(e)
	}
	if took := time.Since(begun); took < 2*time.Millisecond {
		t.Errorf("it waited %v", took)
	}
}

// What cannot be had is told by the call and its errno.
func TestRingThatCannotBeHad(t *testing.T) {
	if err := TryRing(false); err != nil {
		t.Skip(err)
	}
	_, err := OpenRing(4, 1<<30)
	var refused *RingError
	if !errors.As(err, &refused) || refused.Err != unix.EMFILE {
		t.Errorf("a table of 2^30 descriptors gives %v", err)
	}
	if _, err := OpenRing(0, 1); !errors.As(err, &refused) || refused.Call != "io_uring_setup" {
		t.Errorf("no entries give %v", err)
	}
}
