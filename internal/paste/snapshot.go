package paste

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/look"
	"twomsl/internal/record"
)

// mark reads the lines by which a text of twomsl snapshot says what follows.
func (r *reader) mark(text string) bool {
	if !strings.HasPrefix(text, look.Mark) {
		return false
	}
	switch {
	case text == look.MarkRedacted:
		r.snapshot, r.redacted = true, true
	case text == look.MarkSnapshot:
		r.snapshot = true
	case text == look.MarkEnd:
		r.ended = true
	case strings.HasPrefix(text, look.MarkLook+" "):
		r.beginLook(strings.Fields(text[len(look.MarkLook):]))
	case strings.HasPrefix(text, look.MarkSockets+" "):
		r.endBlock()
		r.block = block{kind: kindSS, said: true, has: strings.Fields(text[len(look.MarkSockets):])}
	case strings.HasPrefix(text, look.MarkGap+" "):
		what, why, ok := strings.Cut(text[len(look.MarkGap)+1:], ": ")
		if !ok {
			return false
		}
		r.latest().Gaps = append(r.latest().Gaps, record.Gap{What: what, Why: why})
	default:
		return false
	}
	return true
}

// beginLook reads: NUMBER [at TIME] [uptime SECONDS]. A part that cannot be read says nothing.
func (r *reader) beginLook(words []string) {
	r.endBlock()
	l := &look.Look{}
	for i := 1; i+1 < len(words); i += 2 {
		switch words[i] {
		case "at":
			if at, err := time.Parse(time.RFC3339Nano, words[i+1]); err == nil {
				at = at.UTC()
				l.At = &at
			}
		case "uptime":
			if s, err := strconv.ParseFloat(words[i+1], 64); err == nil && s >= 0 && s < mostUptime {
				up := time.Duration(s*1000+0.5) * time.Millisecond
				l.Uptime = &up
			}
		}
	}
	r.looks = append(r.looks, l)
	r.marked = true
	for s := range r.at {
		r.at[s] = len(r.looks) - 1
	}
	r.counters, r.tracking = counterText{}, trackingText{}
}

const mostUptime = 1e9 // 30 years

var descriptorLine = regexp.MustCompile(`^descriptors (\d+) of (\d+) (\S.*)$`)

// descriptor reads what a snapshot says of the descriptors of programs.
func (r *reader) descriptor(text string) bool {
	l := r.latest()
	if text == "descriptors of programs" {
		if l.Descriptors == nil {
			l.Descriptors = []record.Descriptors{}
		}
		return true
	}
	m := descriptorLine.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	used, usedErr := strconv.ParseInt(m[1], 10, 64)
	limit, limitErr := strconv.ParseInt(m[2], 10, 64)
	if usedErr != nil || limitErr != nil {
		return false
	}
	l.Descriptors = append(l.Descriptors, record.Descriptors{Program: m[3], InUse: used, Limit: limit})
	return true
}

var stateLine = regexp.MustCompile(`^\s*(?:([A-Za-z][A-Za-z0-9_-]+)[:\s]\s*(\d+)|(\d+)\s+([A-Za-z][A-Za-z0-9_-]+))$`)

// notStates stand in tables that awk made of netstat's own header.
var notStates = []string{"established)", "servers)", "Foreign", "Address", "State", "and"}

// state reads a line of a table of states: what netstat -n | awk prints.
func (r *reader) state(text string) bool {
	if f := strings.Fields(text); len(f) == 2 && slices.Contains(notStates, f[0]) {
		return true
	}
	m := stateLine.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	s, known := record.ParseState(m[1] + m[4])
	n, err := strconv.ParseInt(m[2]+m[3], 10, 64)
	if !known || err != nil {
		return false
	}
	l := r.latest()
	if l.Counts == nil {
		l.Counts = record.Counts{}
	}
	l.Counts[s] = n
	return true
}

var unameLine = regexp.MustCompile(`^Linux (\S+) (\d+\.\d+\S*) #`)

// host reads uname -a, and tells of what does not help.
func (r *reader) host(text string) bool {
	if strings.HasPrefix(text, "TCP:") && strings.Contains(text, "(estab ") {
		r.complain(text, "ss -s does not tell the states apart, ss -tan does")
		return true
	}
	m := unameLine.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	r.set(look.KeyHostname, m[1])
	r.set(look.KeyRelease, m[2])
	return true
}
