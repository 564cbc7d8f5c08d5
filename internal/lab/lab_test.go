//go:build linux

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"twomsl/internal/linux/nstest"
	"twomsl/internal/scenario"
)

// The test binary plays the program, and a peer that is told what to do over its control connection.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", "atexit_sleep_ms=0") // else every process of a lab takes a second to end under -race
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-test.") {
		goleak.VerifyTestMain(m)
	}
	switch os.Args[1] {
	case "lab-init":
		os.Exit(Init())
	case "peer":
		os.Exit(puppet(os.Args[len(os.Args)-1]))
	case "hold":
		os.Exit(holdAsUser())
	case "dies":
		fmt.Fprintln(os.Stderr, "no room for me")
		os.Exit(3)
	}
	os.Exit(2) // never the tests again: a lab that starts itself would have no end
}

// puppet carries out one JSON order after the other and answers each.
func puppet(side string) int {
	f := os.NewFile(ControlFD, "control")
	conn, err := net.FileConn(f)
	if err != nil {
		return 1
	}
	f.Close()
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	for {
		var o puppetOrder
		if in.Decode(&o) != nil {
			return 0
		}
		a := puppetAnswer{Side: side}
		a.NetNS, _ = os.Readlink("/proc/self/ns/net")
		switch o.Do {
		case "die":
			fmt.Fprint(os.Stderr, o.Words)
			return 7
		case "up":
			err := SetUpLink(o.Addresses)
			if err == nil && len(o.Onward) > 0 {
				err = SetUpOnward(o.Onward)
			}
			if err != nil {
				a.Error = err.Error()
			}
		case "linked":
			if err := AwaitLink(); err != nil {
				a.Error = err.Error()
			}
		case "listen":
			a.Error = serveOne(o.At, &a)
		case "dial":
			a.Error = dial(o.At)
		}
		if a.Addresses, err = addresses(); err != nil {
			a.Error = err.Error()
		}
		out.Encode(a) //nolint:errcheck // the test sees that no answer comes
	}
}

type puppetOrder struct {
	Do        string
	Words     string
	At        netip.AddrPort
	Addresses []netip.Prefix
	Onward    []netip.Prefix
}

type puppetAnswer struct {
	Side, NetNS, Error string
	Addresses          []string
	At                 netip.AddrPort
}

func serveOne(at netip.AddrPort, a *puppetAnswer) string {
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return err.Error()
	}
	a.At = netip.MustParseAddrPort(l.Addr().String())
	go func() {
		if c, err := l.Accept(); err == nil {
			io.WriteString(c, c.RemoteAddr().String()) //nolint:errcheck // the other side reads nothing then
			c.Close()
		}
		l.Close()
	}()
	return ""
}

func dial(at netip.AddrPort) string {
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	if said, err := io.ReadAll(c); err != nil || string(said) != c.LocalAddr().String() {
		return fmt.Sprintf("the server says %q to %s: %v", said, c.LocalAddr(), err)
	}
	return ""
}

func addresses() (out []string, err error) {
	as, err := net.InterfaceAddrs()
	for _, a := range as {
		if s := a.String(); !strings.HasPrefix(s, "fe80:") {
			out = append(out, s)
		}
	}
	return out, err
}

var program = Program{Path: "/proc/self/exe", Init: []string{"lab-init"}, Peer: []string{"peer"}}

// start makes a lab on a played host: topology host uses the namespace of the calling thread, never the real one.
func start(t *testing.T, topology scenario.Topology, p Program) (*Lab, string) {
	t.Helper()
	nstest.Require(t)
	here, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Start(topology, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, here
}

func tell(t *testing.T, p *Peer, o puppetOrder) puppetAnswer {
	t.Helper()
	var a puppetAnswer
	if err := json.NewEncoder(p.Control).Encode(o); err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(p.Control).Decode(&a); err != nil {
		t.Fatalf("%s gives no answer to %+v: %v; its last words: %s", p.Name, o, err, p.LastWords())
	}
	if a.Error != "" {
		t.Fatalf("%s: %s", p.Name, a.Error)
	}
	if a.Side != p.Name {
		t.Fatalf("the control connection of the %s ends at the %s", p.Name, a.Side)
	}
	return a
}

func TestNetNSTopologies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		topology           scenario.Topology
		ownHost, twoOfThem bool
	}{
		{topology: scenario.Veth, ownHost: true, twoOfThem: true},
		{topology: scenario.Loopback, ownHost: true},
		{topology: scenario.Host},
	} {
		t.Run(string(c.topology), func(t *testing.T) {
			l, here := start(t, c.topology, program)
			client, server := tell(t, &l.Client, puppetOrder{}), tell(t, &l.Server, puppetOrder{})
			if (client.NetNS != here) != c.ownHost || (server.NetNS != here) != c.ownHost {
				t.Errorf("this is %s, the client in %s, the server in %s", here, client.NetNS, server.NetNS)
			}
			if (client.NetNS != server.NetNS) != c.twoOfThem {
				t.Errorf("the client is in %s, the server in %s", client.NetNS, server.NetNS)
			}
		})
	}
}

// Both families, several client addresses: the sides reach each other at the planned addresses and have no others.
func TestNetNSAddresses(t *testing.T) {
	t.Parallel()
	for _, topology := range []scenario.Topology{scenario.Veth, scenario.Loopback} {
		for _, family := range scenario.Families {
			t.Run(fmt.Sprintf("%s %s", topology, family), func(t *testing.T) {
				l, _ := start(t, topology, program)
				clients := 3
				if topology == scenario.Loopback {
					clients = 1
				}
				mine, theirs := oneServer(topology, family, clients)
				if topology == scenario.Veth {
					got := tell(t, &l.Client, puppetOrder{Do: "up", Addresses: mine}).Addresses
					hasPrefixes(t, got, mine)
					got = tell(t, &l.Server, puppetOrder{Do: "up", Addresses: []netip.Prefix{theirs}}).Addresses
					hasPrefixes(t, got, []netip.Prefix{theirs})
				}
				at := tell(t, &l.Server, puppetOrder{Do: "listen", At: netip.AddrPortFrom(theirs.Addr(), 0)}).At
				tell(t, &l.Client, puppetOrder{Do: "dial", At: at})
			})
		}
	}
}

// hasPrefixes wants those addresses, those of lo, and no others.
func hasPrefixes(t *testing.T, got []string, want []netip.Prefix) {
	t.Helper()
	all := []string{"127.0.0.1/8", "::1/128"}
	for _, p := range want {
		all = append(all, p.String())
	}
	if d := cmp.Diff(all, got, cmpopts.SortSlices(func(a, b string) bool { return a < b })); d != "" {
		t.Errorf("addresses (- planned, + there):\n%s", d)
	}
}

// A link that was set up twice is no error; an address of no use is one.
func TestNetNSSetUpLinkAgain(t *testing.T) {
	l, _ := start(t, scenario.Veth, program)
	mine, _ := oneServer(scenario.Veth, scenario.IPv4, 1)
	for range 2 {
		tell(t, &l.Client, puppetOrder{Do: "up", Addresses: mine})
	}
	if err := SetUpLink(mine); err == nil { // this thread's namespace has no such link
		t.Error("a link was set up where there is none")
	}
}

// The end of a peer is reported with its status, and by then all its last words are here.
func TestNetNSExitsAreReported(t *testing.T) {
	t.Parallel()
	l, _ := start(t, scenario.Veth, program)
	words := strings.Repeat("word ", 3000) + "the end"
	for _, p := range []*Peer{&l.Server, &l.Client} {
		if err := json.NewEncoder(p.Control).Encode(puppetOrder{Do: "die", Words: words}); err != nil {
			t.Fatal(err)
		}
		if e := <-l.Exits(); e.Side != p.Name || !strings.Contains(e.Text, "exit status 7") {
			t.Errorf("reported: %+v", e)
		}
		if got := p.LastWords(); len(got) != tailBytes || !strings.HasSuffix(words, got) {
			t.Errorf("%s: %d bytes of last words, ending in %q", p.Name, len(got), got[max(0, len(got)-20):])
		}
	}
	l.Close()
	if e := <-l.Exits(); e.Side != "lab" {
		t.Errorf("reported: %+v", e)
	}
}

// The first process's end takes the peers along, and is told.
func TestNetNSInitKilled(t *testing.T) {
	t.Parallel()
	l, _ := start(t, scenario.Veth, program)
	if err := l.init.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if e := <-l.Exits(); e.Side != "lab" || !strings.Contains(e.Text, "killed") {
		t.Errorf("reported: %+v", e)
	}
	for _, p := range []*Peer{&l.Client, &l.Server} {
		if n, err := p.Control.Read(make([]byte, 1)); err == nil {
			t.Errorf("the %s still says something (%d bytes)", p.Name, n)
		}
	}
}

func TestNetNSCloseTwice(t *testing.T) {
	t.Parallel()
	l, _ := start(t, scenario.Loopback, program)
	done := make(chan struct{})
	go func() { l.Close(); close(done) }()
	l.Close()
	<-done
	l.Close()
}

// A conductor that is gone is a lifeline that closes: the first process leaves by itself, with status 0.
func TestNetNSLifeline(t *testing.T) {
	t.Parallel()
	l, _ := start(t, scenario.Veth, program)
	l.life.Close()
	if e := <-l.Exits(); e.Side != "lab" || e.Text != "ended" {
		t.Errorf("reported: %+v", e)
	}
}

// A program that cannot even begin is not a machine that forbids namespaces.
func TestNetNSPeerThatDiesAtOnce(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	l, err := Start(scenario.Loopback, Program{Path: "/proc/self/exe", Init: []string{"lab-init"}, Peer: []string{"dies"}})
	if err == nil { // it stood before the peers had died: then their ends are reported
		defer l.Close()
		if e := <-l.Exits(); !strings.Contains(e.Text, "exit status 3") {
			t.Errorf("reported: %+v", e)
		}
		return
	}
	var u *UnavailableError
	text := err.Error()
	if errors.As(err, &u) || !strings.Contains(text, "exit status 3") || !strings.Contains(text, "no room for me") {
		t.Errorf("%v", err)
	}
}

func TestNetNSMissingProgram(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	_, err := Start(scenario.Veth, Program{Path: "/nonexistent/program", Init: []string{"lab-init"}})
	var u *UnavailableError
	if err == nil || errors.As(err, &u) || !strings.Contains(err.Error(), "cannot start itself") {
		t.Errorf("%v", err)
	}
}

// Init is given garbage, nothing, and an order that makes no sense: it says so where it can, and ends.
func TestInitRefusesGarbage(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "garbage": "GET / HTTP/1.1\r\n\r\n", "half": `{"topology":"ve`, "another type": `{"topology":5}`,
		"no program": `{"topology":"veth"}`, "no such topology": `{"topology":"ring","path":"/bin/false"}`,
	} {
		t.Run(name, func(t *testing.T) {
			answer, code := initWith(t, text)
			if code != 1 {
				t.Errorf("exit code %d", code)
			}
			if !strings.Contains(answer, `"error":"the order `) {
				t.Errorf("answer %q", answer)
			}
		})
	}
}

// initWith starts Init outside of any namespace with text on its lifeline; it gives what comes back.
func initWith(t *testing.T, text string) (answer string, code int) {
	t.Helper()
	mine, other, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	c := exec.Command("/proc/self/exe", "lab-init")
	c.ExtraFiles = []*os.File{other, null, null, null, null}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	other.Close()
	if _, err := io.WriteString(mine, text); err != nil {
		t.Fatal(err)
	}
	if err := mine.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(mine)
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := c.Wait(); errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	return string(said), code
}

// Thirty labs leave no descriptor behind in this process. Not parallel: it counts those of the whole process.
func TestNetNSNoDescriptorLeaks(t *testing.T) {
	nstest.Require(t)
	lab := func() {
		l, err := Start(scenario.Veth, program)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if l, err = StartRelayed(program); err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	lab() // what is opened once for the whole process
	before := descriptors(t)
	for range 30 {
		lab()
	}
	if d := cmp.Diff(before, descriptors(t)); d != "" {
		t.Errorf("descriptors (- before, + after 30 labs):\n%s", d)
	}
}

func descriptors(t *testing.T) map[string]string {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, n := range names {
		if to, err := os.Readlink("/proc/self/fd/" + n.Name()); err == nil {
			out[n.Name()] = to
		}
	}
	return out
}

func TestAddresses(t *testing.T) {
	for _, c := range []struct {
		topology       scenario.Topology
		family         scenario.Family
		client, server string
	}{
		{scenario.Veth, scenario.IPv4, "[198.18.0.1/15 198.18.0.2/15]", "198.19.0.1/15"},
		{scenario.Veth, scenario.IPv6, "[2001:2::1:0:1/48 2001:2::1:0:2/48]", "2001:2::2:0:1/48"},
		{scenario.Loopback, scenario.IPv4, "[127.0.0.1/8 127.0.0.2/8]", "127.0.0.1/8"},
		{scenario.Loopback, scenario.IPv6, "[::1/128 ::2/128]", "::1/128"},
		{scenario.Host, scenario.IPv4, "[127.0.0.1/8 127.0.0.2/8]", "127.0.0.1/8"},
	} {
		client, server := oneServer(c.topology, c.family, 2)
		if got := fmt.Sprint(client); got != c.client || server.String() != c.server {
			t.Errorf("%s %s: %s and %s", c.topology, c.family, got, server)
		}
		clients, servers := Addresses(c.topology, c.family, 2, 1)
		if d := cmp.Diff(fmt.Sprint(client, []netip.Prefix{server}), fmt.Sprint(clients, servers)); d != "" {
			t.Errorf("%s %s:\n%s", c.topology, c.family, d)
		}
	}
	for _, c := range []struct {
		topology scenario.Topology
		family   scenario.Family
		servers  string
	}{
		{scenario.Veth, scenario.IPv4, "[198.19.0.1/15 198.19.0.2/15]"},
		{scenario.Veth, scenario.IPv6, "[2001:2::2:0:1/48 2001:2::2:0:2/48]"},
		{scenario.Loopback, scenario.IPv4, "[127.1.0.1/8 127.1.0.2/8]"},
	} {
		if _, servers := Addresses(c.topology, c.family, 1, 2); fmt.Sprint(servers) != c.servers {
			t.Errorf("%s %s: servers %s", c.topology, c.family, servers)
		}
		seen := map[netip.Prefix]bool{}
		clients, servers := Addresses(c.topology, c.family, 1000, 1000)
		for _, p := range append(clients, servers...) {
			seen[p] = true
		}
		if len(seen) != 2000 {
			t.Errorf("%s %s: 1000 addresses of each side are %d in all", c.topology, c.family, len(seen))
		}
	}
	// the most that a scenario may ask for stays within the client's half of the range
	client, server := oneServer(scenario.Veth, scenario.IPv4, 1000)
	if last := client[999]; !server.Contains(last.Addr()) || last.Addr() == server.Addr() {
		t.Errorf("the 1000th address is %s, the server is %s", last, server)
	}
}

// oneServer is the usual pair's addresses.
func oneServer(t scenario.Topology, f scenario.Family, clients int) (client []netip.Prefix, server netip.Prefix) {
	client, servers := Addresses(t, f, clients, 1)
	return client, servers[0]
}

// A side alone is this host's own, and goes with its control connection.
func TestAlone(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Alone("server", Program{Path: self, Peer: []string{"peer"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a := tell(t, &l.Server, puppetOrder{}); a.Side != "server" || a.NetNS != here {
		t.Errorf("the peer is %q in %s, want the server in %s", a.Side, a.NetNS, here)
	}
	if n := len(l.Peers()); n != 1 {
		t.Errorf("%d peers, want 1", n)
	}
	process := l.init
	l.Close()
	if process.ProcessState == nil {
		t.Error("the side outlives its lab")
	}
}

func TestAloneTellsOfItsEnd(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l, err := Alone("client", Program{Path: self, Peer: []string{"peer"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := json.NewEncoder(l.Client.Control).Encode(puppetOrder{Do: "die", Words: "farewell"}); err != nil {
		t.Fatal(err)
	}
	if e := <-l.Exits(); e.Side != "client" || e.Text != "exit status 7" || l.Client.LastWords() != "farewell" {
		t.Errorf("told %+v, last words %q", e, l.Client.LastWords())
	}
	if _, err := Alone("client", Program{Path: "/nowhere"}); err == nil {
		t.Error("a program that is not there was started")
	}
}
