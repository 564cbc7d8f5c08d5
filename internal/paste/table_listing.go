package paste

import (
	"regexp"
	"slices"
	"strings"
)

// otherSockets are first columns of rows that are not TCP's: netstat's Proto, ss's Netid.
var otherSockets = []string{
	"udp", "udp4", "udp6", "udp46", "udplite", "udplite6", "unix", "raw", "raw6", "icmp", "icmp4", "icmp6", "u_str", "u_dgr",
	"u_seq", "nl", "p_raw", "p_dgr", "v_str", "v_dgr", "mptcp", "sctp", "sctp4", "sctp6", "dccp", "xdp", "tipc", "igmp", "???",
}

var tcpWords = []string{"tcp", "tcp4", "tcp6", "tcp46"}

// procTableRow is a row of /proc/net/tcp or tcp6: number, two addresses in hexadecimal, state.
var procTableRow = regexp.MustCompile(`^\s*\d+:\s+[0-9A-Fa-f]{8}([0-9A-Fa-f]{24})?:[0-9A-Fa-f]{4}\s+[0-9A-Fa-f]{8}([0-9A-Fa-f]{24})?:[0-9A-Fa-f]{4}\s+\S+`)

// listingRow tells a socket of a listing from other lines.
func listingRow(words []string) (row, bool) {
	first := strings.ToLower(words[0])
	switch {
	case startsWithDigit(first) && strings.HasSuffix(first, ":") && procTableRow.MatchString(strings.Join(words, " ")):
		return row{kind: ProcListing, word: words[3], hex: true}, true
	case slices.Contains(tcpWords, first) && len(words) >= 3:
		return tcpRow(words), true
	case slices.Contains(otherSockets, first) && len(words) >= 3:
		return row{skip: true}, true
	case len(words) >= 5 && isNumber(words[1]) && isNumber(words[2]) && isAddress(words[3]):
		return row{kind: SSListing, word: words[0]}, true
	}
	return row{}, false
}

// tcpRow finds the state in a row that begins with tcp.
func tcpRow(words []string) row {
	at := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	switch {
	case isNumber(words[1]): // netstat of Linux and BSD: Proto Recv-Q Send-Q Local Foreign State
		return row{kind: NetstatListing, word: at(5)}
	case isAddress(words[1]) && isAddress(words[2]): // of Windows: Proto Local Foreign State
		return row{kind: NetstatListing, word: at(3)}
	}
	return row{kind: SSListing, word: words[1]} // ss with a Netid: tcp State Recv-Q ...
}

func isNumber(word string) bool {
	return word != "" && strings.Trim(word, "0123456789") == ""
}

// isAddress takes address:port, BSD's address.port, and * for any.
func isAddress(word string) bool {
	return strings.Contains(word, ":") || strings.HasPrefix(word, "*") || strings.Count(word, ".") >= 2
}

// header tells the lines that tools write around their rows.
func (r *tableReader) header(n int, line string, words []string) bool {
	lower := strings.ToLower(strings.Join(words, " "))
	switch {
	case strings.HasPrefix(lower, "sl local_address"):
		r.notTCP = strings.Contains(lower, "drops") // that of /proc/net/udp and raw
		return true
	case strings.HasPrefix(lower, "active ") && (strings.Contains(lower, "connections") || strings.Contains(lower, "sockets")),
		strings.HasPrefix(lower, "proto "),
		strings.HasPrefix(lower, "state recv-q"), strings.HasPrefix(lower, "netid "):
		return true
	case strings.HasPrefix(lower, "recv-q send-q local"):
		r.problems.add(n, "this listing has no column of states: ss leaves it out where one state is asked for; paste the "+
			"output of `%s`", Instead)
		return true
	case r.summary > 0 && len(words) == 4 && isNumber(words[1]) && isNumber(words[2]) && isNumber(words[3]):
		return true // TCP 9 6 3: the second half of ss -s
	case isSummary(lower):
		if r.summary == 0 {
			r.summary = n
		}
		return true
	}
	return isRule(line)
}

// isSummary knows the lines of ss -s and /proc/net/sockstat.
func isSummary(lower string) bool {
	for _, begin := range []string{
		"total: ", "transport total ip", "sockets: used ", "tcp: inuse ", "tcp6: inuse ", "udp: inuse ",
		"udplite: inuse ", "udplite6: inuse ", "raw: inuse ", "frag: inuse ",
	} {
		if strings.HasPrefix(lower, begin) {
			return true
		}
	}
	return strings.HasPrefix(lower, "tcp: ") && strings.Contains(lower, "(estab ")
}

// isRule knows lines drawn of punctuation alone: those of Markdown, +---+, =====, and ``` around a block.
func isRule(line string) bool { return strings.Trim(line, " \t-=+|:`_*#~") == "" }

// commandWords stand in the lines in which a command was typed.
var commandWords = []string{"netstat", "ss", "awk", "uniq", "sort", "grep", "cat", "sudo", "watch", "twomsl", "date", "uptime", "ssh"}

// isCommand tells a line with a prompt or a command from the rest. A row may have such words behind its number.
func isCommand(words []string) bool {
	if _, ok := stateOf(words[0]); ok || looksLikeNumber(words[0]) {
		return false
	}
	for _, w := range words {
		if slices.Contains(commandWords, strings.Trim(w, "`$#>%|()")) {
			return true
		}
	}
	last := words[len(words)-1]
	return strings.ContainsAny(last[len(last)-1:], "#$%>") && strings.ContainsAny(words[0], "@[$#%>~") // an empty prompt
}
