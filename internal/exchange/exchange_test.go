//go:build linux

package exchange

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/linux"
	"twomsl/internal/payload"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/tally"
	"twomsl/internal/teardown"
)

// limit only ends a test that has failed.
const limit = 20 * time.Second

// outcome is what one connection came to; end is "phase why" of one that broke.
type outcome struct {
	Result                      Result
	Phase                       tally.Phase
	Why                         tally.End
	Written, Read, EOFs, Resets int64
	First                       bool // this side sent the first FIN
	Asides                      []record.Outcome
}

// side carries a script out on a new connection to an address.
type side struct {
	name string
	run  func(t *testing.T, s Script, number int64, until time.Duration, g *gate, to netip.AddrPort) outcome
}

// gate is raised for both kinds of side.
type gate struct {
	worker  atomic.Int64
	barrier *Barrier
}

func (g *gate) raise(n int64) {
	g.worker.Store(n)
	g.barrier.Raise(n)
}

var bothSides = []side{{"worker", byWorker}, {"talk", byTalk}}

// byWorker asks again and again, as an engine does where no event tells it when.
func byWorker(t *testing.T, s Script, number int64, until time.Duration, g *gate, to netip.AddrPort) outcome {
	fd, e := linux.Socket(to.Addr().Is6())
	sa := linux.NewSockaddr(to)
	if e != 0 {
		t.Fatal(e)
	}
	if e := linux.Connect(fd, &sa); e != 0 && e != linux.EINPROGRESS {
		t.Fatal(e)
	}
	var count tally.Tally
	w := Worker{Scripts: []Script{{}, s}, Buf: make([]byte, 64<<10), Tally: &count, Gate: &g.worker}
	var c Conn
	c.Begin(fd, 1)
	c.Number = number
	r := Waiting
	for end := time.Now().Add(until); r == Waiting; r = w.Advance(&c, true) {
		if c.Overdue(linux.Nano()) {
			if r = w.Skip(&c); r != Waiting {
				break
			}
		}
		if time.Now().After(end) {
			r = w.Broke(c.Phase(), tally.GaveUp)
			break
		}
		time.Sleep(50 * time.Microsecond)
	}
	if r == Broken || r == Kept {
		linux.Close(fd)
	}
	if c.Written != w.Written || c.Read != w.Read {
		t.Errorf("the connection's bytes (%d, %d) are not the worker's (%d, %d)", c.Written, c.Read, w.Written, w.Read)
	}
	return outcome{r, w.Phase, w.Why, c.Written, c.Read, w.EOFs, w.Resets, c.ClosedAt != 0, count.Outcomes("", 0)[1:]}
}

func byTalk(t *testing.T, s Script, number int64, until time.Duration, g *gate, to netip.AddrPort) outcome {
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	said := int64(0)
	k := Talk{
		Script: &s, Conn: c, Number: number, Until: time.Now().Add(until), Gate: g.barrier,
		First: func(at int64) { said = at },
	}
	r := k.Run(t.Context())
	if r == Broken || r == Kept {
		must(t, c.Close())
	}
	if k.ClosedAt != 0 && k.ClosedAt != said {
		t.Errorf("the first FIN was told to go at %d, not %d", said, k.ClosedAt)
	}
	var count tally.Tally
	for _, a := range k.Asides {
		count.Add(tally.Close, a)
	}
	return outcome{r, k.Phase, k.Why, k.Written, k.Read, k.EOFs, k.Resets, k.ClosedAt != 0, count.Outcomes("", 0)[1:]}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	asked    = 10
	answered = 7
)

var (
	request  = payload.Request(asked)
	response = payload.Response(answered)
)

// script opens connections that carry one short exchange, then the operations.
func script(ops ...teardown.Op) Script {
	s := Script{Opens: true, Request: request, Response: response, Rounds: 1}
	for _, op := range ops {
		s.Steps = append(s.Steps, teardown.Step{Op: op})
	}
	return s
}

// with gives the script's n-th step an argument.
func (s Script) with(n int, change func(*teardown.Step)) Script {
	change(&s.Steps[n])
	return s
}

// peer is the hand-written other end.
type peer struct {
	*net.TCPConn
	t *testing.T
	g *gate
}

func (p peer) hears(b []byte) {
	got := make([]byte, len(b))
	if _, err := io.ReadFull(p, got); err != nil || !payload.Payload(b).Matches(0, got) {
		p.t.Errorf("the peer read %x, %v, expected %x", got, err, b)
	}
}

func (p peer) says(b ...byte) {
	if _, err := p.Write(b); err != nil {
		p.t.Errorf("the peer: %v", err)
	}
}

// exchanges is a good peer's part in one round.
func (p peer) exchanges() {
	p.hears(request)
	p.says(response...)
}

// ends reads to the end of the stream, and gives what it ended with: nil for a FIN.
func (p peer) ends() error {
	_, err := io.Copy(io.Discard, p)
	return err
}

func (p peer) resets() {
	if err := p.SetLinger(0); err != nil {
		p.t.Error(err)
	}
	_ = p.Close()
}

// converse runs a script against a peer, and waits for both.
func converse(t *testing.T, by side, s Script, until time.Duration, do func(peer)) outcome {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	g := &gate{barrier: NewBarrier(0)}
	over := make(chan struct{})
	go func() {
		defer close(over)
		c, err := l.AcceptTCP()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		_ = c.SetDeadline(time.Now().Add(limit))
		do(peer{c, t, g})
	}()
	got := by.run(t, s, 5, until, g, netip.MustParseAddrPort(l.Addr().String()))
	<-over
	return got
}

var closeAside = func(why tally.End) []record.Outcome {
	var count tally.Tally
	count.Add(tally.Close, why)
	return count.Outcomes("", 0)[1:]
}

var big = payload.Request(8 << 20)

// Both interpreters come to the same account of the same conversation.
func TestConversations(t *testing.T) {
	closed := outcome{Result: Closed, Written: asked, Read: answered, First: true, Asides: []record.Outcome{}}
	after := func(change func(*outcome)) outcome {
		o := closed
		change(&o)
		return o
	}
	broken := func(p tally.Phase, why tally.End, read int64) outcome {
		return after(func(o *outcome) { o.Result, o.Phase, o.Why, o.Read, o.First = Broken, p, why, read, false })
	}
	rst := tally.Errno(linux.ECONNRESET)
	for _, c := range []struct {
		name   string
		script Script
		until  time.Duration
		peer   func(peer)
		want   outcome
	}{
		{"one round", script(teardown.Close), limit, func(p peer) {
			p.exchanges()
			wantEnd(p, "EOF")
		}, closed},
		{"three rounds", rounds(script(teardown.Close), 3), limit, func(p peer) {
			p.exchanges()
			p.exchanges()
			p.exchanges()
			wantEnd(p, "EOF")
		}, after(func(o *outcome) { o.Written, o.Read = 3*asked, 3*answered })},
		{"three rounds, listening first", listening(rounds(script(teardown.Close), 3)), limit, func(p peer) {
			for range 3 {
				p.says(request...)
				p.hears(response)
			}
			wantEnd(p, "EOF")
		}, after(func(o *outcome) { o.Written, o.Read = 3*answered, 3*asked })},
		{"silent", silent(script(teardown.Close)), limit, func(p peer) {
			wantEnd(p, "EOF")
		}, after(func(o *outcome) { o.Written, o.Read = 0, 0 })},
		{"nothing to say back", answerless(script(teardown.Close)), limit, func(p peer) {
			p.hears(request)
			wantEnd(p, "EOF")
		}, after(func(o *outcome) { o.Read = 0 })},
		{"more than a socket holds", large(script(teardown.Close)), limit, func(p peer) {
			time.Sleep(20 * time.Millisecond) // so that write() takes a part
			p.hears(big)
			p.says(response...)
			wantEnd(p, "EOF")
		}, after(func(o *outcome) { o.Written = int64(len(big)) })},
		{"an answer in pieces", script(teardown.Close), limit, func(p peer) {
			p.hears(request)
			for _, b := range response {
				p.says(b)
				time.Sleep(time.Millisecond)
			}
			wantEnd(p, "EOF")
		}, closed},
		{"half an answer, then FIN", script(teardown.Close), limit, func(p peer) {
			p.hears(request)
			p.says(response[:3]...)
		}, func() outcome { o := broken(tally.Read, tally.ShortRead, 3); o.EOFs = 1; return o }()},
		{"no answer, then RST", script(teardown.Close), limit, func(p peer) {
			p.hears(request)
			p.resets()
		}, func() outcome { o := broken(tally.Read, rst, 0); o.Resets = 1; return o }()},
		{"no answer", script(teardown.Close), 30 * time.Millisecond, func(p peer) {
			p.hears(request)
			_ = p.ends()
		}, broken(tally.Read, tally.GaveUp, 0)},
		{"nobody reads", large(script(teardown.Close)), 50 * time.Millisecond, func(p peer) {
			time.Sleep(100 * time.Millisecond)
		}, broken(tally.Write, tally.GaveUp, 0)},
		{"wrong bytes", script(teardown.Close), limit, func(p peer) {
			p.hears(request)
			p.says(request[:answered]...)
		}, broken(tally.Read, tally.WrongBytes, answered)},
		{"too many bytes", script(teardown.Close), limit, func(p peer) {
			p.hears(request)
			p.says(append(response[:answered:answered], 1)...)
		}, broken(tally.Read, tally.WrongBytes, answered+1)},
		{"the peer ends it", script(teardown.ReadEOF, teardown.Close), limit, func(p peer) {
			p.exchanges()
		}, after(func(o *outcome) { o.First, o.EOFs = false, 1 })},
		{"the peer resets it", script(teardown.ReadEOF, teardown.Close), limit, func(p peer) {
			p.exchanges()
			time.Sleep(5 * time.Millisecond) // or the RST overtakes the answer
			p.resets()
		}, after(func(o *outcome) { o.First, o.Resets, o.Asides = false, 1, closeAside(rst) })},
		{"bytes instead of an end", script(teardown.ReadEOF, teardown.Close), limit, func(p peer) {
			p.exchanges()
			time.Sleep(5 * time.Millisecond) // or they are too many
			p.says(1)
		}, broken(tally.Close, tally.WrongBytes, answered+1)},
		{"no end", script(teardown.ReadEOF, teardown.Close), 30 * time.Millisecond, func(p peer) {
			p.exchanges()
			_ = p.ends()
		}, broken(tally.Close, tally.GaveUp, answered)},
		{"graceful", script(teardown.Shutdown, teardown.ReadEOF, teardown.Close), limit, func(p peer) {
			p.exchanges()
			wantEnd(p, "EOF")
		}, after(func(o *outcome) { o.EOFs = 1 })},
		{"graceful, within a limit", within(script(teardown.Shutdown, teardown.ReadEOF, teardown.Close)), limit, func(p peer) {
			p.exchanges()
			wantEnd(p, "EOF")
			time.Sleep(100 * time.Millisecond)
		}, after(func(o *outcome) { o.Asides = closeAside(tally.GaveUp) })},
		{"a limit ends with its step", within(script(teardown.Say, teardown.ReadEOF, teardown.Gate, teardown.Close)), limit, func(p peer) {
			p.exchanges()
			time.Sleep(5 * time.Millisecond)
			_ = p.CloseWrite()
			time.Sleep(50 * time.Millisecond)
			p.g.raise(6)
		}, after(func(o *outcome) { o.First, o.EOFs = false, 1 })},
		{"what is unread is left", script(teardown.AwaitData, teardown.Close), limit, func(p peer) {
			p.hears(request)
			p.says(append(response[:answered:answered], 1, 2, 3)...)
			wantEnd(p, "RST")
		}, closed},
		{"an end is data, too", script(teardown.AwaitData, teardown.Close), limit, func(p peer) {
			p.exchanges()
		}, after(func(o *outcome) { o.First = false })},
		{"so is a reset", script(teardown.AwaitData, teardown.Close), limit, func(p peer) {
			p.exchanges()
			time.Sleep(5 * time.Millisecond)
			p.resets()
		}, after(func(o *outcome) { o.First, o.Resets, o.Asides = false, 1, closeAside(rst) })},
		{"more is said", say(script(teardown.Say, teardown.Close)), limit, func(p peer) {
			p.exchanges()
			p.hears(trailing[:64])
			wantEnd(p, "EOF")
		}, after(func(o *outcome) { o.Written += 64 })},
		{"a reset by linger", script(teardown.Linger, teardown.Close), limit, func(p peer) {
			p.exchanges()
			wantEnd(p, "RST")
		}, closed},
		{"an option", script(teardown.Linger2, teardown.Close).with(0, seconds(3)), limit, func(p peer) {
			p.exchanges()
			wantEnd(p, "EOF")
		}, closed},
		{"left open", script(teardown.Stay), limit, func(p peer) {
			p.exchanges()
		}, after(func(o *outcome) { o.Result, o.First = Kept, false })},
		{"no steps", script(), limit, func(p peer) {
			p.exchanges()
		}, after(func(o *outcome) { o.Result, o.First = Kept, false })},
		{"a gate", script(teardown.Gate, teardown.Close), limit, func(p peer) {
			p.exchanges()
			p.g.raise(5) // not yet beyond 5
			_ = p.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			wantEnd(p, "nothing")
			_ = p.SetReadDeadline(time.Now().Add(limit))
			p.g.raise(6)
			wantEnd(p, "EOF")
		}, closed},
		{"a gate that stays shut", script(teardown.Gate, teardown.Close), 30 * time.Millisecond, func(p peer) {
			p.exchanges()
			_ = p.ends()
		}, broken(tally.Close, tally.GaveUp, answered)},
		{"a FIN after an RST", script(teardown.Gate, teardown.Shutdown, teardown.Close), limit, func(p peer) {
			p.exchanges()
			time.Sleep(5 * time.Millisecond)
			p.resets()
			time.Sleep(5 * time.Millisecond)
			p.g.raise(6)
		}, after(func(o *outcome) { o.First = false })},
	} {
		for _, by := range bothSides {
			t.Run(c.name+"/"+by.name, func(t *testing.T) {
				got := converse(t, by, c.script, c.until, c.peer)
				if c.want.Phase == tally.Write { // how much a socket holds is the kernel's affair
					got.Written = c.want.Written
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// wantEnd holds what the peer sees next to EOF, RST or nothing, before its deadline.
func wantEnd(p peer, want string) {
	err := p.ends()
	got := map[bool]string{true: "EOF", false: "RST"}[err == nil]
	if e, ok := err.(net.Error); ok && e.Timeout() {
		got = "nothing"
	}
	if got != want {
		p.t.Errorf("the peer saw %s (%v), expected %s", got, err, want)
	}
}

func rounds(s Script, n int) Script { s.Rounds = n; return s }
func silent(s Script) Script        { s.Silent = true; return s }
func listening(s Script) Script     { s.Opens = false; return s }
func answerless(s Script) Script    { s.Response = nil; return s }
func large(s Script) Script         { s.Request = big; return s }

func say(s Script) Script {
	return s.with(0, func(st *teardown.Step) { st.Bytes = 64 })
}

func within(s Script) Script {
	return s.with(1, func(st *teardown.Step) { st.Within = scenario.Duration(20 * time.Millisecond) })
}

func seconds(n int) func(*teardown.Step) { return func(st *teardown.Step) { st.Seconds = n } }

// A step's limit beyond the connection's own is the connection's.
func TestTalkEndsWithTheConnectionsTime(t *testing.T) {
	s := script(teardown.ReadEOF, teardown.Close).with(0, func(st *teardown.Step) { st.Within = scenario.Duration(time.Hour) })
	got := converse(t, bothSides[1], s, 30*time.Millisecond, func(p peer) {
		p.exchanges()
		_ = p.ends()
	})
	if got.Result != Broken || got.Why != tally.GaveUp || len(got.Asides) > 0 {
		t.Errorf("%+v", got)
	}
}

// Somebody else's end of it is no failure: wherever the connection stands, it is unfinished.
func TestTalkIsInterrupted(t *testing.T) {
	for name, s := range map[string]Script{
		"writing": large(script(teardown.Close)), "reading": script(teardown.Close), "at a gate": script(teardown.Gate),
		"reading to the end": script(teardown.ReadEOF), "awaiting data": script(teardown.AwaitData),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			interrupted := side{run: func(t *testing.T, s Script, n int64, until time.Duration, g *gate, to netip.AddrPort) outcome {
				c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(to))
				must(t, err)
				k := Talk{Script: &s, Conn: c, Number: n, Until: time.Now().Add(until), Gate: g.barrier}
				return outcome{Result: k.Run(ctx)}
			}}
			got := converse(t, interrupted, s, limit, func(p peer) {
				if name != "writing" && name != "reading" {
					p.exchanges()
				}
				time.Sleep(10 * time.Millisecond)
				cancel()
				time.Sleep(10 * time.Millisecond)
			})
			if got.Result != Interrupted {
				t.Errorf("%+v", got)
			}
		})
	}
}
