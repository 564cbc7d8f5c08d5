package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"twomsl/internal/record"
)

// Carry writes a side's own settings and then a recipe's, each list in its order, in the namespace of the calling
// thread, and reads each value back. Defaults are the namespace's settings when it was new.
//
// Changed and Refused are as Apply's, over both lists; Refused has the own settings only: what became of a recipe's stands
// in Asked, one for each key.
func Carry(root string, own, recipe []Setting, defaults map[string]string) record.Sysctls {
	var w changes
	out := record.Sysctls{Refused: w.apply(root, own)}
	ask := asking{root: root, defaults: defaults, touched: w.keys()}
	for _, s := range Settings(recipe) {
		q := ask.look(s)
		ask.carryOut(s, &q)
		w.took(q)
		out.Asked = append(out.Asked, q)
	}
	out.Changed = w.list()
	return out
}

// Look tells, of the namespace of the calling thread, what can be told of a setting without writing it. Outcome is "" where
// writing it would change something and nothing is known that speaks against it. A secret's value is not told.
func Look(root string, s Setting) record.SysctlAsked {
	s = Settings([]Setting{s})[0]
	q := asking{root: root, only: true}.look(s)
	if q.Outcome != "" {
		return q
	}
	if why := unfit(root, s); why != "" {
		q.Outcome, q.Reason = record.SysctlRefused, why
		return q
	}
	q.Price = Price(s.Key, *q.Before, s.Value)
	return q
}

// unfit tells why a value would not be taken, as far as that is known.
func unfit(root string, s Setting) string {
	if !writable(root, s.Key) {
		return "it shows something, and cannot be set here"
	}
	fits := true
	if l, ok := limits[s.Key]; ok {
		n, err := kernelInt(s.Value)
		fits = err == nil && l.least <= n && n <= l.most
	}
	if s.Key == portRange {
		low, high, _ := strings.Cut(s.Value, " ")
		l, errLow := kernelInt(low)
		h, errHigh := kernelInt(high)
		fits = errLow == nil && errHigh == nil && 1 <= l && l <= h && h <= 1<<16-1
	}
	if fits {
		return ""
	}
	return fmt.Sprintf("the kernel does not take %q%s", s.Value, limitsOf(root, s.Key))
}

// asking is how a recipe meets a network namespace: a lab's, or this host's.
type asking struct {
	root string
	host bool // this host's own namespace, and not a lab's
	only bool // to look, not to write: whatever can be read is compared
	// defaults are a new namespace's settings, where they are known.
	defaults map[string]string
	touched  map[string]bool // keys that were written since the namespace was new
}

// look tells all that can be told of a setting before it is written. Outcome is "" where it is to be written.
func (a asking) look(s Setting) record.SysctlAsked {
	q := record.SysctlAsked{
		Key: s.Key, Asked: s.Value, Optional: s.Optional, Namespaced: !isHostWide(s.Key), Does: Does(s.Key),
	}
	if v, ok := a.defaults[s.Key]; ok {
		q.Default = &v
	}
	file, err := path(a.root, s.Key)
	if err != nil {
		q.Outcome, q.Reason = record.SysctlRefused, err.Error()
		return q
	}
	if _, err := os.Stat(file); err != nil {
		a.absent(s, err, &q)
		return q
	}
	q.Exists = true
	if q.Outcome, q.Reason = a.untouchable(s.Key); q.Outcome != "" {
		return q
	}
	err = isSetting(a.root, s.Key)
	before := ""
	if err == nil {
		before, err = Read(a.root, s.Key)
	}
	if err != nil {
		q.Outcome, q.Reason = record.SysctlRefused, refusal(a.root, s, err)
		return q
	}
	q.Before, q.Value = &before, &before
	if q.Default == nil && !a.host && !a.only && !a.touched[s.Key] {
		q.Default = &before
	}
	switch {
	case Same(s.Key, before, s.Value):
		q.Outcome = record.SysctlAlreadySet
	case !a.host && !a.only && !q.Namespaced:
		q.Outcome, q.Reason = record.SysctlHostWide, hostWideReason
	}
	return q
}

// absent tells why a setting is not there.
func (a asking) absent(s Setting, err error, q *record.SysctlAsked) {
	q.Reason = refusal(a.root, s, err)
	switch r, was := wasThere(s.Key); {
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
		q.Outcome = record.SysctlRefused
	case was:
		q.Outcome, q.Namespaced, q.GoneSince, q.ReplacedBy = record.SysctlMissing, false, r.since, r.by
	case q.Reason == hostWideReason && strings.HasPrefix(s.Key, netPrefix):
		q.Outcome, q.Exists = record.SysctlHostWide, true
	default:
		q.Outcome, q.Namespaced = record.SysctlMissing, false
	}
}

// untouchable tells of the settings that are never written.
func (a asking) untouchable(key string) (outcome, why string) {
	switch {
	case a.only && isLeftOut(key):
		return record.SysctlRefused, leftOutReason
	case a.only:
	case !strings.HasPrefix(key, netPrefix) && a.host:
		return record.SysctlRefused, "not of the network: only settings below net are set"
	case !strings.HasPrefix(key, netPrefix):
		return record.SysctlHostWide, "host-wide: only settings below net are a lab's own"
	case a.host:
		if why := notOnHost(key); why != "" {
			return record.SysctlRefused, why
		}
	}
	return "", ""
}

// entangled are settings that move others when they are written (devinet_sysctl_forward of net/ipv4/devinet.c,
// tcp_set_default_congestion_control of net/ipv4/tcp_cong.c) or load a module.
var entangled = map[string]bool{
	"net.ipv4.ip_forward": true, "net.ipv4.tcp_congestion_control": true, "net.ipv4.tcp_allowed_congestion_control": true,
	"net.core.default_qdisc": true,
}

const leftOutReason = "a secret or a count, which is neither shown nor set"

func isLeftOut(key string) bool { return leftOut[key[strings.LastIndexByte(key, '.')+1:]] }

// notOnHost tells why a setting is not changed on this host, even for a time; "" where it may be.
func notOnHost(key string) string {
	switch {
	case isLeftOut(key):
		return leftOutReason
	case entangled[key], strings.Count(swapSeparators.Replace(key), "/") > 2:
		return "it moves other settings along, and not all could be put back: a lab can have it (--topology veth)"
	}
	return ""
}

// carryOut writes a setting that look found nothing against, and tells what became of it.
func (a asking) carryOut(s Setting, q *record.SysctlAsked) {
	if q.Outcome != "" {
		return
	}
	after, why := put(a.root, s, *q.Before)
	q.Value = after
	if why != "" {
		q.Outcome, q.Reason = record.SysctlRefused, why
		return
	}
	q.Outcome, q.Price = record.SysctlChanged, Price(s.Key, *q.Before, *after)
}

// put writes a setting and reads it back; after is nil where that cannot be done. Why is "" where the kernel has the
// value now.
func put(root string, s Setting, before string) (after *string, why string) {
	file, err := path(root, s.Key)
	if err != nil {
		return &before, err.Error()
	}
	if err := writeOnce(file, s.Value); err != nil {
		why = refusal(root, s, err)
	}
	now, err := Read(root, s.Key)
	switch { // of a list, the numbers before a refused one are in force: read back in any case
	case err != nil:
		return nil, "written, but it cannot be read back: " + err.Error()
	case why != "" && now != before:
		why += fmt.Sprintf("; it reads back as %q", now)
	case why == "" && !Same(s.Key, now, s.Value):
		why = fmt.Sprintf("written as %q, reads back as %q", s.Value, now)
	}
	return &now, why
}
