//go:build linux

// Package observe looks at a host from outside its programs: this one as it is now, or the network namespace of a process. It
// reads /proc and asks sock_diag, and changes nothing: it writes nowhere, sends no packet, and asks the kernel for nothing that
// would make it load a module (connection tracking is read from /proc, never over netlink).
package observe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/look"
	"twomsl/internal/record"
	"twomsl/internal/sample"
)

// Options say which host is looked at, and for how long.
type Options struct {
	PID   int           // the network namespace of this process; 0: none
	NetNS string        // the network namespace of this name (of ip netns) or at this path; "": none
	For   time.Duration // from the first look to the last; 0: one look
}

// Live watches this host's network namespace, or the one that the options name, and tells what was seen. In between it looks at
// the sockets about once a second. When the context ends the watch ends early, with a last look.
func Live(ctx context.Context, o Options) (record.Host, error) {
	w := look.Watch{Source: record.FromLive}
	err := o.looks(ctx, leastEvery, func(l look.Look) { w.Add(l) })
	if err != nil {
		return record.Host{}, err
	}
	return w.Host(), nil
}

// Looks takes two looks, or one where nothing is to be watched, for a text of twomsl snapshot.
func Looks(ctx context.Context, o Options) ([]look.Look, error) {
	var all []look.Look
	err := o.looks(ctx, o.For, func(l look.Look) { all = append(all, l) })
	return all, err
}

const (
	// leastEvery is the time between two looks at the sockets, unless a look takes more than one in costShare of it.
	leastEvery = time.Second
	costShare  = 20
)

// looks takes a full look, then the sockets again and again, then a full look.
func (o Options) looks(ctx context.Context, every time.Duration, take func(look.Look)) error {
	if o.For < 0 {
		return fmt.Errorf("watching for %v: a time, or 0 for one look", o.For)
	}
	return o.enter(func(v *view) error {
		begin := time.Now()
		l, err := v.full(o.For == 0)
		if err != nil {
			return err
		}
		take(l)
		for last := o.For == 0; !last; {
			left := min(o.For-time.Since(begin), max(every, costShare*v.cost))
			last = !wait(ctx, left) || time.Since(begin) >= o.For
			if last {
				l, err = v.full(true)
			} else {
				l, err = v.brief()
			}
			if err != nil {
				return err
			}
			take(l)
		}
		return nil
	})
}

// wait tells whether the time has passed; false where the context ended first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// view is a namespace as it can be looked at from here.
type view struct {
	proc    string // the process directory whose net is the namespace
	netns   string // its link, "" where not readable
	entered bool   // this thread is in it, so that sock_diag and /proc/sys/net are the namespace's
	own     bool   // it is the one that this program runs in
	diag    bool   // sock_diag may be asked
	gaps    []record.Gap
	cost    time.Duration // of the last look at the sockets
}

// enter calls f on a thread that is in the namespace. Where a process's cannot be entered, its /proc is read from outside.
func (o Options) enter(f func(*view) error) error {
	if o.PID == 0 && o.NetNS == "" {
		return within(f, true)
	}
	path := o.path()
	here, hereErr := os.Readlink(sample.Here + "/ns/net")
	there, err := os.Readlink(path)
	if o.PID != 0 && err == nil && hereErr == nil && here == there {
		return within(f, true)
	}
	err = linux.InNetNS(path, func() error { return within(f, false) })
	if o.PID <= 0 || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	proc := "/proc/" + strconv.Itoa(o.PID)
	if _, err := os.Stat(proc + "/net/tcp"); err != nil {
		return fmt.Errorf("looking at process %d: %w", o.PID, err)
	}
	return f(&view{proc: proc, netns: there, gaps: []record.Gap{look.GapNetNS}})
}

func (o Options) path() string {
	switch {
	case o.PID != 0:
		return fmt.Sprintf("/proc/%d/ns/net", o.PID)
	case strings.Contains(o.NetNS, "/"):
		return o.NetNS
	}
	return filepath.Join("/run/netns", o.NetNS)
}

func within(f func(*view) error, own bool) error {
	v := &view{proc: sample.Here, entered: true, own: own, diag: diagIsThere(os.DirFS("/"))}
	v.netns, _ = os.Readlink(sample.Here + "/ns/net")
	if !v.diag {
		v.gaps = append(v.gaps, look.GapDiag)
	}
	return f(v)
}

// diagIsThere tells whether asking sock_diag for TCP loads no module: it is loaded, it is part of the kernel, or the kernel
// loads none at all.
func diagIsThere(root fs.FS) bool {
	modules, err := fs.ReadFile(root, "proc/modules")
	if errors.Is(err, fs.ErrNotExist) || strings.HasPrefix(string(modules), "tcp_diag ") ||
		strings.Contains(string(modules), "\ntcp_diag ") {
		return true
	}
	if off, err := fs.ReadFile(root, "proc/sys/kernel/modules_disabled"); err == nil && strings.TrimSpace(string(off)) == "1" {
		return true
	}
	release, err := fs.ReadFile(root, "proc/sys/kernel/osrelease")
	if err != nil {
		return false
	}
	builtin, err := fs.ReadFile(root, "lib/modules/"+strings.TrimSpace(string(release))+"/modules.builtin")
	return err == nil && strings.Contains(string(builtin), "/tcp_diag.ko")
}
