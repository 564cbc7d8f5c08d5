package look

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"regexp"
	"slices"

	"twomsl/internal/record"
)

// Redactor puts placeholders in the place of what tells whose host it is: addresses, names of hosts and of programs, each the
// same one wherever it stands. The n-th IPv4 address becomes one of 240.0.0.0/4, the n-th IPv6 address one of 2001:db8::/32,
// which nobody has. Loopback and unspecified addresses stay, and so do ports, numbers of processes, and all figures.
//
// It works on what was understood, so nothing that was not can slip through. The same Redactor is for all looks at a host.
type Redactor struct {
	addresses, programs map[string]string
	ipv4, ipv6, names   uint32
}

var (
	firstIPv4 = netip.AddrFrom4([4]byte{240, 0, 0, 0})
	firstIPv6 = netip.MustParseAddr("2001:db8::")
)

// Redact gives a look with placeholders in it; the look itself stays as it is.
func (r *Redactor) Redact(l Look) Look {
	if r.addresses == nil {
		r.addresses, r.programs = map[string]string{}, map[string]string{}
	}
	if l.Listing != nil {
		listing := *l.Listing
		listing.Sockets = slices.Clone(listing.Sockets)
		for i := range listing.Sockets {
			k := &listing.Sockets[i]
			k.Local, k.Remote, k.Program = r.address(k.Local), r.address(k.Remote), r.program(k.Program)
		}
		l.Listing = &listing
	}
	l.Descriptors = slices.Clone(l.Descriptors)
	for i := range l.Descriptors {
		l.Descriptors[i].Program = r.program(l.Descriptors[i].Program)
	}
	l.Sysctls = redactSysctls(l.Sysctls)
	l.Gaps = redactGaps(l.Gaps)
	return l
}

func (r *Redactor) address(text string) string {
	addr, err := netip.ParseAddr(text)
	switch {
	case text == "", err == nil && (addr.IsLoopback() || addr.IsUnspecified()):
		return text
	}
	if known, ok := r.addresses[text]; ok {
		return known
	}
	var stand string
	switch {
	case err != nil:
		r.names++
		stand = fmt.Sprintf("host-%d", r.names)
	case addr.Is4():
		r.ipv4++
		b := firstIPv4.As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+r.ipv4)
		stand = netip.AddrFrom4(b).String()
	default:
		r.ipv6++
		b := firstIPv6.As16()
		binary.BigEndian.PutUint32(b[12:], r.ipv6)
		stand = netip.AddrFrom16(b).String()
	}
	r.addresses[text] = stand
	return stand
}

func (r *Redactor) program(text string) string {
	if text == "" {
		return ""
	}
	name, pid, ok := SplitProgram(text)
	if !ok {
		name, pid = text, "0"
	}
	stand, known := r.programs[name]
	if !known {
		stand = fmt.Sprintf("program-%d", len(r.programs)+1)
		r.programs[name] = stand
	}
	return stand + "[" + pid + "]"
}

var (
	figures = regexp.MustCompile(`^[-0-9,\t ]*$`)
	release = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*`)
)

// redactSysctls keeps figures, and of the kernel its version without what its builder added.
func redactSysctls(all map[string]string) map[string]string {
	if all == nil {
		return nil
	}
	kept := map[string]string{}
	for key, value := range all {
		version := release.FindString(value)
		switch {
		case key == KeyRelease && version != "":
			kept[key] = version
		case key != KeyHostname && figures.MatchString(value):
			kept[key] = value
		default:
			kept[key] = "redacted"
		}
	}
	return kept
}

func redactGaps(gaps []record.Gap) []record.Gap {
	var kept []record.Gap
	for _, g := range gaps {
		if !slices.Contains(fixedGaps, g) {
			g = GapRedacted
		}
		kept = addGap(kept, g)
	}
	return kept
}
