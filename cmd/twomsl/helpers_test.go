//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"

	"twomsl/internal/linux"
	"twomsl/internal/sysctl"
)

// elsewhere starts a helper in new namespaces, as root of a user namespace where this is not root, with the host's
// network namespace in the environment: so that the helper can prove that it has left it.
func elsewhere(helper string, flags uintptr, args []string) int {
	host, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return complain(err)
	}
	user, err := os.Readlink("/proc/self/ns/user")
	if err != nil {
		return complain(err)
	}
	c := exec.Command(helper, args...) // from PATH, where TestMain put it
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.Env = append(os.Environ(), "HOST_NETNS="+host, "HOST_USERNS="+user)
	if !linux.HasSysAdmin() {
		flags |= linux.CloneNewUser
	}
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	if flags&linux.CloneNewUser != 0 {
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if err := c.Run(); c.ProcessState == nil {
		return complain(err)
	}
	return codeOf(c.ProcessState)
}

func codeOf(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", err)
	return 99
}

// playHost runs a command on a host of its own: playhost [KEY=VALUE...] [--watch FILE] COMMAND [ARG...]. The settings
// are written in the new host's network namespace; what is mounted is its own. With --watch, what the command has
// changed on that host, in its links, addresses, settings, /tmp and /run, stands in FILE when it has ended.
func playHost(args []string) int {
	return elsewhere("insidehost", linux.CloneNewNet|syscall.CLONE_NEWNS, args)
}

func insideHost(args []string) int {
	var report string
	if here, err := os.Readlink("/proc/self/ns/net"); err != nil || here == os.Getenv("HOST_NETNS") {
		return complain(fmt.Errorf("this is still the host's network namespace (%v)", err))
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return complain(fmt.Errorf("mount --make-rprivate /: %w", err))
	}
	if err := loopbackUp(); err != nil {
		return complain(err)
	}
	for len(args) > 0 && strings.HasPrefix(args[0], "net.") {
		key, value, _ := strings.Cut(args[0], "=")
		if _, refused := sysctl.Apply(sysctl.DefaultRoot, []sysctl.Setting{{Key: key, Value: value}}); len(refused) > 0 {
			return complain(fmt.Errorf("%+v", refused))
		}
		args = args[1:]
	}
	if len(args) > 1 && args[0] == "--watch" {
		report, args = args[1], args[2:]
	}
	if report == "" {
		return runHere(args)
	}
	return watchHere(report, args)
}

func loopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

func runHere(args []string) int {
	c := exec.Command(args[0], args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := c.Run(); c.ProcessState == nil {
		return complain(err)
	}
	return codeOf(c.ProcessState)
}

// watchHere gives the command an empty /tmp and /run; files that it was started with are reached by descriptor.
func watchHere(report string, args []string) int {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return complain(err)
	}
	program, err := os.Open(path)
	if err != nil {
		return complain(err)
	}
	out, err := os.Create(report)
	if err != nil {
		return complain(err)
	}
	for _, dir := range []string{"/run", "/tmp"} {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
			return complain(fmt.Errorf("tmpfs on %s: %w", dir, err))
		}
	}
	before, err := hostState()
	if err != nil {
		return complain(err)
	}
	args[0] = fmt.Sprintf("/proc/self/fd/%d", program.Fd())
	code := runHere(args)
	after, err := hostState()
	if err != nil {
		return complain(err)
	}
	fmt.Fprint(out, difference(before, after))
	if err := out.Close(); err != nil {
		return complain(err)
	}
	return code
}

// hostState lists what a run must leave as it was.
func hostState() ([]string, error) {
	var lines []string
	links, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		addrs, err := l.Addrs()
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprint("link ", l.Name, l.Flags, addrs))
	}
	settings, err := sysctl.Snapshot(sysctl.DefaultRoot)
	if err != nil {
		return nil, err
	}
	for k, v := range settings {
		lines = append(lines, k+" = "+v)
	}
	for _, dir := range []string{"/run", "/tmp"} {
		err = errors.Join(err, filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
			lines = append(lines, "file "+path)
			return err
		}))
	}
	slices.Sort(lines)
	return lines, err
}

func difference(before, after []string) string {
	var out strings.Builder
	for _, l := range before {
		if !slices.Contains(after, l) {
			out.WriteString("- " + l + "\n")
		}
	}
	for _, l := range after {
		if !slices.Contains(before, l) {
			out.WriteString("+ " + l + "\n")
		}
	}
	return out.String()
}

// noUserNS runs a command as somebody who may make no namespaces: without CAP_SYS_ADMIN, in a user namespace of its own
// in which the limit on user namespaces is 0. The limit is that namespace's: the host's stays as it is.
func noUserNS(args []string) int {
	return elsewhere("insidenouserns", linux.CloneNewUser, args)
}

const (
	prCapBSetDrop = 24 // PR_CAPBSET_DROP of include/uapi/linux/prctl.h
	capSysAdmin   = 21
)

func insideNoUserNS(args []string) int {
	if here, err := os.Readlink("/proc/self/ns/user"); err != nil || here == os.Getenv("HOST_USERNS") {
		return complain(fmt.Errorf("this is still the host's user namespace (%v)", err))
	}
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		return complain(err)
	}
	runtime.LockOSThread() // the bounding set is the thread's, and the command inherits this one's
	if _, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, prCapBSetDrop, capSysAdmin, 0); e != 0 {
		return complain(fmt.Errorf("PR_CAPBSET_DROP: %w", e))
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return complain(err)
	}
	return complain(syscall.Exec(path, args, os.Environ()))
}

// nobody is the ordinary user of the tests: the number that systems keep for one without rights.
const nobody = 65534

// asNobody runs a command as an ordinary user, who is given the working directory.
func asNobody(args []string) int {
	if os.Getuid() != 0 {
		return runHere(args)
	}
	if err := os.Chown(".", nobody, nobody); err != nil {
		return complain(err)
	}
	c := exec.Command(args[0], args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if err := c.Run(); c.ProcessState == nil {
		return complain(err)
	}
	return codeOf(c.ProcessState)
}
