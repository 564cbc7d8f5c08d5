//go:build linux

package pairing

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"twomsl/internal/peer"
	"twomsl/internal/scenario"
)

// Link is a conductor's end of a session.
type Link struct {
	Remote  *peer.Remote // answers as a local server's peer does
	Welcome Welcome
	Control string         // where it was dialled, as it was named
	Target  netip.AddrPort // where the load's connections go
	Local   netip.Addr     // this host's address towards it
	token   Token
	conn    net.Conn
}

// dialLimit bounds how long a server may take to answer.
const dialLimit = 10 * time.Second

// Dial reaches a Host and shows that both know the token. A session begins with Link.Pair.
func Dial(ctx context.Context, control string, t Token) (*Link, error) {
	conf, err := clientTLS(t)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	d := net.Dialer{}
	raw, err := d.DialContext(ctx, "tcp", control)
	if err != nil {
		return nil, fmt.Errorf("server %s: %w; is `twomsl server` running there, with --listen at an address that can be reached from here?", control, err)
	}
	hold(raw)
	c := tls.Client(raw, conf)
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close() //nolint:errcheck // the first error is told
		return nil, fmt.Errorf("server %s: %w", control, handshakeError(ctx, err))
	}
	l := &Link{Control: control, token: t, conn: c}
	there, thereErr := netip.ParseAddrPort(raw.RemoteAddr().String())
	here, hereErr := netip.ParseAddrPort(raw.LocalAddr().String())
	if err := errors.Join(thereErr, hereErr); err != nil {
		l.Close()
		return nil, fmt.Errorf("server %s: %w", control, err)
	}
	l.Target, l.Local = netip.AddrPortFrom(there.Addr().Unmap(), 0), here.Addr().Unmap()
	l.Remote = peer.NewRemoteWith("server", c, http.Header{"Authorization": {"Bearer " + string(t)}})
	return l, nil
}

// handshakeError says what a person can do about it.
func handshakeError(ctx context.Context, err error) error {
	var notTLS tls.RecordHeaderError
	switch {
	case errors.Is(err, ErrWrongToken):
		return fmt.Errorf("%w: use the file that it was started with, or the token that it printed (--token-file)", ErrWrongToken)
	case errors.As(err, &notTLS):
		return fmt.Errorf("what listens there is no `twomsl server` (%w): is it the port that it printed for control, %d unless told otherwise?", err, DefaultPort)
	case ctx.Err() != nil:
		return fmt.Errorf("what listens there says nothing, and so is no `twomsl server`, or one that has too much to do (%w)", err)
	}
	return fmt.Errorf("no pairing: %w", err)
}

// Family is that of the address dialled, and so of the load.
func (l *Link) Family() scenario.Family {
	if l.Target.Addr().Is4() {
		return scenario.IPv4
	}
	return scenario.IPv6
}

// Pair begins the session. Versions are filled in.
func (l *Link) Pair(ctx context.Context, o Order) (err error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	o.Version, o.Peer = Version, peer.Version
	if l.Welcome, err = ask[Welcome](ctx, l, "pair", o); err != nil {
		return err
	}
	if p := l.Welcome.Port; p < 1 || p > 65535 {
		return fmt.Errorf("server %s: it gives port %s for the load, which is none", l.Control, strconv.Itoa(p))
	}
	address := l.Target.Addr()
	if a := l.Welcome.Address; a.IsValid() {
		address = a.Unmap()
	}
	l.Target = netip.AddrPortFrom(address, uint16(l.Welcome.Port))
	return nil
}

// Bye ends the session well; the connection is closed by Close.
func (l *Link) Bye(ctx context.Context) error {
	_, err := ask[struct{}](ctx, l, "bye", Bye{})
	return err
}

// Close ends the session, and the server's part of what is under way.
func (l *Link) Close() { l.conn.Close() } //nolint:errcheck // it is over either way

func ask[Out any](ctx context.Context, l *Link, name string, in any) (Out, error) {
	return peer.Ask[Out](ctx, l.Remote, name, in)
}
