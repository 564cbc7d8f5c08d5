package record

import "fmt"

// mostShards bounds what a shard can say of how many there are.
const mostShards = 1000

// shard checks what a share of a run says of itself.
func (c *checker) shard(d *Shard) {
	if d == nil {
		return
	}
	c.shardNumber("shard.number", d.Number, d.Of)
	if err := checkID(d.RunID); err != nil {
		c.add("shard.run_id", "%v", err)
	}
	c.secondsPtr("shard.whole.asked_per_second", d.Whole.AskedPerSecond)
}

func (c *checker) shardNumber(path string, n, of int) {
	switch {
	case of < 1 || of > mostShards:
		c.add(path, "is of %d, not of 1 to %d", of, mostShards)
	case n < 1 || n > of:
		c.add(path, "is %d, not 1 to %d", n, of)
	}
}

// merged checks what a merged record is made of: each number once, there or missing.
func (c *checker) merged(m *Merged) {
	if m == nil {
		return
	}
	times := map[int]int{}
	for i, s := range m.Shards {
		c.shardNumber(fmt.Sprintf("merged.shards[%d].number", i), s.Number, m.Of)
		c.statusName(s.Status)
		times[s.Number]++
	}
	for i, n := range m.Missing {
		c.shardNumber(fmt.Sprintf("merged.missing[%d]", i), n, m.Of)
		times[n]++
	}
	for n := 1; n <= min(m.Of, mostShards); n++ {
		if times[n] != 1 {
			c.add("merged", "has shard %d %d times among shards and missing, not once", n, times[n])
		}
	}
}
