//go:build linux

package server

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

// netEngine serves as an ordinary Go program would: package net, a goroutine for each connection, and as many as the
// plan has workers to accept at each listener. The Server in it keeps the plan and what is counted, by one worker that
// has no thread and no poller here.
type netEngine struct {
	*Server
	w         *worker
	accepters int
	listeners []*net.TCPListener
	serving   sync.WaitGroup
	speaks    conversation // with clients of somebody else's; nil with our own
	asked     atomic.Int64 // how many of those asked this side to close

	run    context.Context // until all is given up
	giveUp context.CancelFunc

	mu   sync.Mutex // guards the worker's recorder and counts, and kept
	kept []*net.TCPConn
}

func newNetEngine(plan Plan) (*netEngine, error) {
	if len(plan.CPUs) > 0 {
		return nil, errors.New("server plan: goroutines cannot be pinned to processors: leave the list out, or use engine split")
	}
	if !plan.Heartbeat.Off() {
		return nil, errors.New("server plan: engine net does not go on looking at connections: use engine split for a heartbeat")
	}
	s, err := prepare(plan)
	if err != nil {
		return nil, err
	}
	s.plan.Workers = 1
	e := &netEngine{Server: s, w: &worker{s: s, rec: newRecorder(&s.plan)}, accepters: max(1, plan.Workers)}
	s.workers = []*worker{e.w}
	for _, ap := range plan.Listen {
		l, err := listenNet(ap, &s.plan)
		if err != nil {
			e.closeListeners()
			return nil, err
		}
		e.listeners = append(e.listeners, l)
	}
	e.run, e.giveUp = context.WithCancel(context.Background())
	return e, nil
}

func (e *netEngine) closeListeners() {
	for _, l := range e.listeners {
		_ = l.Close()
	}
}

func (e *netEngine) Start(epoch int64) {
	e.epoch.Store(epoch)
	// The whole process's processor time, so Go's scheduler and collector too: goroutines have no thread of their own.
	user, system := linux.ProcessCPU()
	for i := range e.listeners {
		for range e.accepters {
			e.serving.Go(func() { e.accept(i) })
		}
	}
	go func() {
		<-e.run.Done()
		e.closeListeners()
		e.serving.Wait()
		for _, c := range e.kept {
			_ = c.Close()
		}
		u, s := linux.ProcessCPU()
		e.w.rec.cpuUser, e.w.rec.cpuSystem = u-user, s-system
		close(e.done)
	}()
}

func (e *netEngine) Stop() {
	e.Server.Stop()
	e.giveUp()
}

// accept takes connections at a listener until that is closed. The library itself retries ECONNABORTED.
func (e *netEngine) accept(listener int) {
	for {
		tcp, err := e.listeners[listener].AcceptTCP()
		if err == nil && e.turnsAway(tcp) {
			continue
		}
		if err == nil {
			at := linux.Nano()
			tuple, script := e.take(tcp, listener, at)
			e.serving.Go(func() { e.serve(tcp, tuple, script, at) })
			e.pause(e.plan.AcceptDelay.Std())
			continue
		}
		why, closed := exchange.EndOf(err)
		if closed {
			return
		}
		e.count(tally.Accept, why) // EMFILE and its like: the connection stays queued
		e.pause(shortageLimit)
	}
}

func (e *netEngine) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-e.run.Done():
	}
}

// take sees a tuple come.
func (e *netEngine) take(tcp *net.TCPConn, listener int, at int64) (tuple int64, script int) {
	from, _ := tcp.RemoteAddr().(*net.TCPAddr)
	e.w.opened.Add(1)
	e.mu.Lock()
	defer e.mu.Unlock()
	tuple, script = e.w.tuple(from.AddrPort(), listener)
	e.w.rec.accepted(tuple, at-e.epoch.Load())
	return tuple, script
}

// serve is one connection's whole life.
func (e *netEngine) serve(tcp *net.TCPConn, tuple int64, script int, at int64) {
	left := time.Duration(at + int64(e.plan.Timeout) - linux.Nano())
	t := exchange.Talk{Script: &e.scripts[script], Conn: tcp, Until: time.Now().Add(left)}
	noted := int64(0)
	if e.plan.LeavesTimeWait {
		t.First = func(at int64) {
			noted = at
			e.closing(tuple, at)
		}
	}
	r := e.carry(&t)
	if r == exchange.Broken || r == exchange.Interrupted {
		_ = tcp.Close()
	}
	if noted != 0 {
		e.closed(tuple, noted, t.ClosedAt != 0 && r != exchange.Broken && r != exchange.Interrupted)
	}
	e.ended(&t, tuple, at, r)
}

// carry has the conversation first, where there is one, and then the script.
func (e *netEngine) carry(t *exchange.Talk) exchange.Result {
	if e.speaks != nil {
		if r, ok := e.converse(e.run, t); !ok {
			return r
		}
	}
	return t.Run(e.run)
}

// Result is Server's, with what clients asked.
func (e *netEngine) Result(at int64) Result {
	r := e.Server.Result(at)
	r.AskedToClose = e.asked.Load()
	return r
}

// closing remembers a tuple before its FIN goes out: from then on it may come back, to another goroutine.
func (e *netEngine) closing(tuple, at int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.w.rec.remember(tuple, at-e.epoch.Load())
}

// closed counts a first close, or takes back what closing remembered of one that came to nothing.
func (e *netEngine) closed(tuple, noted int64, good bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if at := noted - e.epoch.Load(); good {
		e.w.rec.closes.Add(at)
	} else {
		e.w.rec.forget(tuple, at)
	}
}

// ended counts a connection that has come to its end.
func (e *netEngine) ended(t *exchange.Talk, tuple, accepted int64, r exchange.Result) {
	e.mu.Lock()
	defer e.mu.Unlock()
	rec := &e.w.rec
	e.account(t, tuple, accepted)
	switch r {
	case exchange.Interrupted:
		rec.unfinished++
	case exchange.Broken, exchange.ClosedBadly:
		rec.tally.Add(t.Phase, t.Why)
		e.w.failed.Add(1)
	case exchange.Kept:
		e.kept = append(e.kept, t.Conn)
		e.w.ok.Add(1)
	default:
		e.w.ok.Add(1)
	}
}

// account adds what a connection wrote, read and saw. The lock is held.
func (e *netEngine) account(t *exchange.Talk, tuple, accepted int64) {
	talk, rec := &e.w.talk, &e.w.rec
	talk.Written += t.Written
	talk.Read += t.Read
	talk.EOFs += t.EOFs
	talk.Resets += t.Resets
	for _, why := range t.Asides {
		rec.tally.Add(tally.Close, why)
	}
	if tuple >= 0 && rec.meter.On() {
		rec.meter.Add(e.w.key(tuple), accepted, t.Written, t.Read)
	}
}

func (e *netEngine) count(p tally.Phase, why tally.End) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.w.rec.tally.Add(p, why)
}
