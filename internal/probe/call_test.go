//go:build linux

package probe

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/record"
	"twomsl/internal/sample"
	"twomsl/internal/scenario"
)

var (
	lo4 = netip.MustParseAddr("127.0.0.1")
	lo6 = netip.MustParseAddr("::1")
)

// patient is for calls that are answered or refused; nobody waits for it to end.
const patient = 20 * time.Second

// nothing fails the test where a socket is left that no service listens with.
func nothing(t *testing.T) {
	t.Helper()
	var got record.Counts
	for end := time.Now().Add(patient); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var err error
		if got, err = sample.CountHere(sample.CountOptions{NoListen: true}); err != nil {
			t.Fatal(err)
		}
		if got.Total() == 0 {
			return
		}
	}
	t.Errorf("sockets are left: %v", got)
}

func caller(t *testing.T, kind Kind, at netip.AddrPort) *line {
	t.Helper()
	l, err := newLine(Caller{Name: string(kind), Kind: kind, Source: at.Addr(), Target: at, Question: Name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.poller.Close)
	return l
}

// Each kind of caller is answered by its service, over both families, and nothing of a call is left.
func TestNetNSCallsAreAnswered(t *testing.T) {
	nstest.Require(t)
	for _, a := range []netip.Addr{lo4, lo6} {
		var all []Service
		for i, kind := range kinds {
			all = append(all, Service{Kind: kind, Listen: netip.AddrPortFrom(a, uint16(20+i))})
		}
		s, err := serve(all, patient)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			l := caller(t, one.Kind, one.Listen)
			for range 5 {
				if f := l.call(patient); f.failed() {
					t.Errorf("%s at %s: %s() %s", one.Kind, one.Listen, f.phase, linux.ErrnoName(f.errno))
				}
			}
		}
		nothing(t)
		s.close()
		s.open.Wait()
	}
	if n := counter(t, "Tcp.PassiveOpens"); n != 10 {
		t.Errorf("%d connections came to a service; ten calls of ssh were to, and none of the bare handshakes", n)
	}
}

func counter(t *testing.T, name string) uint64 {
	t.Helper()
	all, err := sample.Counters(sample.Here)
	if err != nil {
		t.Fatal(err)
	}
	return all[name]
}

// fakes are services that do it wrong.
func fakes(t *testing.T) (tcp func(say string) netip.AddrPort, udp func(answer func(*dnsmessage.Message) []byte) netip.AddrPort) {
	t.Helper()
	tcp = func(say string) netip.AddrPort {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				fmt.Fprint(c, say)
				if say != "" {
					c.Close()
				}
			}
		}()
		return l.Addr().(*net.TCPAddr).AddrPort()
	}
	udp = func(answer func(*dnsmessage.Message) []byte) netip.AddrPort {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		go func() {
			buf := make([]byte, 1500)
			for {
				n, from, err := c.ReadFrom(buf)
				if err != nil {
					return
				}
				var m dnsmessage.Message
				if err := m.Unpack(buf[:n]); err != nil {
					panic(err)
				}
				if b := answer(&m); b != nil {
					c.WriteTo(b, from) //nolint:errcheck // the caller tells
				}
			}
		}()
		return c.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	return tcp, udp
}

func pack(m *dnsmessage.Message) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// Each way of failing is told by its phase and errno.
func TestNetNSCallsThatFail(t *testing.T) {
	nstest.Require(t)
	tcp, udp := fakes(t)
	nobody := netip.AddrPortFrom(lo4, 7)
	response := func(change func(*dnsmessage.Message)) func(*dnsmessage.Message) []byte {
		return func(m *dnsmessage.Message) []byte {
			m.Response = true
			change(m)
			return pack(m)
		}
	}
	for name, c := range map[string]struct {
		kind    Kind
		at      netip.AddrPort
		timeout time.Duration
		want    failure
	}{
		"nobody listens":        {SSH, nobody, patient, failure{phaseConnect, 111}}, // ECONNREFUSED
		"nobody has the socket": {DNS, nobody, patient, failure{phaseRead, 111}},
		"another service":       {SSH, tcp("220 mail ESMTP\r\n"), patient, failure{phaseAnswer, 0}},
		"half a banner":         {SSH, tcp("SSH"), patient, failure{phaseAnswer, 0}},
		"nothing said":          {SSH, tcp(""), 50 * time.Millisecond, failure{phaseRead, linux.ETIMEDOUT}},
		"lines before":          {SSH, tcp("hello\r\nSSH-2.0-x\r\n"), patient, failure{}},
		"no such name":          {DNS, udp(response(func(m *dnsmessage.Message) { m.RCode = dnsmessage.RCodeNameError })), patient, failure{phaseAnswer, 0}},
		"a query back":          {DNS, udp(pack), patient, failure{phaseAnswer, 0}},
		"another's answer":      {DNS, udp(response(func(m *dnsmessage.Message) { m.ID++ })), 50 * time.Millisecond, failure{phaseRead, linux.ETIMEDOUT}},
		"no DNS":                {DNS, udp(func(*dnsmessage.Message) []byte { return []byte("?") }), patient, failure{phaseAnswer, 0}},
		"no answer":             {DNS, udp(func(*dnsmessage.Message) []byte { return nil }), 50 * time.Millisecond, failure{phaseRead, linux.ETIMEDOUT}},
		"good answer":           {DNS, udp(response(func(*dnsmessage.Message) {})), patient, failure{}},
	} {
		if f := caller(t, c.kind, c.at).call(c.timeout); f != c.want {
			t.Errorf("%s: %s() %s; want %s() %s", name, f.phase, linux.ErrnoName(f.errno), c.want.phase, linux.ErrnoName(c.want.errno))
		}
	}
}

// Ports that are used up are EADDRNOTAVAIL where connect() chooses and EADDRINUSE where bind() does; descriptors are the
// caller's own.
func TestNetNSCallsWithoutPorts(t *testing.T) {
	nstest.Require(t)
	at := netip.AddrPortFrom(lo4, 80)
	s, err := serve([]Service{{Kind: Connect, Listen: at}}, patient)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, port := range []int{40000, 40001} {
		taken := caller(t, Connect, at)
		taken.source = linux.NewSockaddr(netip.AddrPortFrom(lo4, uint16(port)))
		taken.until = linux.Nano() + int64(patient)
		fd, e := linux.Socket(false)
		if e != 0 {
			t.Fatal(e)
		}
		defer linux.Close(fd)
		if taken.fd = fd; taken.talk().failed() {
			t.Fatal("the port could not be taken")
		}
	}
	short := scenario.PortRange{Low: 40000, High: 40001}
	for _, c := range []struct {
		socket Socket
		want   failure
	}{
		{Socket{Range: short}, failure{phaseConnect, linux.EADDRNOTAVAIL}},
		{Socket{Range: short, PortTaken: true}, failure{phaseBind, linux.EADDRINUSE}},
		{Socket{}, failure{}},
	} {
		l := caller(t, Connect, at)
		l.Socket = c.socket
		if f := l.call(patient); f != c.want {
			t.Errorf("%+v: %s() %s; want %s() %s", c.socket, f.phase, linux.ErrnoName(f.errno), c.want.phase, linux.ErrnoName(c.want.errno))
		}
	}
}

// What a whole side does: it calls before the load, which counts for nothing, stops until both sides have read their
// counters, and goes on. The counters move by the calls that count, and by no other.
func TestNetNSCanariesStopForTheCounters(t *testing.T) {
	ns := nstest.Require(t)
	at := netip.AddrPortFrom(lo4, 22)
	every := scenario.Duration(5 * time.Millisecond)
	c, err := Open(Plan{
		Services: []Service{{Kind: SSH, Listen: at}}, Every: every, Timeout: scenario.Duration(patient),
		Callers: []Caller{
			{Name: "ssh", From: "outside", Kind: SSH, Source: lo4, Target: at},
			{Name: "same-tuple", From: "host", Kind: Connect, Source: lo4, Target: at, Offset: every / 2},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	call := func(epoch int64) {
		t.Helper()
		if err := c.startHere(epoch, func() { ns.Enter(t) }); err != nil {
			t.Fatal(err)
		}
		if c.Start(epoch) == nil {
			t.Error("started twice")
		}
		time.Sleep(100 * time.Millisecond) // some calls
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	call(0)
	passive, embryonic, epoch := counter(t, "Tcp.PassiveOpens"), counter(t, "TcpExt.EmbryonicRsts"), linux.Nano()
	call(epoch)
	r, err := c.Result()
	if err != nil || len(r.Canaries) != 2 {
		t.Fatalf("%+v %v", r, err)
	}
	if n := counter(t, "Tcp.PassiveOpens") - passive; int64(n) != r.Counted[0] {
		t.Errorf("%d connections came to the service, %d calls were counted", n, r.Counted[0])
	}
	if n := counter(t, "TcpExt.EmbryonicRsts") - embryonic; int64(n) != r.Counted[1] {
		t.Errorf("%d handshakes were taken back, %d calls were counted", n, r.Counted[1])
	}
	for i, one := range r.Canaries {
		early := int64(0)
		for _, p := range one.Points {
			if p.AtMS < 0 {
				early++
			}
		}
		if one.Calls != one.Answered || r.Counted[i] != one.Answered-early {
			t.Errorf("%d calls, %d answered, %d before the load, %d counted", one.Calls, one.Answered, early, r.Counted[i])
		}
	}
	nothing(t)
}

func TestPlansThatCannotBe(t *testing.T) {
	at := netip.AddrPortFrom(lo4, 22)
	good := Caller{Name: "ssh", Kind: SSH, Source: lo4, Target: at}
	with := func(change func(*Caller)) []Caller {
		c := good
		change(&c)
		return []Caller{c}
	}
	second := scenario.Duration(time.Second)
	for name, p := range map[string]Plan{
		"kind":     {Services: []Service{{Kind: "smtp", Listen: at}}},
		"address":  {Services: []Service{{Kind: SSH}}},
		"many":     {Services: slices.Repeat([]Service{{Kind: SSH, Listen: at}}, most+1)},
		"caller":   {Callers: with(func(c *Caller) { c.Kind = "" }), Every: second, Timeout: second},
		"families": {Callers: with(func(c *Caller) { c.Source = lo6 }), Every: second, Timeout: second},
		"period":   {Callers: []Caller{good}, Timeout: second},
		"timeout":  {Callers: []Caller{good}, Every: second},
	} {
		if c, err := Open(p); err == nil {
			c.Close()
			t.Errorf("%s: no error", name)
		}
	}
	sound := Plan{Callers: []Caller{good}, Every: second, Timeout: second}
	if err := sound.Check(); err != nil {
		t.Error(err)
	}
}
