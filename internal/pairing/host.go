//go:build linux

package pairing

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"twomsl/internal/lab"
	"twomsl/internal/peer"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
)

// Options are what a Host is willing to do.
type Options struct {
	Token   Token
	Tool    string // name and version of this program
	Program lab.Program
	// Advertise is where clients are to open the load's connections; not valid: where they dialled.
	Advertise netip.Addr
	// Ports are those that sessions may have for their load; off: the scenario's own, or one of the next that is free.
	Ports scenario.PortRange
	// Sessions is how many there may be at once; Longest how long one may take.
	Sessions int
	Longest  time.Duration
	// Lend changes this host's own settings for the time of a session; nil where nobody has accepted that.
	Lend *sysctl.Host
	// Say is told in a line what happens; Ended, what a session came to that ended before its conductor said so.
	Say   func(string)
	Ended func(Ended)
	// Collect keeps a record that a client hands in; nil where none are taken.
	Collect func(record []byte) error
}

// Host waits for conductors. Its methods are safe for use by several goroutines.
type Host struct {
	opt      Options
	sessions sync.WaitGroup

	mu      sync.Mutex
	taken   map[int]bool // ports of sessions
	running int
	number  int // of the latest session
	lent    lent
	closed  bool
	began   *rate.Limiter

	collecting sync.Mutex
	collected  int64 // bytes of records
}

// sessionsPerSecond bounds how often sessions may begin: each is a process.
const sessionsPerSecond = 20

// NewHost makes a Host; Serve lets conductors in.
func NewHost(opt Options) *Host {
	return &Host{opt: opt, taken: map[int]bool{}, began: rate.NewLimiter(sessionsPerSecond, max(1, opt.Sessions))}
}

// Serve answers conductors until ctx ends, and then ends what they had under way. It closes l.
func (h *Host) Serve(ctx context.Context, l net.Listener) error {
	conf, err := serverTLS(h.opt.Token)
	if err != nil {
		return err
	}
	d := &door{Listener: l}
	web := &http.Server{
		Handler: h.routes(), MaxHeaderBytes: mostHeader,
		ReadHeaderTimeout: handshakeLimit, ReadTimeout: silence / 2, IdleTimeout: silence, WriteTimeout: 2 * silence,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, visitorKey{}, visitorOf(c))
		},
		ConnState: h.changed,
		ErrorLog:  log.New(quiet{}, "", 0), // who is no conductor is counted, see tellStrangers
	}
	stop := context.AfterFunc(ctx, func() { web.Close() }) //nolint:errcheck // its listener's error is nobody's
	defer stop()
	go h.tellStrangers(ctx, d)
	err = web.Serve(tls.NewListener(d, conf))
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.sessions.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("the control port: %w", err)
}

type visitorKey struct{}

func visitorOf(c net.Conn) *visitor {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	v, _ := c.(*visitor)
	return v
}

// quiet says nothing.
type quiet struct{}

func (quiet) Write(b []byte) (int, error) { return len(b), nil }

// tellEvery is how often it is told that strangers came.
const tellEvery = 10 * time.Second

// tellStrangers says how many connections were turned away, in a line now and then.
func (h *Host) tellStrangers(ctx context.Context, d *door) {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for told := int64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n := d.turned.Load(); n > told {
			h.opt.Say(fmt.Sprintf("turned away: %d connections without the token since the last such line", n-told))
			told = n
		}
	}
}

// changed ends a session with its connection.
func (h *Host) changed(c net.Conn, to http.ConnState) {
	if to != http.StateClosed && to != http.StateHijacked {
		return
	}
	if v := visitorOf(c); v != nil {
		if s := v.session.Load(); s != nil {
			go s.end()
		}
	}
}

// routes has every request that a conductor may make. What is not here is refused.
func (h *Host) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/pair", h.pair)
	mux.HandleFunc("POST /v1/record", h.record)
	route(mux, "clock", func(*session, context.Context, silent) (Moment, error) { return now(), nil })
	route(mux, "prove", func(s *session, _ context.Context, p Prove) (silent, error) { return silent{}, s.prove(p) })
	mux.HandleFunc("POST /v1/bye", bye)
	route(mux, "hello", (*session).hello)
	route(mux, "sysctls", (*session).sysctls)
	route(mux, "ring", func(s *session, ctx context.Context, r peer.Ring) (peer.RingTried, error) {
		return s.remote.Ring(ctx, r)
	})
	route(mux, "prepare", (*session).prepare)
	route(mux, "start", (*session).start)
	route(mux, "progress", (*session).progress)
	route(mux, "stop", func(s *session, ctx context.Context, in peer.Stop) (silent, error) {
		return silent{}, s.remote.Stop(ctx, in.Reason)
	})
	route(mux, "standing", func(s *session, ctx context.Context, c peer.Count) (peer.Standing, error) {
		return s.remote.Standing(ctx, c)
	})
	route(mux, "split", func(s *session, ctx context.Context, _ silent) (silent, error) {
		return silent{}, s.remote.Split(ctx)
	})
	route(mux, "finish", (*session).finish)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusNotFound, peer.Error{Error: fmt.Sprintf("%s %s is nothing that another host may ask for", r.Method, r.URL.Path)})
	})
	return h.known(mux)
}

// known lets nobody by who does not show the token.
func (h *Host) known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, _ := r.Context().Value(visitorKey{}).(*visitor)
		shown, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ") // RFC 6750
		if v == nil || !ok || !h.opt.Token.is(shown) {
			w.Header().Set("Connection", "close")
			w.Header().Set("WWW-Authenticate", "Bearer")
			answer(w, http.StatusUnauthorized, peer.Error{Error: "this takes the token that `twomsl server` was started with"})
			return
		}
		v.letIn()
		next.ServeHTTP(w, r)
	})
}
