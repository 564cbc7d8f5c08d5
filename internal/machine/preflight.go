package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"twomsl/internal/linux"
)

// Check is one thing that a run may want of the machine.
type Check struct {
	Name    string
	OK      bool
	Finding string // what was seen
	Remedy  string // what to do about it; "" where OK
	Needed  bool   // without it no lab can be made here, or nothing can be counted in it
}

// Preflight looks at what can be found out without a lab: each by trying or by reading the setting that decides, none
// by the kernel's version. Root is as in Options; the system calls tried are always this machine's.
func Preflight(root string) []Check {
	r := reader{root: root, gaps: make(map[string]string)}
	capable, unprivileged := r.sysAdmin(), r.userNamespaces()
	// One of the two is enough to make namespaces.
	capable.Needed, unprivileged.Needed = !unprivileged.OK, !capable.OK
	return []Check{
		r.networkNamespaces(), capable, unprivileged,
		probe("socket states (sock_diag)", linux.ProbeSockDiag(), true,
			"load the module inet_diag, or allow netlink sockets in the container's seccomp profile"),
		probe("port range of one socket (IP_LOCAL_PORT_RANGE)", linux.ProbeLocalPortRange(), false,
			"needs Linux 6.3; scenarios that set client ports per socket cannot run"),
		probe("port chosen at connect (IP_BIND_ADDRESS_NO_PORT)", linux.ProbeBindAddressNoPort(), false,
			"needs Linux 4.2; scenarios that bind an address late cannot run"),
		probe("data in the SYN (TCP_FASTOPEN_CONNECT)", linux.ProbeFastOpen(), false,
			"needs Linux 4.11; scenarios with client.fast_open cannot run"),
		probe("IP version 6", linux.ProbeIPv6(), false, "boot without ipv6.disable=1; scenarios with family ipv6 cannot run"),
		r.ioUring(), r.slabinfo(), descriptors(), r.processors(), r.processLimit(), r.memoryLimit(),
	}
}

// probe turns the answer of something tried into a check.
func probe(name string, err error, needed bool, remedy string) Check {
	if err != nil {
		return Check{Name: name, Finding: err.Error(), Remedy: remedy, Needed: needed}
	}
	return Check{Name: name, OK: true, Finding: "works", Needed: needed}
}

func (r reader) networkNamespaces() Check {
	c := Check{Name: "network namespaces", Needed: true}
	if _, err := os.Lstat(filepath.Join(r.root, "/", "proc/self/ns/net")); err != nil {
		c.Finding, c.Remedy = err.Error(), "needs a kernel with CONFIG_NET_NS"
		return c
	}
	most, err := r.file("proc/sys/user/max_net_namespaces")
	if err == nil && most == "0" {
		c.Finding, c.Remedy = "user.max_net_namespaces is 0", "as root: sysctl -w user.max_net_namespaces=1000"
		return c
	}
	c.OK, c.Finding = true, "there"
	if err == nil {
		c.Finding = "up to " + most
	}
	return c
}

const capSysAdmin = 21 // include/uapi/linux/capability.h

// sysAdmin reads the capabilities of the process's main thread, which all threads of a Go program share.
func (r reader) sysAdmin() Check {
	c := Check{Name: "right to make namespaces (CAP_SYS_ADMIN)"}
	text, err := r.field("proc/self/status", "CapEff")
	if err != nil {
		c.Finding, c.Remedy = err.Error(), "mount /proc"
		return c
	}
	effective, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		c.Finding, c.Remedy = "CapEff is "+text, "mount /proc"
		return c
	}
	if effective>>capSysAdmin&1 == 0 {
		c.Finding, c.Remedy = "not held", "run as root, or allow user namespaces"
		return c
	}
	c.OK, c.Finding = true, "held"
	return c
}

// userNamespaces reads the three settings with which kernels and distributions forbid them.
func (r reader) userNamespaces() Check {
	c := Check{Name: "user namespaces for ordinary users"}
	if _, err := os.Lstat(filepath.Join(r.root, "/", "proc/self/ns/user")); err != nil {
		c.Finding, c.Remedy = err.Error(), "needs a kernel with CONFIG_USER_NS, or run as root"
		return c
	}
	for _, s := range []struct{ key, forbids, remedy string }{
		{"user.max_user_namespaces", "0", "as root: sysctl -w user.max_user_namespaces=10000"},
		{"kernel.unprivileged_userns_clone", "0", "as root: sysctl -w kernel.unprivileged_userns_clone=1"},
		{
			"kernel.apparmor_restrict_unprivileged_userns", "1",
			"as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, " +
				"or an AppArmor profile that grants userns to this program",
		},
	} {
		value, err := r.file("proc/sys/" + strings.ReplaceAll(s.key, ".", "/"))
		if err == nil && value == s.forbids { // absent: this kernel has no such restriction
			c.Finding, c.Remedy = s.key+" is "+value, s.remedy+"; or run as root"
			return c
		}
	}
	c.OK, c.Finding = true, "no setting forbids them"
	return c
}

// ioUring tries what engine split does with a ring, and names the setting where one is the reason.
func (r reader) ioUring() Check {
	err := linux.TryRing(false)
	c := probe("io_uring", err, false, "--io epoll works without it")
	switch {
	case errors.Is(err, syscall.ENOMEM):
		c.Remedy = "raise the limit on locked memory (ulimit -l); " + c.Remedy
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS):
		c.Remedy = "needs Linux 6.7, built with CONFIG_IO_URING; " + c.Remedy
	case errors.Is(err, syscall.EPERM):
		disabled, _ := r.file("proc/sys/kernel/io_uring_disabled")
		switch disabled {
		case "1", "2":
			c.Finding += " (kernel.io_uring_disabled is " + disabled + ")"
			c.Remedy = "as root: sysctl -w kernel.io_uring_disabled=0; " + c.Remedy
		default:
			c.Remedy = "allow io_uring in the container's seccomp profile; " + c.Remedy
		}
	}
	return c
}

// slabinfo tells whether the size of a TIME_WAIT socket can be read.
func (r reader) slabinfo() Check {
	c := Check{Name: "size of a TIME_WAIT socket (slabinfo)"}
	text, err := r.file("proc/slabinfo")
	switch {
	case err != nil:
		c.Finding, c.Remedy = err.Error(), "run as root; time_wait_bytes_each stays null without it"
	case !strings.Contains(text, "\ntw_sock_TCP "):
		c.Finding = "/proc/slabinfo has no row tw_sock_TCP"
		c.Remedy = "boot with slab_nomerge; time_wait_bytes_each stays null without it"
	default:
		c.OK, c.Finding = true, "readable"
	}
	return c
}

const (
	fewDescriptors = 1024              // below it even one side's workers cannot hold a small flood
	fewProcesses   = 256               // a lab's processes and their threads
	littleMemory   = 512 * (1 << 20)   // bytes: a hash, 60,000 sockets and the samples
	noLimit        = "no cgroup limit" // what the finding says then
)

func descriptors() Check {
	c := Check{Name: "descriptors"}
	n, err := hardNoFile()
	switch {
	case err != nil:
		c.Finding, c.Remedy = err.Error(), "allow getrlimit in the container's seccomp profile"
	case n < fewDescriptors:
		c.Finding = fmt.Sprintf("hard limit of %d a process", n)
		c.Remedy = "raise it: ulimit -Hn 1048576 as root, LimitNOFILE= in systemd, --ulimit nofile= in docker"
	default:
		c.OK, c.Finding = true, fmt.Sprintf("hard limit of %d a process; a side takes as many processes as it needs", n)
	}
	return c
}

// processors wants one for each side, within the quota.
func (r reader) processors() Check {
	c := Check{Name: "processors"}
	const remedy = "give the machine two or more: the two sides take each other's time, and timings become inconclusive"
	n, err := r.cpus()
	if err != nil {
		c.Finding, c.Remedy = err.Error(), "mount /sys"
		return c
	}
	usable := n
	if list, err := r.field("proc/self/status", "Cpus_allowed_list"); err == nil {
		if allowed, err := countList(list); err == nil {
			usable = min(n, allowed)
		}
	}
	c.OK, c.Finding = usable >= 2, fmt.Sprintf("%d of %d usable", usable, n)
	if quota, err := r.cpuQuota(); err == nil && quota != nil {
		c.Finding += fmt.Sprintf(", a cgroup quota of %.3g", *quota)
		c.OK = c.OK && *quota >= 2
	}
	if !c.OK {
		c.Remedy = remedy
	}
	return c
}

func (r reader) processLimit() Check {
	n, err := r.cgroupLimit("pids", "pids.max", "pids.max")
	const remedy = "raise pids.max (docker --pids-limit)"
	return limitCheck("processes", n, err, fewProcesses, "%.0f processes and threads", remedy)
}

func (r reader) memoryLimit() Check {
	n, err := r.cgroupLimit("memory", "memory.limit_in_bytes", "memory.max")
	const remedy = "raise memory.max (docker --memory)"
	return limitCheck("memory", n, err, littleMemory, "%.0f bytes", remedy)
}

// limitCheck takes a limit that cannot be read for none: the run itself would tell.
func limitCheck(name string, n *float64, err error, least float64, format, remedy string) Check {
	switch {
	case err != nil:
		return Check{Name: name, OK: true, Finding: "limit unknown: " + err.Error()}
	case n == nil:
		return Check{Name: name, OK: true, Finding: noLimit}
	}
	c := Check{Name: name, OK: *n >= least, Finding: "a cgroup allows " + fmt.Sprintf(format, *n)}
	if !c.OK {
		c.Remedy = remedy
	}
	return c
}
