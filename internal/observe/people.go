//go:build linux

package observe

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"twomsl/internal/look"
	"twomsl/internal/record"
)

const (
	// mostTold bounds how many processes are told.
	mostTold = 20
	// mostLinks and longestSearch bound the search for the holders of sockets.
	mostLinks     = 500_000
	longestSearch = 3 * time.Second
)

// search goes through the processes of a host.
type search struct {
	view    *view
	inodes  map[uint32][]int // nil: only count descriptors
	sockets []look.Socket
	holder  map[uint32]int // the process with the lowest number that holds an inode
	links   int
	until   time.Time

	denied, uncounted, gaveUp bool
}

// people finds out who holds the sockets, and who holds many descriptors.
func (v *view) people(l *look.Look, inodes map[uint32][]int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	s := search{
		view: v, inodes: inodes, sockets: l.Listing.Sockets, holder: map[uint32]int{}, until: time.Now().Add(longestSearch),
	}
	l.Descriptors = []record.Descriptors{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if d, many := s.process(pid); many {
			l.Descriptors = append(l.Descriptors, d)
		}
	}
	slices.SortFunc(l.Descriptors, func(a, b record.Descriptors) int {
		return cmp.Compare(float64(b.InUse)/float64(b.Limit), float64(a.InUse)/float64(a.Limit))
	})
	l.Descriptors = l.Descriptors[:min(len(l.Descriptors), mostTold)]
	if inodes == nil {
		return
	}
	s.name()
	l.Listing.Programs = len(s.holder) > 0 || !s.denied
	for _, g := range []struct {
		is  bool
		gap record.Gap
	}{{s.denied, look.GapOthers}, {s.gaveUp, look.GapManyPrograms}, {s.uncounted, look.GapDescriptors}} {
		if g.is {
			l.Gaps = append(l.Gaps, g.gap)
		}
	}
}

// process looks at one process, and tells whether it holds many descriptors. It may end meanwhile: then it is not told.
func (s *search) process(pid int) (record.Descriptors, bool) {
	proc := "/proc/" + strconv.Itoa(pid)
	if !s.view.holds(proc) {
		return record.Descriptors{}, false
	}
	n, known := s.descriptors(pid, proc)
	if !known || n < fewDescriptors {
		return record.Descriptors{}, false
	}
	limit := openFiles(proc)
	if limit <= 0 || n < manyDescriptors && 2*n < limit {
		return record.Descriptors{}, false
	}
	return record.Descriptors{Program: programName(pid), InUse: n, Limit: limit}, true
}

// holds tells whether a process is in the namespace. Where an ordinary user looks at where he is, others' processes cannot be
// asked; they most likely are there too.
func (v *view) holds(proc string) bool {
	link, err := os.Readlink(proc + "/ns/net")
	if err != nil || v.netns == "" {
		return v.own && os.Geteuid() != 0
	}
	return link == v.netns
}

// descriptors counts a process's descriptors; where the sockets are searched for it goes through them. Since Linux 6.2 the size
// of the directory is their number, which anybody may know (fs/proc/fd.c, proc_fd_getattr).
func (s *search) descriptors(pid int, proc string) (int64, bool) {
	info, err := os.Stat(proc + "/fd")
	if err != nil {
		return 0, false
	}
	searching := s.inodes != nil && !s.gaveUp
	if !searching && info.Size() > 0 {
		return info.Size(), true
	}
	dir, err := os.Open(proc + "/fd")
	if err != nil {
		s.denied = s.denied || os.IsPermission(err)
		s.uncounted = s.uncounted || info.Size() == 0
		return info.Size(), info.Size() > 0
	}
	defer dir.Close() //nolint:errcheck // only read from
	names, err := dir.Readdirnames(-1)
	if err == nil && searching {
		s.follow(pid, proc, names)
	}
	return int64(len(names)), err == nil
}

// follow notes the sockets among a process's descriptors.
func (s *search) follow(pid int, proc string, names []string) {
	for _, name := range names {
		if s.links++; s.links > mostLinks || time.Now().After(s.until) {
			s.gaveUp = true
			return
		}
		link, err := os.Readlink(proc + "/fd/" + name)
		text, isSocket := strings.CutPrefix(link, "socket:[")
		if err != nil || !isSocket {
			continue
		}
		inode, err := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 32)
		if err != nil || s.inodes[uint32(inode)] == nil {
			continue
		}
		if before, known := s.holder[uint32(inode)]; !known || pid < before {
			s.holder[uint32(inode)] = pid
		}
	}
}

// name tells the sockets who holds them.
func (s *search) name() {
	names := map[int]string{}
	for inode, pid := range s.holder {
		if names[pid] == "" {
			names[pid] = programName(pid)
		}
		for _, i := range s.inodes[inode] {
			s.sockets[i].Program = names[pid]
		}
	}
}

// programName is name[pid], the name as the kernel has it, without what would not survive in a text.
func programName(pid int) string {
	name := "?"
	if text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm"); err == nil {
		name = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || r == '"' || r == unicode.ReplacementChar {
				return '?'
			}
			return r
		}, strings.TrimSuffix(string(text), "\n"))
	}
	return name + "[" + strconv.Itoa(pid) + "]"
}

// openFiles is RLIMIT_NOFILE of a process, soft; 0 where it cannot be read.
func openFiles(proc string) int64 {
	text, err := os.ReadFile(proc + "/limits")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "\nMax open files")
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
