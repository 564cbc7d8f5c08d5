package machine

import (
	"strings"
	"testing"
)

func find(t *testing.T, checks []Check, word string) Check {
	t.Helper()
	for _, c := range checks {
		if strings.Contains(c.Name, word) {
			return c
		}
	}
	t.Fatalf("no check is named %q", word)
	return Check{}
}

func TestPreflightOfAPlainMachine(t *testing.T) {
	checks := Preflight(fakeRoot(t, nil))
	for _, name := range []string{
		"network namespaces", "CAP_SYS_ADMIN", "user namespaces", "slabinfo", "processors", "processes", "memory",
	} {
		if c := find(t, checks, name); !c.OK || c.Remedy != "" || c.Finding == "" {
			t.Errorf("%+v", c)
		}
	}
	if c := find(t, checks, "memory"); !strings.Contains(c.Finding, "1073741824 bytes") {
		t.Errorf("the group above has a limit: %+v", c)
	}
}

func TestPreflightNamesTheRemedy(t *testing.T) {
	const sysctl = "proc/sys/kernel/"
	for _, c := range []struct {
		check   string
		files   map[string]string
		finding string
		remedy  string
	}{
		{"network n", map[string]string{"proc/sys/user/max_net_namespaces": "0"}, "is 0", "user.max_net_namespaces="},
		{"network n", map[string]string{"proc/self/ns/net": "-"}, "no such file", "CONFIG_NET_NS"},
		{"CAP_SYS", map[string]string{"proc/self/status": "CapEff:\t0000000000000000\n"}, "not held", "as root"},
		{"CAP_SYS", map[string]string{"proc/self/status": "CapEff:\t00000000001fffff\n"}, "not held", "as root"},
		{"user n", map[string]string{"proc/sys/user/max_user_namespaces": "0\n"}, "is 0", "user.max_user_namespaces="},
		{"user n", map[string]string{sysctl + "unprivileged_userns_clone": "0"}, "is 0", "unprivileged_userns_clone=1"},
		{
			"user n",
			map[string]string{sysctl + "apparmor_restrict_unprivileged_userns": "1"},
			"is 1", "AppArmor profile",
		},
		{"slabinfo", map[string]string{"proc/slabinfo": "-"}, "no such file", "as root"},
		{"slabinfo", map[string]string{"proc/slabinfo": "tw_sock_TCPv6 1\n"}, "no row", "slab_nomerge"},
		{"processors", map[string]string{"sys/devices/system/cpu/online": "0"}, "1 of 1", "two or more"},
		{"processors", map[string]string{"sys/fs/cgroup/cpu.max": "100000 100000"}, "quota of 1", "two or more"},
		{"processors", map[string]string{"proc/self/status": "Cpus_allowed_list: 3\n"}, "1 of 5", "two or more"},
		{"processes", map[string]string{"sys/fs/cgroup/user/pids.max": "100"}, "100 processes", "pids.max"},
		{"memory", map[string]string{"sys/fs/cgroup/user/memory.max": "9000000"}, "9000000 bytes", "memory.max"},
	} {
		got := find(t, Preflight(fakeRoot(t, c.files)), c.check)
		if got.OK || !strings.Contains(got.Finding, c.finding) || !strings.Contains(got.Remedy, c.remedy) {
			t.Errorf("%s with %v: %+v", c.check, c.files, got)
		}
	}
}

// Either right to make namespaces is enough, so each is needed only without the other.
func TestPreflightNeedsOneWayToMakeNamespaces(t *testing.T) {
	noCap := map[string]string{"proc/self/status": "CapEff:\t0\n"}
	noUser := map[string]string{"proc/sys/user/max_user_namespaces": "0"}
	if c := find(t, Preflight(fakeRoot(t, noCap)), "user n"); !c.Needed {
		t.Errorf("without the capability: %+v", c)
	}
	if c := find(t, Preflight(fakeRoot(t, noUser)), "CAP_SYS"); !c.Needed || !c.OK {
		t.Errorf("without user namespaces: %+v", c)
	}
	if c := find(t, Preflight(fakeRoot(t, noUser)), "user n"); c.Needed || c.OK {
		t.Errorf("with the capability: %+v", c)
	}
}

func TestPreflightOfThisMachine(t *testing.T) {
	for _, c := range Preflight("") {
		t.Logf("%+v", c)
		if c.Name == "" || c.Finding == "" || c.OK == (c.Remedy != "") {
			t.Errorf("a failed check has a remedy, one that is OK has none: %+v", c)
		}
	}
}
