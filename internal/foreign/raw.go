//go:build linux

package foreign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
)

// Raw is a request as it stands, and where its answer ends: with the server's FIN, after Bytes, or with Match.
type Raw struct {
	Request []byte `json:"request"`
	EOF     bool   `json:"eof"`
	Bytes   int64  `json:"bytes"`
	Match   []byte `json:"match"`
}

// learn says it once, and hears the answer to its end: what never ends is found out before there is a load.
func (r *Raw) learn(ctx context.Context, from netip.Addr, to netip.AddrPort) (Exchange, error) {
	e := Exchange{Request: r.Request, Response: r.Bytes, Open: r.EOF || len(r.Match) > 0}
	c, err := dial(ctx, from, to)
	if err != nil {
		return e, err
	}
	defer c.Close() //nolint:errcheck // reset
	if _, err := c.Write(r.Request); err != nil {
		return e, err
	}
	got, err := r.hear(c)
	if err != nil {
		return e, fmt.Errorf("%w%s", err, beginning(got))
	}
	if len(got) >= statusSize && bytes.HasPrefix(got, []byte("HTTP/")) {
		e.Begins = got[:statusSize]
		if e.Begins[statusSize-len("500")] == '5' {
			return e, fmt.Errorf("it has an error to tell before there is any load; look into its log%s", beginning(got))
		}
	}
	return e, nil
}

// hear reads the answer.
func (r *Raw) hear(c net.Conn) (got []byte, err error) {
	for b := make([]byte, 64<<10); len(got) <= mostResponse; {
		n, err := c.Read(b)
		got = append(got, b[:n]...)
		if whole, err := r.whole(got); whole || err != nil {
			return got, err
		}
		switch {
		case errors.Is(err, io.EOF) && r.EOF && len(got) > 0:
			return got, nil
		case errors.Is(err, io.EOF):
			return got, fmt.Errorf("it closes after %d bytes, before %s", len(got), r.end())
		case errors.Is(err, os.ErrDeadlineExceeded):
			return got, fmt.Errorf("%d bytes in %v, and no end: expected %s", len(got), learnLimit, r.end())
		case err != nil:
			return got, err
		}
	}
	return got, fmt.Errorf("more than %d bytes, and no end: expected %s", mostResponse, r.end())
}

// whole tells whether an answer that ends without a FIN has ended, and why it can be none.
func (r *Raw) whole(got []byte) (bool, error) {
	end := int(r.Bytes)
	if len(r.Match) > 0 {
		at := bytes.Index(got, r.Match)
		if at < 0 {
			return false, nil
		}
		end = at + len(r.Match)
	}
	if end > 0 && len(got) > end {
		return false, fmt.Errorf("%d bytes follow %s: it says more than is heard", len(got)-end, r.end())
	}
	return end > 0 && len(got) == end, nil
}

// end is what the answer is to end with, in words.
func (r *Raw) end() string {
	switch {
	case r.EOF:
		return "an answer and the server's FIN (until eof)"
	case r.Bytes > 0:
		return fmt.Sprintf("its %d bytes", r.Bytes)
	}
	return fmt.Sprintf("the text %q", r.Match)
}

// beginning shows what an answer was.
func beginning(got []byte) string {
	if len(got) == 0 {
		return ""
	}
	line, _, _ := strings.Cut(string(got[:min(len(got), 80)]), "\n")
	return fmt.Sprintf("; it says %q", line)
}
