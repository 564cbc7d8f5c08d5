//go:build linux

package foreign

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Exchange is one request with what is known of its response: what a connection says and hears.
type Exchange struct {
	Request []byte `json:"request"`
	// Response is the number of bytes that come back, headers and all; 0 with Open, where it changes from one to the next and
	// only the server's FIN tells the end.
	Response int64 `json:"response"`
	Open     bool  `json:"open"`
	// Begins is what every response begins with: of HTTP the version and the status. What answers otherwise is no success.
	Begins []byte `json:"begins"`
}

// Ask says what is to be found out: what a page's answer is by HTTP, or that of a request as it stands.
type Ask struct {
	HTTP *Page `json:"http"`
	Raw  *Raw  `json:"raw"`
}

// Page is a page, and the way that HTTP asks for it.
type Page struct {
	Version string `json:"version"` // 1.0 or 1.1
	Path    string `json:"path"`    // "": /
	Host    string `json:"host"`    // "": the server's address and port
	// Keep tells that the server is not to close first.
	Keep bool `json:"keep"`
}

// request is what is said.
func (p *Page) request(to netip.AddrPort) []byte {
	b := fmt.Appendf(nil, "GET %s HTTP/%s\r\nHost: %s\r\nUser-Agent: twomsl\r\n", cmp.Or(p.Path, "/"), p.Version, cmp.Or(p.Host, to.String()))
	switch {
	case p.Keep:
		b = append(b, "Connection: keep-alive\r\n"...)
	case p.Version != "1.0": // which closes unless it is asked not to (RFC 9112, section 9.3)
		b = append(b, "Connection: close\r\n"...)
	}
	return append(b, "\r\n"...)
}

// learnLimit bounds one request.
const learnLimit = 10 * time.Second

// mostResponse bounds what is read of one.
const mostResponse = 16 << 20

// Learn asks a server and tells what a connection to it says and hears. The connections are reset afterwards and leave no
// TIME_WAIT.
func Learn(ctx context.Context, from netip.Addr, to netip.AddrPort, ask Ask) (e Exchange, err error) {
	switch {
	case ask.Raw != nil:
		e, err = ask.Raw.learn(ctx, from, to)
	case ask.HTTP != nil:
		e, err = ask.HTTP.learn(ctx, from, to)
	default:
		err = errors.New("nothing to ask")
	}
	if err != nil {
		return Exchange{}, fmt.Errorf("what the server at %s answers: %w", to, err)
	}
	return e, nil
}

// learn asks for a page twice. Two that differ in length have no length that a whole one could be told by: where the server
// closes, its FIN does that.
func (p *Page) learn(ctx context.Context, from netip.Addr, to netip.AddrPort) (Exchange, error) {
	e := Exchange{Request: p.request(to)}
	var lengths [2]int64
	for i := range lengths {
		head, n, err := e.ask(ctx, from, to, p.Keep)
		if err != nil {
			return e, err
		}
		if i > 0 && !bytes.Equal(e.Begins, head) {
			return e, fmt.Errorf("once %q and once %q", e.Begins, head)
		}
		e.Begins, lengths[i] = head, n
	}
	switch {
	case lengths[0] == lengths[1]:
		e.Response = lengths[0]
	case p.Keep:
		return e, fmt.Errorf("the same request is answered once with %d bytes and once with %d: give it a page whose length stays the same",
			lengths[0], lengths[1])
	default:
		e.Open = true
	}
	return e, nil
}

// Half is a request without its end, to which no server answers: it waits for the rest, or for the client to close.
func Half(to netip.AddrPort) Exchange {
	return Exchange{Request: fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: %s\r\n", to)}
}

// dial opens a connection that is reset when it is closed.
func dial(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: learnLimit}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	c, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, err
	}
	_ = c.(*net.TCPConn).SetLinger(0)             // RFC 9293, 3.10.4: an abort leaves nothing behind
	_ = c.SetDeadline(time.Now().Add(learnLimit)) // what it fails for, the next call fails for too
	return c, nil
}

// ask makes one request of HTTP, and gives the beginning and the length of its response.
func (e Exchange) ask(ctx context.Context, from netip.Addr, to netip.AddrPort, keep bool) (head []byte, n int64, err error) {
	c, err := dial(ctx, from, to)
	if err != nil {
		return nil, 0, err
	}
	defer c.Close() //nolint:errcheck // reset
	if _, err := c.Write(e.Request); err != nil {
		return nil, 0, err
	}
	counted := &counter{r: io.LimitReader(c, mostResponse)}
	in := bufio.NewReader(counted)
	head, _ = in.Peek(statusSize) // what it fails for, the next read fails for too
	head = bytes.Clone(head)
	resp, err := http.ReadResponse(in, &http.Request{Method: http.MethodGet})
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read from
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return nil, 0, err
	}
	return head, counted.n - int64(in.Buffered()), judge(resp, keep)
}

// judge tells why a response is none that a load could be made of.
func judge(resp *http.Response, keep bool) error {
	switch {
	case resp.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("%q: it has an error to tell before there is any load; look into its log", resp.Status)
	case keep && resp.Close:
		return fmt.Errorf("it closes after every response (%s), so the client cannot close first: set close.side=server, or let it "+
			"keep connections alive", resp.Status)
	case !keep && !resp.Close:
		return fmt.Errorf("it keeps the connection (%s) although the request says close, so it does not close first: set close.side=client",
			resp.Status)
	}
	return nil
}

// statusSize is how long version and status are: "HTTP/1.1 200" (RFC 9112, section 4).
const statusSize = len("HTTP/1.1 200")

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
