package diagnose

import (
	"fmt"

	"twomsl/internal/record"
)

const (
	// descriptorsFull is the share from which on a process counts as having none left: it frees some between two looks.
	descriptorsFull = 0.98
	// descriptorsNear is from where on a healthy host is told.
	descriptorsNear = 0.8
)

// outOfDescriptors counts calls that failed for want of a descriptor.
func (s *sight) outOfDescriptors() (int64, bool) { return s.errors(nil, "EMFILE", "ENFILE") }

// closest is the process closest to its limit; nil where none was read.
func (s *sight) closest() (most *record.Descriptors, share float64) {
	for i := range s.h.Descriptors {
		d := &s.h.Descriptors[i]
		if d.Limit <= 0 {
			continue
		}
		if at := float64(d.InUse) / float64(d.Limit); most == nil || at > share {
			most, share = d, at
		}
	}
	return most, share
}

// descriptorsExhausted: a process may open no more: accept() and socket() fail.
func descriptorsExhausted(s *sight) (f finding) {
	failed, seen := s.outOfDescriptors()
	d, share := s.closest()
	holds := ""
	if d != nil {
		holds = fmt.Sprintf("%s: %s of %s descriptors in use, %s", or(d.Program, "a process"), count(d.InUse), count(d.Limit), percent(share))
	}
	switch {
	case failed > 0:
		f.confidence = record.Certain
	case d != nil && share >= descriptorsFull:
		f.confidence = record.Likely
	case d != nil:
		f.out = "descriptors: " + holds
		if share >= descriptorsNear {
			f.near = holds
		}
		return f
	case seen:
		f.out = "descriptors: no call failed with EMFILE or ENFILE"
		return f
	default:
		f.unseen = "descriptors: they take /proc/PID/fd and /proc/PID/limits of the program, as root"
		return f
	}
	f.says = "A process has no descriptor left: it can neither accept nor open a connection"
	f.evidence = some(holds)
	if failed > 0 {
		f.evidence = append(f.evidence, "calls failed "+counted(failed, "time", "times")+" with EMFILE or ENFILE")
	} else {
		f.evidence = append(f.evidence, "whether its calls fail with EMFILE only the program knows: look into its log")
	}
	if n, _ := s.state(record.Established); n > 0 {
		f.evidence = append(f.evidence, count(n)+" ESTABLISHED, "+count(s.h.States[record.CloseWait])+
			" CLOSE_WAIT: these hold descriptors; TIME_WAIT and SYN_RECV hold none")
	}
	f.evidence = append(f.evidence, s.canaries("outside", "ssh", "dns")...)
	return f
}

func descriptorRemedies(s *sight) []record.Remedy {
	pid, limit := "PID", int64(0)
	if d, _ := s.closest(); d != nil {
		limit = d.Limit
	}
	undo := "prlimit with the old values"
	if limit > 0 {
		undo = fmt.Sprintf("prlimit --pid %s --nofile=%d", pid, limit)
	}
	return []record.Remedy{
		{
			When: "tonight", Kind: "command", Do: "prlimit --pid " + pid + " --nofile=65536:65536: the running process may open more at once",
			Risk: "more connections take more memory; a program that uses select() breaks beyond 1,024", Undo: undo,
		},
		{
			When: "lasting", Kind: "systemd", Do: "LimitNOFILE=65536 in the unit, then restart", Risk: "none known", Undo: "take the line out",
		},
		{When: "lasting", Kind: "nginx", Do: "worker_rlimit_nofile 65536, twice worker_connections or more", Risk: "none known", Undo: "take the line out"},
		{
			When: "lasting", Kind: "haproxy", Do: "a maxconn that needs no more than the limit: two descriptors for each connection",
			Risk: "clients beyond maxconn wait in the backlog", Undo: "the old maxconn",
		},
		{When: "lasting", Kind: "squid", Do: "max_filedescriptors 65536", Risk: "none known", Undo: "take the line out"},
		{
			When: "lasting", Kind: "code", Do: "close what is done with on every path, and end idle connections after a time",
			Risk: "none known", Undo: "none needed",
		},
	}
}
