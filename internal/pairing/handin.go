//go:build linux

package pairing

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"twomsl/internal/peer"
)

const (
	// mostRecord bounds one record that is handed in, mostHandedIn all of them: they lie on the server's disk.
	mostRecord   = 32 << 20
	mostHandedIn = 1 << 30
)

// HandIn gives the record of a run to a Host that collects them. It takes a connection of its own: the session may have
// ended in whatever way.
func HandIn(ctx context.Context, control string, t Token, record []byte) error {
	l, err := Dial(ctx, control, t)
	if err != nil {
		return err
	}
	defer l.Close()
	_, err = ask[silent](ctx, l, "record", json.RawMessage(record))
	return err
}

// record takes one that a client has made. What is in it is for Options.Collect to judge.
func (h *Host) record(w http.ResponseWriter, r *http.Request) {
	if h.opt.Collect == nil {
		answer(w, http.StatusForbidden, peer.Error{Error: "record: this server does not collect records: start it with --collect"})
		return
	}
	if !h.began.Allow() {
		answer(w, http.StatusTooManyRequests, peer.Error{Error: "record: too many at once: try again in a second"})
		return
	}
	var raw json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostRecord)).Decode(&raw); err != nil {
		answer(w, http.StatusBadRequest, peer.Error{Error: "record: " + err.Error()})
		return
	}
	if err := h.collect(raw); err != nil {
		answer(w, http.StatusInternalServerError, peer.Error{Error: "record: " + err.Error()})
		return
	}
	answer(w, http.StatusOK, silent{})
}

// collect has one record kept at a time, as long as there is room for it.
func (h *Host) collect(raw []byte) error {
	h.collecting.Lock()
	defer h.collecting.Unlock()
	if h.collected+int64(len(raw)) > mostHandedIn {
		return fmt.Errorf("%d MB have been collected already, which is all that is taken: start the server anew", h.collected>>20)
	}
	if err := h.opt.Collect(raw); err != nil {
		return err
	}
	h.collected += int64(len(raw))
	return nil
}
