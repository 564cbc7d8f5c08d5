//go:build linux

package pairing

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// A load goes to an address only when whoever listens there has shown that it is the paired server: before anything else, one
// connection to it must give the proof, which takes the token. A firewall in between shows here, too.

// proofSize is that of HMAC-SHA-256 (RFC 2104).
const proofSize = sha256.Size

// proves is what is said at a port in a session whose number the conductor knows from the Welcome.
func (t Token) proves(session int, port uint16) []byte {
	m := hmac.New(sha256.New, []byte(t))
	fmt.Fprintf(m, "twomsl target %d %d", session, port)
	return m.Sum(nil)
}

// proof is a listener that says the proof to whoever comes, until it is closed.
type proof struct{ listener net.Listener }

// proofLimit bounds how long a proof stands, and how long one is waited for.
const proofLimit = 10 * time.Second

// prove opens the load's address for the proof.
func (s *session) prove(Prove) error {
	if s.proof != nil {
		return errors.New("prove: that was asked already")
	}
	l, err := net.Listen("tcp", s.at.String())
	if err != nil {
		return err
	}
	s.proof = &proof{l}
	says := s.host.opt.Token.proves(s.number, s.at.Port())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(proofLimit))
			go func() {
				_, _ = c.Write(says)
				_, _ = io.Copy(io.Discard, io.LimitReader(c, 1)) // the conductor resets it: it leaves nothing behind
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			}()
		}
	}()
	return nil
}

func (p *proof) close() {
	if p != nil {
		_ = p.listener.Close()
	}
}

// vacateLimit is longer than any exec() takes.
const vacateLimit = time.Second

// vacated waits until nobody listens at a port that was just given up: a child that this process is starting for another
// session has a copy of each listener until its exec() closes it, and the port is taken as long. Who else listens there is told
// when the server cannot.
func vacated(ctx context.Context, port uint16) error {
	for end := time.Now().Add(vacateLimit); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(time.Millisecond) {
		split, err := sample.Once(sample.Filter{BothFamilies: true, LocalPort: port, CountsOnly: true})
		if err != nil || split.Counts[record.Listen] == 0 {
			return err
		}
	}
	return ctx.Err()
}

// Consent sees to it that a connection to the load's address comes to the paired server. From is the address that it comes
// from; not valid: the kernel's choice.
func (l *Link) Consent(ctx context.Context, from netip.Addr) error {
	if _, err := ask[struct{}](ctx, l, "prove", Prove{}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, proofLimit)
	defer cancel()
	var d net.Dialer
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	c, err := d.DialContext(ctx, "tcp", l.Target.String())
	if err != nil {
		return fmt.Errorf("the server listens for the load at %s, and it cannot be reached there: %w; is there a firewall in between? "+
			"`twomsl server --ports` chooses which ports it takes, --advertise the address", l.Target, err)
	}
	defer c.Close()                   //nolint:errcheck // reset
	_ = c.(*net.TCPConn).SetLinger(0) // RFC 9293, 3.10.4: an abort leaves nothing behind
	_ = c.SetDeadline(time.Now().Add(proofLimit))
	said := make([]byte, proofSize)
	if _, err := io.ReadFull(c, said); err != nil {
		return fmt.Errorf("%s does not say that it is the paired server (%w): nothing else is flooded", l.Target, err)
	}
	if !hmac.Equal(said, l.token.proves(l.Welcome.Session, l.Target.Port())) {
		return fmt.Errorf("%s is not the paired server, which would have shown the token: nothing else is flooded", l.Target)
	}
	return nil
}
