//go:build linux

package probe

import (
	"fmt"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
)

// Name is what the canaries ask for, below a domain that is nobody's (RFC 6761).
const Name = "canary.twomsl.test."

// answerSeconds is how long an answer may be kept.
const answerSeconds = 1

// query lays out a question for a name's address.
func query(id uint16, name string, ipv6 bool) ([]byte, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, fmt.Errorf("canary: the name %q: %w", name, err)
	}
	q := dnsmessage.Question{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	if ipv6 {
		q.Type = dnsmessage.TypeAAAA
	}
	m := dnsmessage.Message{
		Header: dnsmessage.Header{ID: id, RecursionDesired: true}, Questions: []dnsmessage.Question{q},
	}
	return m.Pack()
}

// answerTo lays out the answer to a query: the service's own address for Name, no such name for any other. There is none
// to what is not a query.
func answerTo(b []byte, own netip.Addr) ([]byte, error) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil {
		return nil, err
	}
	if h.Response || h.OpCode != 0 {
		return nil, fmt.Errorf("not a query")
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	m := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: h.ID, Response: true, Authoritative: true, RecursionDesired: h.RecursionDesired,
		},
		Questions: []dnsmessage.Question{q},
	}
	if q.Class != dnsmessage.ClassINET || q.Name.String() != Name {
		m.RCode = dnsmessage.RCodeNameError
		return m.Pack()
	}
	head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: answerSeconds}
	switch {
	case q.Type == dnsmessage.TypeA && own.Is4():
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: own.As4()}}}
	case q.Type == dnsmessage.TypeAAAA && own.Is6():
		m.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: own.As16()}}}
	}
	return m.Pack()
}
