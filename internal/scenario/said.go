package scenario

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text is bytes, as C and Go write them in quotes: GET / HTTP/1.0\r\n\r\n, \x00\xff. The zero value is "not said".
type Text string

// UnmarshalText reads \r, \n, \t, \\, \xNN, \NNN (octal), \uNNNN and their kin; all else stands for itself.
func (t *Text) UnmarshalText(b []byte) error {
	out := make([]byte, 0, len(b))
	for rest := string(b); rest != ""; {
		if rest[0] != '\\' {
			out, rest = append(out, rest[0]), rest[1:]
			continue
		}
		r, wide, tail, err := unquoteChar(rest)
		if err != nil {
			return fmt.Errorf("%q has an escape that there is not, %.4q: write \\r, \\n, \\t, \\xNN, or \\\\ for a backslash", b, rest)
		}
		if wide {
			out = utf8.AppendRune(out, r)
		} else {
			out = append(out, byte(r))
		}
		rest = tail
	}
	*t = Text(out)
	return nil
}

// unquoteChar reads one escape; wide tells of a character, not of a byte.
func unquoteChar(s string) (r rune, wide bool, tail string, err error) {
	switch {
	case strings.HasPrefix(s, `\"`), strings.HasPrefix(s, `\'`):
		return rune(s[1]), false, s[2:], nil
	case strings.HasPrefix(s, `\0`) && (len(s) == 2 || s[2] < '0' || s[2] > '7'): // as C has it
		return 0, false, s[2:], nil
	}
	return strconv.UnquoteChar(s, 0)
}

// MarshalText prints what UnmarshalText reads, all of it in letters that any file keeps.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

func (t Text) String() string {
	quoted := strconv.QuoteToASCII(string(t))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// keepsSpace marks what assign must not trim: spaces are said like all else.
func (Text) keepsSpace() {}

// Until is where an answer ends whose bytes are not ours: with the server's FIN, after a number of bytes, or with a text. The
// zero value is "not said".
type Until struct {
	EOF   bool
	Bytes Size
	Match Text
}

// Said tells whether it was said.
func (u Until) Said() bool { return u != Until{} }

var errUntil = errors.New("is no end of an answer: write eof (the server closes first), bytes=N, or match=TEXT with \\r, \\n, \\xNN for what is no letter")

// UnmarshalText reads "eof", "bytes=120", "bytes=4KiB" or "match=TEXT"; the empty text was not said.
func (u *Until) UnmarshalText(b []byte) error {
	*u = Until{}
	name, value, _ := strings.Cut(string(b), "=")
	switch strings.TrimSpace(name) {
	case "":
		if len(b) == 0 {
			return nil
		}
	case "eof":
		if !strings.Contains(string(b), "=") {
			u.EOF = true
			return nil
		}
	case "bytes":
		if n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil && n > 0 {
			u.Bytes = Size(n)
			return nil
		}
		if err := u.Bytes.UnmarshalText([]byte(value)); err == nil && u.Bytes > 0 {
			return nil
		}
	case "match":
		if err := u.Match.UnmarshalText([]byte(value)); err == nil && u.Match != "" {
			return nil
		}
	}
	*u = Until{}
	return fmt.Errorf("%q %w", b, errUntil)
}

// MarshalText prints what UnmarshalText reads.
func (u Until) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

func (u Until) String() string {
	switch {
	case u.EOF:
		return "eof"
	case u.Bytes > 0:
		return fmt.Sprintf("bytes=%d", int64(u.Bytes))
	case u.Match != "":
		return "match=" + u.Match.String()
	}
	return ""
}

func (Until) keepsSpace() {}

// Preset is a way of HTTP to ask, and with it who closes first. The zero value is "not said": the way that close.side tells.
type Preset string

// The presets.
const (
	HTTP10        Preset = "http/1.0"       // HTTP/1.0: the server closes after its answer
	HTTPClose     Preset = "http-close"     // HTTP/1.1 with Connection: close: so it does
	HTTPKeepAlive Preset = "http-keepalive" // HTTP/1.1 with Connection: keep-alive: the client closes, after client.requests
)

// Presets lists what Preset may be.
var Presets = []Preset{HTTP10, HTTPClose, HTTPKeepAlive}

// First is the side that closes first by what is said; "" where that leaves it open.
func (p Payload) First() Side {
	switch {
	case p.Preset == HTTPKeepAlive:
		return ClientSide
	case p.Preset != "", p.Until.EOF:
		return ServerSide
	}
	return ""
}

// settle finds the protocol that was not said: what is said and heard byte for byte, or what a program of somebody else's
// most likely speaks.
func (p *Payload) settle(theirs bool) {
	switch {
	case p.Send != "" || p.Until.Said():
		fill(&p.Protocol, Raw)
	case theirs || p.Preset != "":
		fill(&p.Protocol, HTTP)
	}
	fill(&p.Protocol, Plain)
}
