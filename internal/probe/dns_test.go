//go:build linux

package probe

import (
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// The service answers what resolvers ask, in the words of RFC 1035.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name    string
		ipv6    bool
		own     netip.Addr
		rcode   dnsmessage.RCode
		answers int
	}{
		{Name, false, lo4, dnsmessage.RCodeSuccess, 1},
		{Name, true, lo6, dnsmessage.RCodeSuccess, 1},
		{Name, true, lo4, dnsmessage.RCodeSuccess, 0}, // the name is there, and has no such address
		{"www.example.com.", false, lo4, dnsmessage.RCodeNameError, 0},
	} {
		q, err := query(4711, c.name, c.ipv6)
		if err != nil {
			t.Fatal(err)
		}
		b, err := answerTo(q, c.own)
		if err != nil {
			t.Fatal(err)
		}
		var m dnsmessage.Message
		if err := m.Unpack(b); err != nil {
			t.Fatal(err)
		}
		if m.ID != 4711 || !m.Response || m.RCode != c.rcode || len(m.Answers) != c.answers || len(m.Questions) != 1 {
			t.Errorf("%s: %+v", c.name, m)
		}
		if _, err := answerTo(b, c.own); err == nil {
			t.Errorf("%s: an answer was answered", c.name)
		}
	}
	if _, err := query(1, "no final dot", false); err == nil {
		t.Error("a name that is none")
	}
}

// Whatever comes in, the answer is none or one that its own parser reads.
func FuzzAnswer(f *testing.F) {
	for _, name := range []string{Name, "a.", "."} {
		for _, ipv6 := range []bool{false, true} {
			q, err := query(1, name, ipv6)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(q)
			f.Add(q[:len(q)-1])
			f.Add(append(q, 0))
		}
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := answerTo(b, lo4)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(out); err != nil || !m.Response {
			t.Errorf("%x is answered with %x: %v", b, out, err)
		}
	})
}
