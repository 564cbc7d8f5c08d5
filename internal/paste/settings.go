package paste

import (
	"regexp"
	"slices"
	"strings"

	"twomsl/internal/look"
)

var (
	settingLine = regexp.MustCompile(`^(?:sysctl (?:-w )?)?([a-z][a-z0-9_-]*(?:[./][A-Za-z0-9_@:*-]+)+)\s*=\s*(.*)$`)
	procSetting = regexp.MustCompile(`^/proc/sys/([a-z][a-z0-9_-]*(?:/[A-Za-z0-9_@*.-]+)+):(.*)$`) // grep . /proc/sys/...
	// What cat prints of these two files is like nothing else.
	fileNr    = regexp.MustCompile(`^\d+\t0\t\d+$`)
	portRange = regexp.MustCompile(`^\d{4,5}\t\d{4,5}$`)
)

// sysctl reads a line of sysctl -a, or of sysctl.conf.
func (r *reader) sysctl(text string) bool {
	switch {
	case fileNr.MatchString(text):
		r.set(look.KeyFileNr, text)
		return true
	case portRange.MatchString(text):
		r.set(look.KeyPortRange, text)
		return true
	}
	m := settingLine.FindStringSubmatch(text)
	if m == nil {
		m = procSetting.FindStringSubmatch(text)
	}
	if m == nil {
		return false
	}
	key := m[1]
	if first := strings.IndexAny(key, "./"); key[first] == '/' {
		key = strings.ReplaceAll(key, "/", ".")
	}
	r.set(key, m[2])
	return true
}

// set keeps a setting that a look has; all others are known and left out.
func (r *reader) set(key, value string) {
	if !slices.Contains(look.Sysctls, key) {
		return
	}
	l := r.latest()
	if l.Sysctls == nil {
		l.Sysctls = map[string]string{}
	}
	l.Sysctls[key] = strings.Join(strings.Fields(value), " ")
}
