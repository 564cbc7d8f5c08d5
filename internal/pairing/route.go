//go:build linux

package pairing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"twomsl/internal/peer"
)

// route serves POST /v1/name of a session: decode, work, encode. What is under way is not broken off when the conductor
// goes: its peer would be of no use afterwards, and its result is still wanted.
func route[In, Out any](mux *http.ServeMux, name string, work func(*session, context.Context, In) (Out, error)) {
	mux.HandleFunc("POST /v1/"+name, func(w http.ResponseWriter, r *http.Request) {
		s := r.Context().Value(visitorKey{}).(*visitor).session.Load() // known has seen to it that there is a visitor
		if s == nil {
			answer(w, http.StatusConflict, peer.Error{Error: name + ": no session has begun here"})
			return
		}
		if err := s.asked.Wait(r.Context()); err != nil {
			answer(w, http.StatusTooManyRequests, peer.Error{Error: name + ": " + err.Error()})
			return
		}
		var in In
		if err := decode(w, r, &in); err != nil {
			answer(w, http.StatusBadRequest, peer.Error{Error: name + ": " + err.Error()})
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), silence)
		defer cancel()
		out, err := locked(ctx, s, in, work)
		if err != nil {
			answer(w, http.StatusInternalServerError, failure(err))
			return
		}
		answer(w, http.StatusOK, out)
	})
}

// locked has one request of a session under way at a time.
func locked[In, Out any](ctx context.Context, s *session, in In, work func(*session, context.Context, In) (Out, error)) (out Out, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return out, errors.New("the session is over")
	}
	return work(s, ctx, in)
}

// decode reads one message and nothing behind it.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostRequest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("something follows the message")
	}
	return nil
}

func failure(err error) peer.Error {
	var cannot *peer.CannotError
	return peer.Error{Error: err.Error(), Cannot: errors.As(err, &cannot)}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) //nolint:errcheck // a conductor that is gone needs no answer
}

// pair begins a session on a connection that has none.
func (h *Host) pair(w http.ResponseWriter, r *http.Request) {
	v := r.Context().Value(visitorKey{}).(*visitor)
	if v.session.Load() != nil {
		answer(w, http.StatusConflict, peer.Error{Error: "pair: this connection has its session: open another"})
		return
	}
	body := http.MaxBytesReader(w, r.Body, mostRequest)
	var raw json.RawMessage
	if err := json.NewDecoder(body).Decode(&raw); err != nil {
		answer(w, http.StatusBadRequest, peer.Error{Error: "pair: " + err.Error()})
		return
	}
	o, err := h.order(raw)
	if err != nil {
		answer(w, http.StatusConflict, peer.Error{Error: err.Error()})
		return
	}
	s, welcome, err := h.begin(v, o)
	if err != nil {
		answer(w, http.StatusServiceUnavailable, failure(err))
		return
	}
	v.session.Store(s)
	answer(w, http.StatusOK, welcome)
}

// bye ends a session well. The answer comes when all of it is gone, so that a client that goes on to the next finds its place.
func bye(w http.ResponseWriter, r *http.Request) {
	s := r.Context().Value(visitorKey{}).(*visitor).session.Load()
	if s == nil {
		answer(w, http.StatusConflict, peer.Error{Error: "bye: no session has begun here"})
		return
	}
	s.well.Store(true)
	s.end()
	answer(w, http.StatusOK, silent{})
}

// order reads what is to be run; of another version only that is read, since the rest may be unlike anything known here.
func (h *Host) order(raw json.RawMessage) (o Order, err error) {
	var version struct {
		Version int    `json:"version"`
		Peer    int    `json:"peer"`
		Tool    string `json:"tool"`
	}
	if err := json.Unmarshal(raw, &version); err != nil {
		return o, fmt.Errorf("pair: %w", err)
	}
	if version.Version != Version || version.Peer != peer.Version {
		return o, fmt.Errorf("this server is %s and speaks version %d.%d of the protocol, the client %q version %d.%d: use the same program on "+
			"both hosts", h.opt.Tool, Version, peer.Version, version.Tool, version.Version, version.Peer)
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, fmt.Errorf("pair: %w", err)
	}
	return o, nil
}
