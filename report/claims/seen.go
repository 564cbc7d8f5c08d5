package claims

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"twomsl/internal/record"
)

// Seen is what a judge looks at: the tries by the claim's names for them. What a judge asks for and was not measured is
// noted, and makes the claim untestable, whatever the judge says.
type Seen struct {
	parts map[string]*record.Tried
	lacks []string // why there is no verdict
}

func find(tried []record.Tried, t record.Try) *record.Tried {
	i := slices.IndexFunc(tried, func(o record.Tried) bool { return o.Key() == t.Key() })
	if i < 0 {
		return nil
	}
	return &tried[i]
}

func see(parts []Part, tried []record.Tried) *Seen {
	s := &Seen{parts: map[string]*record.Tried{}}
	for _, p := range parts {
		t := find(tried, p.Try)
		switch {
		case t == nil:
			s.lack("not run")
			continue
		case t.Cannot != "":
			s.lack("%s", t.Cannot)
		case t.Failure != "":
			s.lack("its test broke: %s", t.Failure)
		case p.Scenario != "" && (t.Trial == nil || t.Trial.Status != record.Complete):
			s.lack("its trial was not carried through")
		}
		s.parts[p.Name] = t
	}
	return s
}

func (s *Seen) lack(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(s.lacks, text) {
		s.lacks = append(s.lacks, text)
	}
}

// figure is a number of an assay.
func (s *Seen) figure(part, name string) float64 {
	for _, f := range s.parts[part].Figures {
		if f.Name == name {
			return f.Value
		}
	}
	s.lack("%s was not measured", strings.ReplaceAll(name, "_", " "))
	return 0
}

// has tells whether an assay measured something.
func (s *Seen) has(part, name string) bool {
	return slices.ContainsFunc(s.parts[part].Figures, func(f record.Figure) bool { return f.Name == name })
}

// text is the first of an assay's remarks.
func (s *Seen) text(part string) string {
	if texts := s.parts[part].Texts; len(texts) > 0 {
		return texts[0]
	}
	return ""
}

func (s *Seen) trial(part string) *record.Trial { return s.parts[part].Trial }

// opened is how many connections a trial began.
func (s *Seen) opened(part string) float64 { return float64(s.trial(part).Connections.Attempted) }

func (s *Seen) failed(part string) float64 { return float64(s.trial(part).Connections.Failed) }

// left is how many sockets a side had in a state when the load ended, with those TIME_WAIT that were replaced or reused.
func (s *Seen) left(part, side string, state record.State) float64 {
	seen := s.trial(part).Close.Seen
	c := seen.Client
	if side == server {
		c = seen.Server
	}
	if c.States == nil {
		s.lack("the states of the %s were not counted", side)
	}
	return float64(c.States[state])
}

// standing is how many TIME_WAIT a side holds at the end.
func (s *Seen) standing(part, side string) float64 {
	v := s.side(part, side)
	if v.States.End == nil {
		s.lack("the states of the %s were not counted", side)
	}
	return float64(v.States.End[record.TimeWait])
}

const (
	client = "client"
	server = "server"
)

func (s *Seen) side(part, side string) *record.Side {
	if side == server {
		return &s.trial(part).Sides.Server
	}
	return &s.trial(part).Sides.Client
}

// counter is by how much a side's counter moved.
func (s *Seen) counter(part, side, name string) float64 {
	n, ok := s.side(part, side).Counters[name]
	if !ok {
		s.lack("this kernel has no counter %s", name)
	}
	return float64(n)
}

// setting is a side's value of a setting.
func (s *Seen) setting(part, side, key string) string {
	v, ok := s.side(part, side).Sysctls.Effective[key]
	if !ok {
		s.lack("%s was not read", key)
	}
	return v
}

// asked is what became of a setting that a try asked for; nil where the side was not asked.
func (s *Seen) asked(part, side, key string) *record.SysctlAsked {
	list := s.side(part, side).Sysctls.Asked
	i := slices.IndexFunc(list, func(q record.SysctlAsked) bool { return q.Key == key })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// nearly tells whether a count is the whole, but for one in a hundred.
func nearly(n, whole float64) bool { return whole > 0 && n >= 0.99*whole && n <= 1.01*whole }

// hardly tells whether a count is next to nothing of the whole.
func hardly(n, whole float64) bool { return n <= 0.01*whole }

// num writes a number for a sentence: counts in thousands, others with a digit or two.
func num(v float64) string {
	if v == float64(int64(v)) {
		return grouped(int64(v))
	}
	text := strconv.FormatFloat(v, 'f', 2, 64)
	if v >= 10 || v <= -10 {
		text = strconv.FormatFloat(v, 'f', 1, 64)
	}
	return text
}

func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// one writes a time with one digit, as clocks are spoken of.
func one(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// two writes a time that was measured to a hundredth.
func two(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// either gives a verdict by a condition.
func either(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}
