//go:build linux

package observe

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"twomsl/internal/linux"
	"twomsl/internal/linux/nstest"
	"twomsl/internal/look"
	"twomsl/internal/paste"
	"twomsl/internal/record"
)

// stage is a host whose sockets are known.
type stage struct {
	t       *testing.T
	service *net.TCPListener
}

func (s *stage) pair(local string) (client, served *net.TCPConn) {
	s.t.Helper()
	d := net.Dialer{KeepAlive: -1}
	if local != "" {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.MustParseAddrPort(local))
	}
	c, err := d.DialContext(s.t.Context(), "tcp4", s.service.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	a, err := s.service.AcceptTCP()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _, _ = c.Close(), a.Close() })
	return c.(*net.TCPConn), a
}

// over closes a connection, the first side first, and waits until the other has seen it.
func (s *stage) over(first, second *net.TCPConn) {
	_ = first.Close()
	_, _ = second.Read(make([]byte, 1))
	_ = second.Close()
}

const (
	fullBacklog = 2 // listen(2) holds 3
	even, odd   = 6, 2
)

// setStage makes, to 127.0.0.1:8080: 8 TIME_WAIT of the client's side, 4 of the server's, 3 connections of which one has
// keep-alive and one unread data, and one that the client has closed. The service at 8081 accepts nothing.
func setStage(t *testing.T) *stage {
	lc := net.ListenConfig{KeepAlive: -1}
	l, err := lc.Listen(t.Context(), "tcp4", "127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := &stage{t: t, service: l.(*net.TCPListener)}
	for i := range even + odd {
		s.over(s.pair(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(40000+2*i+i/even)).String()))
	}
	for range 4 {
		c, a := s.pair("")
		s.over(a, c)
	}
	c, _ := s.pair("")
	if err := c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true}); err != nil {
		t.Fatal(err)
	}
	c, _ = s.pair("")
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	s.pair("")
	c, _ = s.pair("")
	_ = c.Close()
	fill(t)
	overIPv6(t)
	settle(t)
	return s
}

// settle waits for the last acknowledgements, which are delayed.
func settle(t *testing.T) {
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		h, err := Live(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if h.States[record.FinWait2] == 1 && h.States[record.TimeWait] == even+odd+4 {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("the sockets do not come to rest: %v", h.States)
		}
	}
}

// overIPv6 makes a connection to a service that listens on both families, at port 9090.
func overIPv6(t *testing.T) {
	l, err := (&net.ListenConfig{KeepAlive: -1}).Listen(t.Context(), "tcp", "[::]:9090")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for _, to := range []string{"[::1]:9090", "127.0.0.1:9090"} {
		c, err := (&net.Dialer{KeepAlive: -1}).DialContext(t.Context(), "tcp", to)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		a, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Close() })
	}
}

// fill fills a listener's queue: all of its connections are made, and none is accepted.
func fill(t *testing.T) {
	fd, errno := linux.Socket(false)
	if errno != 0 {
		t.Fatal(errno)
	}
	t.Cleanup(func() { linux.Close(fd) })
	at := linux.NewSockaddr(netip.MustParseAddrPort("127.0.0.1:8081"))
	if errno := linux.Bind(fd, &at); errno != 0 {
		t.Fatal(errno)
	}
	if errno := linux.Listen(fd, fullBacklog); errno != 0 {
		t.Fatal(errno)
	}
	for range fullBacklog + 1 {
		c, err := (&net.Dialer{KeepAlive: -1}).DialContext(t.Context(), "tcp4", "127.0.0.1:8081")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
}

func flowOf(t *testing.T, h record.Host, direction string, port int) record.Flow {
	t.Helper()
	i := slices.IndexFunc(h.Flows, func(f record.Flow) bool { return f.Direction == direction && f.Port == port })
	if i < 0 {
		t.Fatalf("no flow %s %d in %+v", direction, port, h.Flows)
	}
	return h.Flows[i]
}

// A host is seen as it was set up; and the text of ss, and of the script under every shell, tells the same of it.
func TestNetNSLiveAndPastedAgree(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	nstest.Sysctl(t, "ipv4/ip_local_port_range", "50000 50999")
	setStage(t)
	live, err := Live(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, in := flowOf(t, live, record.Outbound, 8080), flowOf(t, live, record.Inbound, 8080)
	if diff := cmp.Diff(record.Counts{record.TimeWait: 8, record.Established: 3, record.FinWait2: 1}, out.States); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(record.Counts{record.TimeWait: 4, record.Established: 3, record.CloseWait: 1}, in.States); diff != "" {
		t.Error(diff)
	}
	// The 4 connections of the kernel's choice are all of one parity.
	chosen := *out.Even - even
	if *out.PortsInUse != 12 || *out.Odd != odd+4-chosen || chosen != 0 && chosen != 4 || *out.Range != (record.PortRange{Low: 50000, High: 50999}) {
		t.Errorf("%d ports, %d even, %d odd, of %+v", *out.PortsInUse, *out.Even, *out.Odd, out.Range)
	}
	if out.KeptAlive != 1 || in.KeptAlive != 0 || in.Unread != 1 || out.Unread != 0 || *out.RatePerSecond != 0.8 || *in.RatePerSecond != 0.4 {
		t.Errorf("out %+v\nin %+v", out, in)
	}
	self := programName(os.Getpid())
	queue := record.Listener{Address: "127.0.0.1", Port: 8081, Queue: fullBacklog + 1, Backlog: fullBacklog, Program: self}
	if len(live.Listeners) != 3 || live.Listeners[1] != queue || !slices.Equal(out.Programs, []string{self}) {
		t.Errorf("%+v, %v", live.Listeners, out.Programs)
	}
	for _, local := range []string{"::1", "127.0.0.1"} {
		for _, direction := range []string{record.Inbound, record.Outbound} {
			if !slices.ContainsFunc(live.Flows, func(f record.Flow) bool {
				return f.Local == local && f.Direction == direction && f.Port == 9090 && f.States.Total() == 1
			}) {
				t.Errorf("no connection %s of %s at 9090: %+v", direction, local, live.Flows)
			}
		}
	}
	if live.SinceBoot["TcpExt.TW"] != 13 || live.Counters != nil || live.Sysctls[look.KeyPortRange] != "50000 50999" {
		t.Errorf("%+v", live)
	}
	t.Run("ss", func(t *testing.T) { sameText(t, live, command(t, "ss", "-tanop"), true) })
	t.Run("written down", func(t *testing.T) {
		looks, err := Looks(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := look.Write(&text, looks, false); err != nil {
			t.Fatal(err)
		}
		sameText(t, live, text.String(), true)
	})
	script := filepath.Join(t.TempDir(), "snapshot.sh")
	if err := os.WriteFile(script, []byte(Script(time.Second)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, shell := range [][]string{{"dash"}, {"busybox", "sh"}, {"sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Logf("%s is not here", shell[0])
			continue
		}
		t.Run(shell[0], func(t *testing.T) { sameScript(t, live, command(t, shell[0], append(shell[1:], script, "0")...)) })
	}
	t.Run("without ss", func(t *testing.T) { withoutSS(t, live, script) })
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	var complaints strings.Builder
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("%s %v: %v\n%s", name, args, err, complaints.String())
	}
	return string(out)
}

// sameText holds what a text tells of sockets to what was seen. Timers that ss rounds tell the same rate.
func sameText(t *testing.T, live record.Host, text string, backlogs bool) record.Host {
	t.Helper()
	pasted, err := paste.Host([]paste.Pasted{{Name: "text", Body: text}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	// Between the two looks the rate of one look may lose what has become older than it looks back.
	if diff := cmp.Diff(live.Flows, pasted.Flows, cmpopts.IgnoreFields(record.Flow{}, "Range", "RatePerSecond")); diff != "" {
		t.Errorf("flows (-live, +text):\n%s\n%s", diff, text)
	}
	if diff := cmp.Diff(live.States, pasted.States); diff != "" {
		t.Error(diff)
	}
	if backlogs {
		if diff := cmp.Diff(live.Listeners, pasted.Listeners); diff != "" {
			t.Error(diff)
		}
	}
	return pasted
}

// sameScript: the script tells all that this program sees.
func sameScript(t *testing.T, live record.Host, text string) {
	t.Helper()
	rest(t, live, sameText(t, live, text, true))
}

func rest(t *testing.T, live, h record.Host) {
	t.Helper()
	if diff := cmp.Diff(live.Sysctls, h.Sysctls); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(live.SinceBoot, h.SinceBoot); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(live.Conntrack, h.Conntrack); diff != "" {
		t.Error(diff)
	}
	if live.Kernel != h.Kernel || live.Name != h.Name || *live.TimeWaitBytesEach != *h.TimeWaitBytesEach || h.TCPMemoryPages == nil {
		t.Errorf("live %+v\nscript %+v", live, h)
	}
}

// withoutSS: where there is no ss, /proc tells the same, but for backlogs and programs.
func withoutSS(t *testing.T, live record.Host, script string) {
	bin := t.TempDir()
	for _, tool := range []string{"cat", "date", "grep", "id", "readlink", "sleep"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	// The script looks into /sbin itself; there, ss must not be found either.
	body, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	bare := strings.Replace(string(body), "PATH=$PATH:/usr/sbin:/sbin", "PATH="+bin, 1)
	for i := range live.Flows {
		live.Flows = slices.Clone(live.Flows)
		live.Flows[i].Programs = nil
	}
	h := sameText(t, live, command(t, "sh", "-c", bare, "sh", "0"), false)
	if h.Listeners != nil || !slices.Contains(h.Gaps, look.GapBacklogs) || !slices.Contains(h.Gaps, look.GapPrograms) {
		t.Errorf("%+v", h.Gaps)
	}
}

// The rate is that of what was made between the looks, reused tuples included, whoever closed.
func TestNetNSRate(t *testing.T) {
	if !nstest.Inside(t) {
		return
	}
	s := setStage(t)
	var w look.Watch
	err := Options{}.enter(func(v *view) error {
		l, err := v.full(false)
		if err != nil {
			return err
		}
		w.Add(l)
		for range 20 {
			s.over(s.pair(""))
		}
		for range 10 {
			c, a := s.pair("")
			s.over(a, c)
		}
		s.pair("")
		time.Sleep(20 * time.Millisecond) // /proc/uptime has hundredths
		l, err = v.full(true)
		w.Add(l)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h := w.Host()
	out, in := flowOf(t, h, record.Outbound, 8080), flowOf(t, h, record.Inbound, 8080)
	made := func(f record.Flow) int { return int(*f.RatePerSecond**h.WatchedSeconds + 0.5) }
	if made(out) != 21 || made(in) != 11 || h.Counters["Tcp.ActiveOpens"] != 31 || h.Counters["TcpExt.TW"] != 30 {
		t.Errorf("%d out, %d in, %v opened, %v TIME_WAIT", made(out), made(in), h.Counters["Tcp.ActiveOpens"], h.Counters["TcpExt.TW"])
	}
}
