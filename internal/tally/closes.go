//go:build linux

package tally

import "time"

// closesStep is how finely first closes are remembered in time.
const closesStep = 100 * time.Millisecond

// Closes remembers how many first closes fell into each tenth of a second, so that it can be told afterwards how many
// TIME_WAIT must have expired. One per worker; its memory is fixed when it is made.
type Closes struct {
	total  int64
	latest int64
	steps  []uint32
}

// NewCloses has room for a run of the given length; later closes count into its last step, which ends with the latest.
func NewCloses(length time.Duration) Closes {
	return Closes{steps: make([]uint32, length/closesStep+2)}
}

// Add notes a close, in nanoseconds from the start of the run.
func (c *Closes) Add(at int64) {
	c.total++
	c.latest = max(c.latest, at)
	i := min(max(at/int64(closesStep), 0), int64(len(c.steps)-1))
	c.steps[i]++
}

// Merge adds another worker's closes.
func (c *Closes) Merge(o *Closes) {
	c.total += o.total
	c.latest = max(c.latest, o.latest)
	for i := range min(len(c.steps), len(o.steps)) {
		c.steps[i] += o.steps[i]
	}
}

// Total gives how many closes there were.
func (c *Closes) Total() int64 { return c.total }

// Until counts the closes that surely happened by the time given, and those that may have.
func (c *Closes) Until(at time.Duration) (surely, maybe int64) {
	for i, n := range c.steps {
		from := time.Duration(i) * closesStep
		to := from + closesStep
		if i == len(c.steps)-1 {
			to = time.Duration(c.latest)
		}
		if from <= at {
			maybe += int64(n)
		}
		if to <= at {
			surely += int64(n)
		}
	}
	return surely, maybe
}
