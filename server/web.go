//go:build linux

package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// HTTP is the engine's name that answers HTTP/1.1 to clients of somebody else's, by package net/http: whatever is asked for,
// with Plan.Response bytes. With Plan.LeavesTimeWait it closes first, else it keeps the connection for as long as the client
// does. What the client did is not known: nothing is remembered of tuples.
const HTTP = "http"

type webEngine struct {
	plan      Plan
	web       *http.Server
	listeners []net.Listener
	body      []byte

	opened, ended atomic.Int64
	serving       sync.WaitGroup
	run           context.Context
	giveUp        context.CancelFunc
	stopped       sync.Once
	done          chan struct{}
	err           error
	cpu           record.CPU
}

func newWebEngine(plan Plan) (*webEngine, error) {
	if _, err := linux.Wanted(options, &plan, plan.ipv6()); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	e := &webEngine{plan: plan, body: page(int(plan.Response)), done: make(chan struct{})}
	for _, ap := range plan.Listen {
		l, err := listenNet(ap, &e.plan)
		if err != nil {
			e.closeListeners()
			return nil, err
		}
		e.listeners = append(e.listeners, l)
	}
	e.run, e.giveUp = context.WithCancel(context.Background())
	e.web = &http.Server{Handler: http.HandlerFunc(e.answer), ConnState: e.changed, ReadHeaderTimeout: plan.Length.Std()}
	e.web.SetKeepAlivesEnabled(!plan.LeavesTimeWait)
	return e, nil
}

// page is what can be shown on a terminal: letters, and one end of a line.
func page(length int) []byte {
	p := bytes.Repeat([]byte("twomsl "), length/7+1)[:length]
	if length > 0 {
		p[length-1] = '\n'
	}
	return p
}

func (e *webEngine) closeListeners() {
	for _, l := range e.listeners {
		_ = l.Close()
	}
}

// answer has no date and no type in it: every response has the same length.
func (e *webEngine) answer(w http.ResponseWriter, _ *http.Request) {
	e.pause(e.plan.Think.Std())
	h := w.Header()
	h["Date"] = nil
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(e.body)))
	_, _ = w.Write(e.body) // a client that is gone needs no answer
}

func (e *webEngine) changed(_ net.Conn, to http.ConnState) {
	switch to {
	case http.StateNew:
		e.opened.Add(1)
	case http.StateClosed, http.StateHijacked:
		e.ended.Add(1)
	}
}

// Start begins to accept.
func (e *webEngine) Start(int64) {
	user, system := linux.ProcessCPU() // goroutines have no thread of their own: the whole process's
	for _, l := range e.listeners {
		e.serving.Go(func() {
			if err := e.web.Serve(accepter{l, e}); !errors.Is(err, http.ErrServerClosed) && e.run.Err() == nil {
				e.err = fmt.Errorf("listener %s: %w", l.Addr(), err)
				e.Stop()
			}
		})
	}
	go func() {
		<-e.run.Done()
		_ = e.web.Close()
		e.serving.Wait()
		u, s := linux.ProcessCPU()
		e.cpu = record.CPU{UserSeconds: (u - user).Seconds(), SystemSeconds: (s - system).Seconds()}
		close(e.done)
	}()
}

// accepter waits after each accept() where the plan says so, and keeps responses back where the server is to close first: they
// go out with the FIN (TCP_CORK, tcp_send_fin). A client that has all bytes before that would close first itself, now and then.
type accepter struct {
	net.Listener
	e *webEngine
}

func (a accepter) Accept() (net.Conn, error) {
	c, err := a.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if a.e.plan.LeavesTimeWait {
		if raw, err := c.(*net.TCPConn).SyscallConn(); err == nil {
			_ = withDescriptor(raw, func(fd int) error { return syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_CORK, 1) })
		}
	}
	a.e.pause(a.e.plan.AcceptDelay.Std())
	return c, nil
}

func (e *webEngine) pause(d time.Duration) {
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

func (e *webEngine) Stop() { e.stopped.Do(e.giveUp) }

func (e *webEngine) Done() <-chan struct{} { return e.done }

func (e *webEngine) Err() error { return e.err }

func (e *webEngine) Progress() Progress {
	ended := e.ended.Load()
	return Progress{Opened: e.opened.Load(), OK: ended}
}

func (e *webEngine) Result(int64) Result {
	p := e.Progress()
	return Result{
		Progress: p, Unfinished: p.InFlight(), CPU: e.cpu,
		Outcomes: []record.Outcome{{Side: "server", Cause: string(record.OK), Count: p.OK}},
	}
}

// Restart is netEngine's.
func (e *webEngine) Restart() string {
	return restart(e.plan.Listen, func(ap netip.AddrPort) error {
		l, err := listenNet(ap, &e.plan)
		if err != nil {
			return err
		}
		return l.Close()
	})
}
