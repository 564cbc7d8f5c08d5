package scenario

import (
	"regexp"
	"strings"
	"unicode"
)

// A key names a file below /proc/sys, so nothing but names and single dots may be in it.
var validKey = regexp.MustCompile(`^net(\.[A-Za-z0-9_-]+)+$`)

func (c *checker) sysctls() {
	for _, t := range []struct {
		path string
		keys map[string]string
	}{
		{"sysctl.both", c.s.Sysctl.Both},
		{"sysctl.client", c.s.Sysctl.Client},
		{"sysctl.server", c.s.Sysctl.Server},
		{"sysctl.relay", c.s.Sysctl.Relay},
	} {
		for _, key := range sortedKeys(t.keys) {
			c.sysctl(join(t.path, key), key, t.keys[key])
		}
	}
}

func (c *checker) sysctl(path, key, value string) {
	if !validKey.MatchString(key) {
		c.add(path, "%q is no setting of a network namespace, and no other can be written in a lab; write it like "+
			"net.ipv4.tcp_tw_reuse%s", key, dotted(key))
		return
	}
	if strings.TrimSpace(value) == "" || strings.ContainsFunc(value, isLineEnd) {
		c.add(path, "%q is no value: write it on one line, as sysctl.conf has it", value)
		return
	}
	if p, ok := parsePorts(value); key == portRangeKey && (!ok || p.Low < firstUnprivileged) {
		c.add(path, "%q is no range that the kernel takes: write two ports, %d to %d, like \"%d %d\"",
			value, firstUnprivileged, lastPort, defaultLow, defaultHigh)
	}
}

// setting is what a side's namespace has for key because the scenario says so. In topology loopback there is only one
// namespace, and the other side's settings land there too.
func (s Scenario) setting(side Side, key string) (value string, said bool) {
	own, other := s.Sysctl.Client, s.Sysctl.Server
	switch side {
	case ServerSide:
		own, other = other, own
	case RelaySide:
		own = s.Sysctl.Relay
	}
	if s.Topology != Loopback {
		other = nil
	}
	for _, settings := range []map[string]string{own, other, s.Sysctl.Both} {
		if value, said = settings[key]; said {
			return value, true
		}
	}
	return "", false
}

func isLineEnd(r rune) bool { return r != '\t' && unicode.IsControl(r) }

// dotted guesses at what was meant by a key as /proc/sys spells it, or by one without its first part.
func dotted(key string) string {
	name := strings.ReplaceAll(strings.TrimPrefix(strings.Trim(key, "/"), "proc/sys/"), "/", ".")
	if strings.HasPrefix(name, "ipv") {
		name = "net." + name
	}
	if name == key || !validKey.MatchString(name) {
		return ""
	}
	return "; did you mean " + name + "?"
}
