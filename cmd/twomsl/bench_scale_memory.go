package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// scaleFigures are what a row came to in one round.
type scaleFigures struct {
	kind    scaleKind
	asked   int
	sockets int64 // counted while they stood
	made    float64
	caches  []scaleCache
	slab    *int64
	own     int64    // all processes of ours, at their fullest
	ownEach *float64 // of the sides' processes, by socket; nil where they hold none
	renewed int64
	read    bool // the caches could be
	// lookedAt is how many inodes of /proc came for each socket: somebody looked at the descriptors of all processes.
	lookedAt float64
	main     float64 // objects of the sockets' own cache, for each socket: 1 where nobody else's came or went
}

// scaleCache is what a cache grew by, for each socket.
type scaleCache struct {
	label   string
	names   []string
	object  int64
	objects float64
	bytes   float64
}

// measured takes the figures from a trial that is complete.
func (s *scaleSize) measured(t *record.Trial) scaleFigures {
	m := scaleFigures{kind: s.kind, asked: s.n}
	if s.kind == established {
		for _, side := range []*record.Side{&t.Sides.Client, &t.Sides.Server} {
			m.sockets += side.States.End[record.Established]
		}
		m.made = t.Rate.ReachedPerSecond
		m.ownEach = ownEach(t, m.sockets)
	} else if t.Stand != nil {
		m.sockets, m.renewed = t.Stand.Standing[record.TimeWait], t.Stand.Renewed
		if t.Stand.Reached != nil {
			m.made = float64(m.sockets) / *t.Stand.Reached
		}
	}
	for _, p := range t.Processes {
		m.own += p.PeakBytes
	}
	if t.KernelMemory != nil && m.sockets > 0 {
		m.read, m.slab = true, t.KernelMemory.SlabBytes
		m.caches, m.lookedAt = scaleCaches(t.KernelMemory.Caches, m.sockets)
		for _, c := range m.caches {
			if c.label == s.cache() {
				m.main = c.objects
			}
		}
	}
	return m
}

// disturbance is by how much the sockets' own cache may have grown more or less than by the sockets, as a share of them;
// slabSlack comes on top.
const disturbance = 0.02

// disturbed tells that other sockets came or went on the host meanwhile: then nothing can be said of ours.
func (m *scaleFigures) disturbed() bool {
	return m.read && math.Abs(m.main-1) > disturbance+slabSlack/float64(max(1, m.sockets))
}

// ownEach is what the processes that hold the sockets grew by, for each; nil where it was not measured.
func ownEach(t *record.Trial, sockets int64) *float64 {
	sum := int64(0)
	for _, side := range []*record.Side{&t.Sides.Client, &t.Sides.Server} {
		m := side.Memory
		if m == nil || m.ResidentBefore == nil || m.ResidentBytes == nil {
			return nil
		}
		sum += *m.ResidentBytes - *m.ResidentBefore
	}
	if sockets == 0 {
		return nil
	}
	return new(float64(sum) / float64(sockets))
}

// ofSockets are the caches that a socket has objects of; what else grew on the host is not counted.
var ofSockets = []string{
	"TCP", "TCPv6", "tw_sock_TCP", "tw_sock_TCPv6", "request_sock_TCP", "request_sock_TCPv6", "tcp_bind_bucket",
	"tcp_bind2_bucket", "sock_inode_cache", "dentry", "filp", "eventpoll_epi", "ep_head", "skbuff_head_cache",
	"skbuff_fclone_cache", "skbuff_small_head", "lsm_inode_cache", "lsm_file_cache",
}

// leastShare is how many objects a socket must have of a cache on average, so that the cache is counted.
const leastShare = 0.05

// onLookers are the caches in which somebody else has an object for each open socket who looks at the descriptors of all
// processes (/proc/PID/fd), beside one of procInodes.
var onLookers = []string{"dentry", "lsm_inode_cache"}

const procInodes = "proc_inode_cache"

// scaleCaches are those that belong to sockets, and how many descriptors of each socket were looked at meanwhile.
func scaleCaches(grew []record.CacheGrowth, sockets int64) (out []scaleCache, lookedAt float64) {
	for _, g := range grew {
		if g.Name == procInodes {
			lookedAt = float64(max(0, g.Objects)) / float64(sockets)
		}
	}
	for _, g := range grew {
		names := socketCaches(append([]string{g.Name}, g.Also...))
		objects, bytes := float64(g.Objects)/float64(sockets), float64(g.Bytes)/float64(sockets)
		if slices.Contains(onLookers, g.Name) && objects > 0 {
			own := max(0, objects-lookedAt)
			objects, bytes = own, bytes*own/objects
		}
		if len(names) == 0 || objects < leastShare {
			continue
		}
		out = append(out, scaleCache{label: names[0], names: names, object: g.ObjectBytes, objects: objects, bytes: bytes})
	}
	return out, lookedAt
}

// socketCaches are those of the names that belong to sockets.
func socketCaches(names []string) (out []string) {
	for _, name := range ofSockets {
		if slices.Contains(names, name) {
			out = append(out, name)
		}
	}
	return out
}

func (m *scaleFigures) metrics(cleared *float64) (out []record.BenchMetric) {
	var sum float64
	for _, c := range m.caches {
		sum += c.bytes
	}
	if m.read && !m.disturbed() {
		out = append(out, benchFigure("bytes_per_socket", "B/socket", "", sum))
	}
	out = append(out, benchFigure("sockets", "sockets", "", float64(m.sockets)))
	if m.slab != nil && m.sockets > 0 && !m.disturbed() {
		out = append(out, benchFigure("slab_per_socket", "slab-B/socket", "", float64(*m.slab)/float64(m.sockets)))
	}
	if m.ownEach != nil {
		out = append(out, benchFigure("own_bytes_per_socket", "own-B/socket", "", *m.ownEach))
	}
	out = append(out, benchFigure("own_memory", "own-MB", "", float64(m.own)/1e6))
	if m.made > 0 {
		out = append(out, benchFigure("made_per_second", "made/s", "", m.made))
	}
	if cleared != nil {
		out = append(out, benchFigure("clear_seconds", "s-to-clear", "", *cleared))
	}
	if m.renewed > 0 {
		out = append(out, benchFigure("renewed", "renewed", "", float64(m.renewed)))
	}
	return out
}

// scaleFamily is the latest round of a state at its largest size.
type scaleFamily struct {
	row string
	scaleFigures
}

// noteFamily keeps one for each state.
func noteFamily(list []scaleFamily, row string, m scaleFigures) []scaleFamily {
	for i := range list {
		if list[i].kind != m.kind {
			continue
		}
		if m.asked >= list[i].asked {
			list[i] = scaleFamily{row, m}
		}
		return list
	}
	return append(list, scaleFamily{row, m})
}

// note says what a socket consists of.
func (f *scaleFamily) note() string {
	if len(f.caches) == 0 {
		return f.row + ": what it consists of could not be read (" + sample.ErrSlabMerged.Error() + ")"
	}
	var parts []string
	for _, c := range f.caches {
		name := strings.Join(c.names, " or ")
		parts = append(parts, fmt.Sprintf("%.2f %s of %d B (%.0f B)", c.objects, name, c.object, c.bytes))
	}
	text := f.row + ": a socket is " + strings.Join(parts, " + ")
	if f.kind == established && f.lookedAt > leastShare {
		text += fmt.Sprintf("; left out are %.2f %s and as many dentries and security blobs: somebody on this host looks at the "+
			"descriptors of all processes", f.lookedAt, procInodes)
	}
	return text
}
