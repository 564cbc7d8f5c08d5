//go:build linux

package trial

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// memory is the kernel's caches before the load and at the end of the hold, where somebody asked for them.
type memory struct {
	asked       bool
	err         error
	before      map[string]sample.SlabCache
	after       map[string]sample.SlabCache
	slab, slabs int64 // Slab of /proc/meminfo, then and there; 0 where it cannot be read
}

func (m *memory) begin(asked bool) {
	if m.asked = asked; asked {
		m.before, m.err = sample.SlabCaches()
		m.slab = lookAtSlab()
	}
}

func (m *memory) end() {
	if m.asked && m.err == nil {
		m.after, m.err = sample.SlabCaches()
		m.slabs = lookAtSlab()
	}
}

// takeMemory fills in what was asked for. The peers still live: with them goes the most that they held.
func (r *run) takeMemory(t *record.Trial) {
	if !r.memory.asked {
		return
	}
	if t.Environment.Unmeasured == nil {
		t.Environment.Unmeasured = map[string]string{}
	}
	if r.memory.err != nil {
		t.Environment.Unmeasured["kernel_memory"] = r.memory.err.Error()
	} else {
		t.KernelMemory = r.memory.growth()
	}
	family, err := sample.Family("/proc", os.Getpid())
	if err != nil {
		t.Environment.Unmeasured["processes"] = err.Error()
		return
	}
	t.Processes = []record.ProcessMemory{}
	for _, p := range family {
		t.Processes = append(t.Processes, record.ProcessMemory{Role: r.role(p), PID: p.PID, PeakBytes: p.Peak})
	}
}

// growth is that of each cache which grew.
func (m *memory) growth() *record.KernelMemory {
	out := &record.KernelMemory{Caches: []record.CacheGrowth{}}
	for _, name := range slices.Sorted(maps.Keys(m.after)) {
		now, was := m.after[name], m.before[name]
		g := record.CacheGrowth{
			Name: name, Also: now.Also, ObjectBytes: now.ObjectBytes,
			Objects: now.Objects - was.Objects, Bytes: now.Bytes - was.Bytes,
		}
		if g.Objects > 0 || g.Bytes > 0 {
			out.Caches = append(out.Caches, g)
		}
	}
	if m.slab > 0 && m.slabs > 0 {
		out.SlabBytes = new(m.slabs - m.slab)
	}
	return out
}

// role tells what a process of the family is for: the conductor, a side, a part of one, or by its own name.
func (r *run) role(p sample.Process) string {
	if p.PID == os.Getpid() {
		return "conductor"
	}
	if len(p.Args) == 0 {
		return fmt.Sprint(p.PID)
	}
	last := p.Args[len(p.Args)-1]
	for _, known := range [][]string{r.opt.Program.Init, r.opt.Program.Peer} {
		if len(known) > 0 && slices.Contains(p.Args, known[0]) {
			return strings.TrimPrefix(last, "--")
		}
	}
	return filepath.Base(p.Args[0])
}
