// Package paste reads what people have: listings of ss and netstat, tables of states, counters, settings, and the text of
// twomsl snapshot. Everything is known by its look, in any order, with prompts and Windows line ends around it.
package paste

import (
	"regexp"
	"strings"
)

var (
	colours = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
	quoting = regexp.MustCompile(`^(> ?)+`)
	// prompt is a shell's, with or without the command behind it.
	prompt = regexp.MustCompile(`^(\[?[\w.-]+@[\w.-]+[^#$%>]*\]?|[\w./~-]*|sh-[\d.]+)[#$%>] ?(sudo\b.*|[a-z./].*)?$`)
	// command is one that somebody typed, without its prompt.
	command = regexp.MustCompile(`^(sudo( -\w+)* )?(/\S*/)?(ss|netstat|nstat|sysctl|cat|watch|conntrack|date|uname|hostname|sleep|sh|bash|twomsl|grep|` +
		`for|done|head|ssh|kubectl|docker|nsenter|ip)( [-a-zA-Z0-9./|'"_${}*=+:;,~ ]*)?$`)
	noise = regexp.MustCompile(`^(\[sudo\]|Password:|sysctl: |Active |Proto |Netid |Total:|Transport\b|(RAW|UDP|TCP|INET|FRAG)\s+\d+\s|` +
		`sockets: used|(UDP|UDPLITE|RAW|FRAG|TCP6|UDP6|UDPLITE6|RAW6|FRAG6): |udp|raw|unix|icmp|sctp|dccp|mptcp|u_(str|dgr|seq)|nl\s|p_(raw|dgr)|` +
		`==> .* <==|[-=]{3,}|slabinfo - version|Max |Limit\s+Soft|logout|Connection to |` + "```" + `|\.\.\.$)`)
)

// read goes through a text line by line.
func (r *reader) read(body string) {
	body = strings.TrimPrefix(body, "\ufeff")
	for line := range strings.Lines(body) {
		r.no++
		line = strings.ToValidUTF8(strings.TrimRight(line, " \t\r\n"), "?")
		if strings.ContainsRune(line, 0x1b) {
			line = colours.ReplaceAllString(line, "")
		}
		if strings.HasPrefix(line, ">") {
			line = quoting.ReplaceAllString(line, "")
		}
		if strings.TrimSpace(line) != "" {
			r.line(line)
		}
	}
}

// line gives a line to the first that knows it. The most frequent come first; what is known and of no use comes last.
func (r *reader) line(text string) {
	for _, known := range []func(string) bool{
		r.mark, r.row, r.header, r.sysctl, r.nstat, r.snmp, r.netstatS, r.total, r.track, r.descriptor, r.state, r.host,
	} {
		if known(text) {
			return
		}
	}
	if strings.HasPrefix(text, "#") || noise.MatchString(text) || prompt.MatchString(text) || command.MatchString(text) {
		return
	}
	r.complain(text, "not understood")
}
