//go:build linux

package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"twomsl/internal/foreign"
	"twomsl/internal/lab"
	"twomsl/internal/linux"
)

// How an order reaches the agent: HTTP over the one connection that its process was given.

// once is a listener with one connection.
type once struct {
	mu   sync.Mutex
	conn net.Conn
	gone chan struct{}
}

func (o *once) Accept() (net.Conn, error) {
	o.mu.Lock()
	c := o.conn
	o.conn = nil
	o.mu.Unlock()
	if c != nil {
		return c, nil
	}
	<-o.gone
	return nil, net.ErrClosed
}

func (o *once) Close() error { return nil }

// Addr has nothing to say: the connection was inherited.
func (o *once) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

// route serves POST /v1/name: decode, work, encode.
func route[In, Out any](mux *http.ServeMux, name string, work func(context.Context, In) (Out, error)) {
	mux.HandleFunc("POST /v1/"+name, func(w http.ResponseWriter, r *http.Request) {
		var in In
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostRequest))
		dec.DisallowUnknownFields()
		err := dec.Decode(&in)
		if err == nil && dec.More() {
			err = errors.New("something follows the message")
		}
		if err != nil {
			answer(w, http.StatusBadRequest, Error{Error: fmt.Sprintf("%s: %v", name, err)})
			return
		}
		out, err := work(r.Context(), in)
		if err != nil {
			answer(w, http.StatusInternalServerError, Error{Error: err.Error(), Cannot: cannot(err)})
			return
		}
		answer(w, http.StatusOK, out)
	})
}

// cannot tells whether an error is this machine's, and not the program's.
func cannot(err error) bool {
	var option *linux.UnsupportedError
	var unavailable *lab.UnavailableError
	var root *foreign.UnavailableError
	return errors.As(err, &option) || errors.As(err, &unavailable) || errors.As(err, &root)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) //nolint:errcheck // a conductor that is gone needs no answer
}
