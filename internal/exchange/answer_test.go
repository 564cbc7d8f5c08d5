//go:build linux

package exchange

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"twomsl/internal/tally"
	"twomsl/internal/teardown"
)

// theirs is a script towards a server that nobody here wrote.
func theirs(a Answer, known int, ops ...teardown.Op) Script {
	s := script(ops...)
	s.Answer, s.Response = a, make([]byte, known)
	return s
}

// Both interpreters hear an answer of somebody else's alike: to its end, and to no other.
func TestAnswersOfOthers(t *testing.T) {
	eof, ok := NewAnswer(true, nil, nil), NewAnswer(true, nil, []byte("HTTP/1.1 200"))
	dot := NewAnswer(false, []byte("\r\n.\r\n"), nil)
	seven := NewAnswer(false, nil, []byte("ab"))
	closesFirst, closesLast := []teardown.Op{teardown.Close}, []teardown.Op{teardown.ReadEOF, teardown.Close}
	answers := func(pieces ...string) func(peer) {
		return func(p peer) {
			p.hears(request)
			for _, b := range pieces {
				p.says([]byte(b)...)
				time.Sleep(time.Millisecond)
			}
		}
	}
	// stays is a peer that answers and waits for the other's end.
	stays := func(pieces ...string) func(peer) {
		return func(p peer) { answers(pieces...)(p); _ = p.ends() }
	}
	const brief = 30 * time.Millisecond
	for _, c := range []struct {
		name   string
		script Script
		until  time.Duration
		peer   func(peer)
		want   string // "closed first", "closed", or phase and cause
		read   int64
	}{
		{"until its FIN", theirs(eof, 0, closesLast...), limit, answers("some", " words"), "closed", 10},
		{"nothing but a FIN", theirs(eof, 0, closesLast...), limit, answers(), "read short-read", 0},
		{"no FIN", theirs(eof, 0, closesLast...), brief, stays("some"), "read timed-out", 4},
		{"an RST in the midst", theirs(eof, 0, closesLast...), limit, func(p peer) {
			answers("some")(p)
			p.resets()
		}, "read reset", 4},
		{"without end", theirs(eof, 0, closesLast...), limit, func(p peer) {
			p.hears(request)
			for b := make([]byte, 1<<20); ; {
				if _, err := p.Write(b); err != nil {
					return
				}
			}
		}, "read wrong-bytes", -1},
		{"the status that is meant", theirs(ok, 0, closesLast...), limit, answers("HTT", "P/1.1 200 OK\r\n\r\n"), "closed", 19},
		{"another status", theirs(ok, 0, closesLast...), limit, answers("HTTP/1.1 5", "03 Unavailable\r\n\r\n"), "read wrong-bytes", -1},
		{"a status cut off", theirs(ok, 0, closesLast...), limit, answers("HTTP/1.1"), "read short-read", 8},
		{"until a text", theirs(dot, 0, closesFirst...), limit, stays("a\r\n", ".\r", "\n"), "closed first", 6},
		{"more in the same piece", theirs(dot, 0, closesFirst...), limit, stays("a\r\n", ".\r", "\n.\r\n"), "read wrong-bytes", 9},
		{"until a text that begins twice", theirs(dot, 0, closesFirst...), limit, stays("a\r\n.\r\r", "\n.\r\n"), "closed first", 10},
		{"a FIN before the text", theirs(dot, 0, closesFirst...), limit, answers("a\r\n."), "read short-read", 4},
		{"the text never comes", theirs(dot, 0, closesFirst...), brief, stays("a\r\n."), "read timed-out", 4},
		{"more than the text", theirs(dot, 0, closesFirst...), limit, stays("a\r\n.\r\nb"), "read wrong-bytes", 7},
		{"until a text, then its FIN", theirs(dot, 0, closesLast...), limit, answers("\r\n.\r\n"), "closed", 5},
		{"so many bytes", theirs(seven, 7, closesFirst...), limit, stays("abc", "defg"), "closed first", 7},
		{"as many that begin otherwise", theirs(seven, 7, closesFirst...), limit, stays("a", "cdefgh"), "read wrong-bytes", -1},
		{"too few", theirs(seven, 7, closesFirst...), limit, answers("abcdef"), "read short-read", 6},
		{"too many", theirs(seven, 7, closesFirst...), limit, stays("abcdefgh"), "read wrong-bytes", 8},
		{"three rounds until a text", rounds(theirs(dot, 0, closesFirst...), 3), limit, func(p peer) {
			for range 3 {
				answers("x\r\n", ".\r\n")(p)
			}
			_ = p.ends()
		}, "closed first", 18},
		{
			"who says nothing", func() Script { s := theirs(eof, 0, closesLast...); s.Request = nil; return s }(), limit,
			func(p peer) { p.says('h', 'i') }, "closed", 2,
		},
	} {
		for _, by := range bothSides {
			t.Run(c.name+"/"+by.name, func(t *testing.T) {
				got := converse(t, by, c.script, c.until, c.peer)
				if said := came(got); said != c.want || c.read >= 0 && got.Read != c.read {
					t.Errorf("%s, %d bytes read; expected %s, %d: %+v", said, got.Read, c.want, c.read, got)
				}
				if len(got.Asides) > 0 || got.Result == Closed && (got.EOFs > 0) == got.First {
					t.Errorf("%+v", got)
				}
			})
		}
	}
}

// came is what a connection came to, in words.
func came(o outcome) string {
	switch {
	case o.Result == Closed && o.First:
		return "closed first"
	case o.Result == Closed:
		return "closed"
	case o.Result == Broken:
		var count tally.Tally
		count.Add(o.Phase, o.Why)
		end := count.Outcomes("", 0)[1]
		return end.Phase + " " + end.Cause
	}
	return "open"
}

// However a text is cut into reads, it is found where bytes.Index finds it.
func TestTextIsFoundInPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		letters := func(n int) []byte {
			b := make([]byte, n)
			for i := range b {
				b[i] = "ab"[r.IntN(2)]
			}
			return b
		}
		match, all := letters(1+r.IntN(6)), letters(r.IntN(40))
		a := NewAnswer(false, match, nil)
		at := bytes.Index(all, match)
		var p place
		got := goesOn
		for rest := all; got == goesOn && len(rest) > 0; {
			n := 1 + r.IntN(len(rest))
			got, rest = a.take(&p, rest[:n]), rest[n:]
		}
		switch {
		case at < 0 && got != goesOn, at >= 0 && got == goesOn, got == whole && int(p.heard) != at+len(match),
			got == wrong && int(p.heard) <= at+len(match):
			t.Fatalf("%q in %q: %v after %d bytes, it stands at %d", match, all, got, p.heard, at)
		}
	}
}

// A text of the greatest length is found, too.
func TestLongestText(t *testing.T) {
	match := []byte(strings.Repeat("a", MostMatched-1) + "b")
	a := NewAnswer(false, match, nil)
	var p place
	if got := a.take(&p, append(bytes.Repeat([]byte("a"), 5000), 'b')); got != whole {
		t.Error(got)
	}
}

// What is not known cannot be chained: a read of a chain is for so many bytes.
func TestAnswersOfOthersAreNotChained(t *testing.T) {
	s := theirs(NewAnswer(true, nil, nil), 0, teardown.Close)
	if Unchained(&s) == "" {
		t.Error("an answer of unknown length in a chain")
	}
}
