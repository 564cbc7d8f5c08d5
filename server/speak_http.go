//go:build linux

package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"twomsl/internal/exchange"
	"twomsl/internal/linux"
	"twomsl/internal/tally"
)

const (
	mostHead = 64 << 10 // of a request, its header lines
	mostBody = 16 << 20
)

// webTalk answers HTTP/1: every response has the same length, so there is no date in it.
func webTalk(p *Plan) conversation {
	body, think, first := page(int(p.Response)), p.Think.Std(), p.closesFirst()
	response := func(connection string) []byte {
		return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\n%sContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n", connection, len(body))
	}
	keeps, keepsOld, closes := response(""), response("Connection: keep-alive\r\n"), response("Connection: close\r\n")
	return func(t *exchange.Talk, pause func(time.Duration)) farewell {
		w := &wire{Talk: t}
		in := bufio.NewReader(w)
		for {
			w.left = mostHead
			if _, err := in.Peek(1); errors.Is(err, io.EOF) {
				return theirs
			}
			req, err := http.ReadRequest(in)
			if err == nil {
				w.left = mostBody
				err = takeBody(w, req)
			}
			if err != nil {
				return refuse(w, err)
			}
			pause(think)
			last, head := first || req.Close, keeps
			switch {
			case last:
				head = closes
				hold(t.Conn)
			case !req.ProtoAtLeast(1, 1):
				head = keepsOld // RFC 9112, appendix C.2.2
			}
			if req.Method != http.MethodHead {
				head = append(bytes.Clone(head), body...)
			}
			if _, err := w.Write(head); err != nil {
				return broke(t, tally.Write, err)
			}
			switch {
			case first:
				return ours
			case last: // RFC 9112, section 9.6: a server that is asked to must close
				return asked
			}
		}
	}
}

// takeBody reads what comes with a request, having asked for it where the client waits for that (RFC 9110, section 10.1.1).
func takeBody(w *wire, req *http.Request) error {
	defer req.Body.Close() //nolint:errcheck // it is read to its end
	if req.Header.Get("Expect") == "100-continue" {
		if _, err := io.WriteString(w, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return err
		}
	}
	_, err := io.Copy(io.Discard, req.Body)
	return err
}

// refuse answers what is no request, as far as that can be, and tells what it was.
func refuse(w *wire, err error) farewell {
	why := broke(w.Talk, tally.Read, err)
	if w.Why == tally.Errno(linux.MaxErrno) || w.Why == tally.ShortRead && w.Talk.Read == 0 { // it was read, and makes no sense
		w.Why = tally.WrongBytes
		_, _ = io.WriteString(w, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	}
	return why
}

// page is what can be shown on a terminal: letters, and one end of a line.
func page(length int) []byte {
	p := bytes.Repeat([]byte("twomsl "), length/7+1)[:length]
	if length > 0 {
		p[length-1] = '\n'
	}
	return p
}
