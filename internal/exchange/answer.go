//go:build linux

package exchange

import (
	"bytes"

	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// Answer is how much of what a server says is known whose bytes nobody here wrote. The zero value is a server of ours: it
// says Script.Response, to the byte.
type Answer struct {
	// Unknown tells that only the number of its bytes is known.
	Unknown bool
	// EOF tells that it ends with the server's FIN, after any number of bytes but none.
	EOF bool
	// Match, where it is set, is what it ends with.
	Match []byte
	// Begins is what it begins with, where that is known: the status line of HTTP.
	Begins []byte

	back []int16 // of Match: how much of it stands again where so much of it stood (Knuth, Morris and Pratt)
}

// MostHeard is how long an answer may be whose length is not known, and MostMatched what it may end with.
const (
	MostHeard   = 16 << 20
	MostMatched = 1 << 10
)

// NewAnswer makes one that ends with the server's FIN or with a text of up to MostMatched bytes; it has either.
func NewAnswer(eof bool, match, begins []byte) Answer {
	a := Answer{Unknown: true, EOF: eof, Match: match, Begins: begins, back: make([]int16, len(match))}
	for n, k := 1, int16(0); n < len(match); n++ {
		k = a.step(k, match[n])
		a.back[n] = k
	}
	return a
}

// open tells that the number of its bytes is not known.
func (a *Answer) open() bool { return a.EOF || len(a.Match) > 0 }

// begins tells whether got, from offset on, is what a beginning may be.
func (a *Answer) begins(offset int, got []byte) bool {
	if offset >= len(a.Begins) {
		return true
	}
	want := a.Begins[offset:]
	n := min(len(want), len(got))
	return bytes.Equal(want[:n], got[:n])
}

// step is how much of Match stands at the end once another byte has come.
func (a *Answer) step(stands int16, next byte) int16 {
	for stands > 0 && a.Match[stands] != next {
		stands = a.back[stands-1]
	}
	if a.Match[stands] == next {
		stands++
	}
	return stands
}

// place is where an answer of unknown length stands.
type place struct {
	heard  int32 // bytes of it
	stands int16 // bytes of Match that stand at its end
}

// verdict is what the next bytes make of an answer.
type verdict uint8

const (
	goesOn verdict = iota
	whole
	wrong
)

// take goes on with an answer of unknown length. What follows the end is wrong: it would be left unread, and turn the FIN
// into a reset.
func (a *Answer) take(p *place, got []byte) verdict {
	if !a.begins(int(p.heard), got) || int(p.heard)+len(got) > MostHeard {
		return wrong
	}
	p.heard += int32(len(got))
	if len(a.Match) == 0 {
		return goesOn
	}
	for i, b := range got {
		if p.stands = a.step(p.stands, b); int(p.stands) < len(a.Match) {
			continue
		}
		if i+1 < len(got) || int(p.heard) < len(a.Begins) {
			return wrong
		}
		return whole
	}
	return goesOn
}

// ends tells whether the server's FIN is the answer's end.
func (a *Answer) ends(p *place) bool {
	return a.EOF && p.heard > 0 && int(p.heard) >= len(a.Begins)
}

// hearOn takes this round's answer, whose length is not known.
func (w *Worker) hearOn(c *Conn, s *Script) Result {
	for {
		if w.unanswered() {
			return Waiting
		}
		n, e := c.read(w.Buf)
		if e == linux.EAGAIN {
			return Waiting
		}
		if r := w.heardOn(c, s, w.Buf[:n], e); r != done || c.stage != hearing {
			return r
		}
	}
}

// heardOn judges what one read gave of it. The server's FIN is left for the steps, which see it, too.
func (w *Worker) heardOn(c *Conn, s *Script, got []byte, e linux.Errno) Result {
	switch {
	case e != 0:
		return w.Broke(tally.Read, tally.Errno(e))
	case len(got) == 0 && s.Answer.ends(&c.place):
		c.stage = ending
		return done
	case len(got) == 0:
		w.EOFs++
		return w.Broke(tally.Read, tally.ShortRead)
	}
	c.Read += int64(len(got))
	w.Read += int64(len(got))
	switch s.Answer.take(&c.place, got) {
	case wrong:
		return w.Broke(tally.Read, tally.WrongBytes)
	case whole:
		c.place = place{}
		w.heardAll(c, s)
	}
	return done
}

// hearOn takes one round's answer, whose length is not known.
func (t *Talk) hearOn() Result {
	var p place
	for {
		n, err := t.Conn.Read(t.buf)
		t.Read += int64(n)
		if err != nil {
			return t.hearEnd(&p, err)
		}
		switch t.Script.Answer.take(&p, t.buf[:n]) {
		case wrong:
			t.Phase, t.Why = tally.Read, tally.WrongBytes
			return Broken
		case whole:
			return done
		}
	}
}
