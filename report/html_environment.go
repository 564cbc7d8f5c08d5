package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"twomsl/internal/record"
)

// environment adds what the machine was.
func (s *pageSection) environment(e *record.Environment) {
	s.pair("kernel", clean(e.Kernel))
	s.pair("build", clean(e.Build))
	s.pair("its command line", clean(e.CommandLine))
	s.pair("processor", joined(clean(e.CPUModel), clean(e.Arch), processors(e)))
	s.pair("memory", memoryWords(e))
	if e.HZ > 0 {
		s.pair("timer", fmt.Sprintf("HZ%s%d", nbsp, e.HZ))
	}
	s.pair("mitigations", pairsOf(e.Mitigations))
	s.pair("load of the machine", clean(e.LoadAverage))
	s.pair("Go", clean(e.Go))
}

func (s *pageSection) started(at time.Time) {
	if !at.IsZero() {
		s.pair("started", at.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
}

// pair adds a name with what it stands for, where that is known.
func (s *pageSection) pair(name, text string) {
	if text != "" {
		s.Pairs = append(s.Pairs, pagePair{Name: name, Text: text})
	}
}

// code adds what can be typed, where there is something to type.
func (s *pageSection) code(label, text string) {
	if text != "" {
		s.Codes = append(s.Codes, pageCode{label, text})
	}
}

// again says how to make the page from its record.
func (s *pageSection) again(opt Options) {
	if path := clean(opt.RecordPath); path != "" {
		s.code("Tell it again from its record:", "twomsl report "+path+" -o html=report.html")
	}
}

func processors(e *record.Environment) string {
	var parts []string
	if e.CPUs > 0 {
		parts = append(parts, counted(int64(e.CPUs), "processor", "processors"))
	}
	if e.CgroupQuota != nil {
		parts = append(parts, "limited to "+figure(*e.CgroupQuota, 1))
	}
	if pinned := clean(e.Pinned.Client); pinned != "" {
		parts = append(parts, "client on "+pinned)
	}
	if pinned := clean(e.Pinned.Server); pinned != "" {
		parts = append(parts, "server on "+pinned)
	}
	return strings.Join(parts, ", ")
}

func memoryWords(e *record.Environment) string {
	if e.MemoryBytes <= 0 {
		return ""
	}
	return size(float64(e.MemoryBytes))
}

func pairsOf(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, clean(k)+": "+clean(m[k]))
	}
	return strings.Join(parts, "; ")
}
