//go:build linux

package foreign

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Exchange is one request with the length of its response: what a connection says and hears.
type Exchange struct {
	Request []byte `json:"request"`
	// Response is the number of bytes that come back, headers and all.
	Response int64 `json:"response"`
}

// learnLimit bounds one request.
const learnLimit = 10 * time.Second

// mostResponse bounds what is read of one.
const mostResponse = 16 << 20

// Learn asks a server twice for its first page, in HTTP/1.1, and tells what a connection to it says and hears. Where keep
// is false the request asks the server to close first. The connections are reset afterwards and leave no TIME_WAIT. The
// error says so where two responses differ in length: connections could then not be told whole from broken ones.
func Learn(ctx context.Context, from netip.Addr, to netip.AddrPort, keep bool) (Exchange, error) {
	connection := "close"
	if keep {
		connection = "keep-alive"
	}
	e := Exchange{Request: fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: twomsl\r\nConnection: %s\r\n\r\n", to, connection)}
	var lengths [2]int64
	for i := range lengths {
		var err error
		if lengths[i], err = e.ask(ctx, from, to, keep); err != nil {
			return Exchange{}, fmt.Errorf("what the server at %s answers: %w", to, err)
		}
	}
	if lengths[0] != lengths[1] {
		return Exchange{}, fmt.Errorf("the server at %s answers the same request once with %d bytes and once with %d: give it a page whose "+
			"length stays the same", to, lengths[0], lengths[1])
	}
	e.Response = lengths[0]
	return e, nil
}

// Half is a request without its end, to which no server answers: it waits for the rest, or for the client to close.
func Half(to netip.AddrPort) Exchange {
	return Exchange{Request: fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: %s\r\n", to)}
}

// ask makes one request and gives the length of its response.
func (e Exchange) ask(ctx context.Context, from netip.Addr, to netip.AddrPort, keep bool) (int64, error) {
	d := net.Dialer{Timeout: learnLimit, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	c, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return 0, err
	}
	defer c.Close()                               //nolint:errcheck // reset
	_ = c.(*net.TCPConn).SetLinger(0)             // RFC 9293, 3.10.4: an abort leaves nothing behind
	_ = c.SetDeadline(time.Now().Add(learnLimit)) // what it fails for, the next call fails for too
	if _, err := c.Write(e.Request); err != nil {
		return 0, err
	}
	counted := &counter{r: io.LimitReader(c, mostResponse)}
	in := bufio.NewReader(counted)
	resp, err := http.ReadResponse(in, &http.Request{Method: http.MethodGet})
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read from
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	switch {
	case keep && resp.Close:
		return 0, fmt.Errorf("it closes after every response (%s), so the client cannot close first: set close.side=server, or let it "+
			"keep connections alive", resp.Status)
	case !keep && !resp.Close:
		return 0, fmt.Errorf("it keeps the connection (%s) although the request says close, so it does not close first: set close.side=client",
			resp.Status)
	}
	return counted.n - int64(in.Buffered()), nil
}

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
