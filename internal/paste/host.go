package paste

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"twomsl/internal/look"
	"twomsl/internal/record"
)

// Pasted is something that was pasted. The name is for messages.
type Pasted struct{ Name, Body string }

// Unread is a line that says nothing here. What it says stays out of messages where it is long.
type Unread struct {
	Name string
	Line int // from 1
	Text string
	Why  string
}

func (u Unread) String() string {
	return fmt.Sprintf("%s:%d: %s: %q", u.Name, u.Line, u.Why, shorten(u.Text))
}

// mostQuoted is how much of a line is quoted, in characters.
const mostQuoted = 60

func shorten(text string) string {
	if r := []rune(text); len(r) > mostQuoted {
		return string(r[:mostQuoted]) + "..."
	}
	return text
}

// Reading is what texts say about a host.
type Reading struct {
	Looks    []look.Look // in the order in which they were taken
	Unread   []Unread
	Redacted bool // a text says that placeholders stand in it
}

// ErrNothing says that a text has nothing in it that tells of a host, and what to paste instead.
var ErrNothing = errors.New(`there is nothing in it that tells of a host's sockets. Paste what one or more of these print,
in any order: ss -tanop, netstat -antop, ss -lnt, nstat -az, sysctl -a, cat /proc/net/sockstat, a table of states; or what
"twomsl snapshot --script" collects. Two looks some seconds apart say more than one`)

// Read takes texts apart. What begins a second time, begins a second look, and so does each text; a text of twomsl snapshot
// says itself where its looks begin. Lines that say nothing are told of and passed over.
func Read(texts []Pasted) (Reading, error) {
	var all Reading
	for _, t := range texts {
		r := newReader(t.Name)
		r.read(t.Body)
		all.Looks = append(all.Looks, r.finish()...)
		all.Unread = append(all.Unread, r.unread...)
		all.Redacted = all.Redacted || r.redacted
	}
	if len(all.Looks) == 0 {
		names := make([]string, len(texts))
		for i, t := range texts {
			names[i] = t.Name
		}
		return all, fmt.Errorf("%s: %w", strings.Join(names, ", "), ErrNothing)
	}
	return all, nil
}

// Host reads what was pasted about one host: one text, or several in the order in which they were taken. between is the time
// between two looks, where nothing in them tells it; 0 where that is not known.
func Host(texts []Pasted, between time.Duration) (record.Host, error) {
	r, err := Read(texts)
	if err != nil {
		return record.Host{}, err
	}
	return r.Host(between), nil
}

// mostUnread is how many lines are told of one by one.
const mostUnread = 5

// Host puts the looks together.
func (r *Reading) Host(between time.Duration) record.Host {
	w := look.Watch{Source: record.FromPasted, Between: between, Redacted: r.Redacted}
	for _, l := range r.Looks {
		w.Add(l)
	}
	h := w.Host()
	for i, u := range r.Unread {
		if i == mostUnread {
			h.Gaps = append(h.Gaps, record.Gap{
				What: fmt.Sprintf("%d more lines", len(r.Unread)-mostUnread), Why: "not understood",
			})
			break
		}
		h.Gaps = append(h.Gaps, record.Gap{
			What: fmt.Sprintf("line %d of %s", u.Line, u.Name), Why: fmt.Sprintf("%s: %q", u.Why, shorten(u.Text)),
		})
	}
	return h
}

// reader takes one text apart.
type reader struct {
	name   string
	no     int // of the line
	unread []Unread
	looks  []*look.Look
	marked bool // a mark said where the look begins: nothing else begins one
	// at is the look that each source is in.
	at       [sources]int
	block    block
	counters counterText
	tracking trackingText

	snapshot, ended, redacted bool
}

// A source begins a new look when it is there a second time.
type source int

const (
	fromListing source = iota
	fromCounters
	fromTracking
	fromTotals
	sources
)

func newReader(name string) *reader { return &reader{name: name} }

// of is the look that a source is in.
func (r *reader) of(s source) *look.Look {
	for len(r.looks) <= r.at[s] {
		r.looks = append(r.looks, &look.Look{})
	}
	return r.looks[r.at[s]]
}

// latest is the look that was begun last, for what does not change.
func (r *reader) latest() *look.Look {
	if len(r.looks) == 0 {
		r.looks = append(r.looks, &look.Look{})
	}
	return r.looks[len(r.looks)-1]
}

// again begins a new look for a source that is there a second time, unless marks say where looks begin.
func (r *reader) again(s source) {
	if !r.marked {
		r.at[s]++
	}
}

func (r *reader) complain(text, why string) {
	r.unread = append(r.unread, Unread{Name: r.name, Line: r.no, Text: text, Why: why})
}

func (r *reader) finish() []look.Look {
	r.endBlock()
	if r.snapshot && !r.ended {
		r.latest().Gaps = append(r.latest().Gaps, look.GapCut)
	}
	var told []look.Look
	for _, l := range r.looks {
		if !empty(l) {
			told = append(told, *l)
		}
	}
	return told
}

// empty tells a look without anything that says how the host is.
func empty(l *look.Look) bool {
	return l.Listing == nil && l.Counts == nil && l.Counters == nil && l.Sysctls == nil && l.Conntrack == nil &&
		l.Descriptors == nil && l.TCPMemoryPages == nil && l.TimeWaitBytesEach == nil
}
