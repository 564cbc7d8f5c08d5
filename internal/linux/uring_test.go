//go:build linux

package linux

import (
	"math"
	"math/rand/v2"
	"testing"
)

// kernel is the other end of a queue: it takes submissions in order and completes them.
type kernel struct {
	sqHead, sqTail, cqHead, cqTail uint32
	q                              queue
}

// newKernel makes a queue whose counts begin at a number of one's choice.
func newKernel(entries int, from uint32) *kernel {
	k := &kernel{sqHead: from, sqTail: from, cqHead: from, cqTail: from}
	k.q = queue{
		sqTail: &k.sqTail, cqHead: &k.cqHead, cqTail: &k.cqTail,
		sqes: make([]SQE, entries), cqes: make([]CQE, 2*entries), tail: from, head: from,
	}
	return k
}

// complete takes up to n submissions that were published, as far as there is room for what they come to.
func (k *kernel) complete(n int) {
	for ; n > 0 && k.sqHead != k.sqTail && k.cqTail-k.cqHead < uint32(len(k.q.cqes)); n-- {
		s := k.q.sqes[k.sqHead%uint32(len(k.q.sqes))]
		k.q.cqes[k.cqTail%uint32(len(k.q.cqes))] = CQE{Tag: s.Tag}
		k.sqHead++
		k.cqTail++
	}
}

// Every submission comes back once and in order, whatever is written, taken and left between two entries, and where the
// counts wrap around at 2^32.
func TestQueueLosesNothing(t *testing.T) {
	for _, from := range []uint32{0, math.MaxUint32 - 20, math.MaxUint32} {
		for seed := range uint64(50) {
			queueLosesNothing(t, from, rand.New(rand.NewPCG(seed, uint64(from))))
		}
	}
}

func queueLosesNothing(t *testing.T, from uint32, r *rand.Rand) {
	const entries, all = 8, 500
	k := newKernel(entries, from)
	ring := Ring{queue: k.q, submitted: from}
	var written, taken uint64
	for steps := 0; taken < all; steps++ {
		if steps > 100*all {
			t.Fatalf("from %d: %d of %d came back", from, taken, all)
		}
		for n := r.IntN(entries + 2); n > 0 && ring.Room() > 0 && written < all; n-- {
			ring.Nop(written)
			written++
		}
		if room := ring.Room(); room < 0 || room > entries || ring.Pending() != (room < entries) {
			t.Fatalf("from %d: room for %d of %d, pending %v", from, room, entries, ring.Pending())
		}
		ring.queue.publish()
		before := k.sqHead
		k.complete(r.IntN(entries + 1))
		ring.submitted += k.sqHead - before
		for n := r.IntN(2 * entries); n > 0; n-- {
			c, some := ring.Next()
			if !some {
				break
			}
			if c.Tag != taken {
				t.Fatalf("from %d: %d came back instead of %d", from, c.Tag, taken)
			}
			taken++
		}
	}
	if _, more := ring.Next(); more {
		t.Errorf("from %d: more came back than was written", from)
	}
}

// A submission is empty whatever stood there before.
func TestSubmissionsStartEmpty(t *testing.T) {
	k := newKernel(1, 0)
	ring := Ring{queue: k.q}
	ring.Connect(7, &Sockaddr{len: 16}, 1).Linked().Quiet()
	ring.submitted++
	if s := ring.Nop(2); *s != (SQE{Tag: 2}) {
		t.Errorf("%+v", *s)
	}
}
