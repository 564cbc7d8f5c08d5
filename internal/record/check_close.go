package record

import (
	"fmt"
	"maps"
	"slices"
)

func (c *checker) bytes(b *Bytes) {
	c.count("bytes.written", b.Written)
	c.count("bytes.read", b.Read)
	c.countPtr("bytes.lost", b.Lost)
	for _, one := range []struct {
		path string
		way  *Direction
	}{{"bytes.to_server", b.ToServer}, {"bytes.to_client", b.ToClient}} {
		if one.way != nil {
			c.count(one.path+".written", one.way.Written)
			c.count(one.path+".read", one.way.Read)
			c.count(one.path+".lost", one.way.Lost)
		}
	}
	if p := b.ByConnection; p != nil {
		c.count("bytes.by_connection.metered", p.Metered)
		c.count("bytes.by_connection.unmatched", p.Unmatched)
		c.count("bytes.by_connection.not_metered", p.NotMetered)
		c.count("bytes.by_connection.with_loss", p.WithLoss)
		c.count("bytes.by_connection.most_lost", p.MostLost)
	}
}

// closing leaves alone a record from before there were ways to close: it names none.
func (c *checker) closing(k *Close) {
	if k.How != "" {
		c.closeSide("close.side", k.Side)
	}
	c.declared("close.declared.client", &k.Declared.Client)
	c.declared("close.declared.server", &k.Declared.Server)
	c.closeSeen("close.seen.client", &k.Seen.Client)
	c.closeSeen("close.seen.server", &k.Seen.Server)
	c.verdict("close", k.Agrees, k.NotJudged, k.Contradictions)
}

func (c *checker) closeSide(path, side string) {
	if side != "client" && side != "server" && side != "both" {
		c.add(path, "is %q, not client, server or both", side)
	}
}

// verdict holds the three parts of a judgement to each other: a reader who sees one must not be told otherwise by the
// next.
func (c *checker) verdict(path string, agrees *bool, notJudged string, contradictions []string) {
	switch n := len(contradictions); {
	case agrees == nil && n > 0:
		c.add(path+".agrees", "is null although there are %d contradictions", n)
	case agrees != nil && *agrees && n > 0:
		c.add(path+".agrees", "is true although there are %d contradictions", n)
	case agrees != nil && !*agrees && n == 0:
		c.add(path+".contradictions", "are missing although agrees is false")
	}
	if agrees != nil && notJudged != "" {
		c.add(path+".not_judged", "is there although agrees is %t", *agrees)
	}
}

func (c *checker) declared(path string, d *Declared) {
	shares(c, path+".states", d.States, States)
	shares(c, path+".passing", d.Passing, States)
	shares(c, path+".counters", d.Counters, nil)
	// An end of the stream of which nothing is said is declared to be none, like a state that is not named.
	if d.EOF != "" {
		c.share(path+".eof", d.EOF)
	}
	if d.Reset != "" {
		c.share(path+".reset", d.Reset)
	}
	c.count(path+".lost_each", d.LostEach)
}

func (c *checker) share(path string, s Share) {
	if s != None && s != All && s != Some {
		c.add(path, "is %q, not one of none, all, some", s)
	}
}

// shares checks a map of them; known are the keys that there can be, nil for any.
func shares[K ~string](c *checker, path string, m map[K]Share, known []K) {
	for _, key := range slices.Sorted(maps.Keys(m)) { // a map has no order, an error needs one
		if known != nil && !slices.Contains(known, key) {
			c.add(path, "has %q, which is no state", string(key))
		}
		c.share(path+"."+string(key), m[key])
	}
}

func (c *checker) closeSeen(path string, s *CloseSeen) {
	c.counts(path+".states", s.States)
	c.counts(path+".peak", s.Peak)
	for _, name := range slices.Sorted(maps.Keys(s.Counters)) {
		c.count(path+".counters."+name, s.Counters[name])
	}
	c.count(path+".eof", s.EOF)
	c.count(path+".reset", s.Reset)
	c.count(path+".lost", s.Lost)
}

func (c *checker) stand(s *Stand) {
	if s == nil {
		return
	}
	c.counts("stand.asked", s.Asked)
	c.counts("stand.standing", s.Standing)
	c.counts("stand.least", s.Least)
	c.counts("stand.most", s.Most)
	for _, state := range States {
		if s.Least != nil && s.Most != nil && s.Least[state] > s.Most[state] {
			c.add("stand.least."+string(state), "is %d, more than the most, %d", s.Least[state], s.Most[state])
		}
	}
	c.count("stand.looks", int64(s.Looks))
	c.count("stand.worst_deviation", s.WorstDeviation)
	c.seconds("stand.held_seconds", s.HeldSeconds)
	c.secondsPtr("stand.reached_seconds", s.Reached)
}

// Check tells everything by which m contradicts itself or the documented ranges, as Trial's does.
func (m *Matrix) Check() error {
	var c checker
	if m.Schema != "" && m.Schema != MatrixSchema {
		c.add("schema", "is %q, not %s", m.Schema, MatrixSchema)
	}
	if err := checkID(m.ID); err != nil {
		c.add("id", "%v", err)
	}
	c.seconds("seconds", m.Seconds)
	c.count("asked", int64(m.Asked))
	c.count("jobs", int64(m.Jobs))
	c.matrixStatus(m)
	for i := range m.Rows {
		c.row(fmt.Sprintf("rows[%d]", i), &m.Rows[i])
	}
	return c.err()
}

func (c *checker) matrixStatus(m *Matrix) {
	c.statusName(m.Status)
	if len(m.Rows) > m.Asked {
		c.add("rows", "are %d, but only %d were asked for", len(m.Rows), m.Asked)
	}
	if m.Status == Complete && len(m.Rows) < m.Asked {
		c.add("status", "is complete, but %d of %d rows are missing", m.Asked-len(m.Rows), m.Asked)
	}
}

func (c *checker) row(path string, r *MatrixRow) {
	c.closeSide(path+".side", r.Side)
	if r.How == "" {
		c.add(path+".how", "is empty")
	}
	if r.Failure != "" && r.Unsupported != "" {
		c.add(path+".failure", "is there although unsupported is too")
	}
	if (r.Failure != "" || r.Unsupported != "") && r.Agrees != nil {
		c.add(path+".agrees", "is %t although there are no figures", *r.Agrees)
	}
	c.declared(path+".declared.client", &r.Declared.Client)
	c.declared(path+".declared.server", &r.Declared.Server)
	c.closeSeen(path+".seen.client", &r.Seen.Client)
	c.closeSeen(path+".seen.server", &r.Seen.Server)
	c.verdict(path, r.Agrees, r.NotJudged, r.Contradictions)
	c.rowFigures(path, r)
}

func (c *checker) rowFigures(path string, r *MatrixRow) {
	c.count(path+".connections", r.Connections)
	c.count(path+".ok", r.OK)
	c.count(path+".failed", r.Failed)
	c.count(path+".reused.client", r.Reused.Client)
	c.count(path+".reused.server", r.Reused.Server)
	c.count(path+".resets_seen_by_peer", r.ResetsSeenByPeer)
	c.count(path+".resets_seen.client", r.ResetsSeen.Client)
	c.count(path+".resets_seen.server", r.ResetsSeen.Server)
	c.count(path+".bytes_written", r.BytesWritten)
	c.countPtr(path+".bytes_lost", r.BytesLost)
	c.countPtr(path+".connections_with_loss", r.ConnectionsLost)
	c.secondsPtr(path+".ports_held_per_connection", r.PortsPerConn)
	c.secondsPtr(path+".cpu_us_per_connection.client", r.CPUUSPerConn.Client)
	c.secondsPtr(path+".cpu_us_per_connection.server", r.CPUUSPerConn.Server)
	c.countPtr(path+".hidden_retries", r.HiddenRetries)
}
