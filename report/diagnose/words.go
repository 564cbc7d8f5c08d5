package diagnose

import (
	"math"
	"strconv"
	"strings"
)

// count writes n with separators between thousands.
func count(n int64) string {
	text := strconv.FormatInt(n, 10)
	first := len(text)
	for ; first > 3; first -= 3 {
		text = text[:first-3] + "," + text[first-3:]
	}
	return strings.Replace(text, "-,", "-", 1)
}

// counted writes n with its noun: "1 port", "2 ports".
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// percent writes a share; only what is full is called 100 %.
func percent(share float64) string {
	switch p := 100 * share; {
	case p <= 0:
		return "0 %"
	case p < 0.1:
		return "under 0.1 %"
	case p < 9.95:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	case p > 99 && p < 100:
		return "99 %"
	case p > 100: // counted between two changes
		return "100 %"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + " %"
	}
}

// seconds writes a time with as many decimals as tell something.
func seconds(s float64) string {
	switch {
	case s >= 120:
		return strconv.FormatFloat(s/60, 'f', 0, 64) + " min"
	case s >= 10 || s == float64(int64(s)):
		return strconv.FormatFloat(s, 'f', 0, 64) + " s"
	}
	return strconv.FormatFloat(s, 'f', 1, 64) + " s"
}

// micros writes a time in microseconds.
func micros(us float64) string {
	if us >= 1000 {
		return strconv.FormatFloat(us/1000, 'f', 1, 64) + " ms"
	}
	return strconv.FormatFloat(us, 'f', 0, 64) + " us"
}

// size writes a number of bytes in decimal units.
func size(n int64) string {
	switch f := float64(n); {
	case f >= 1e9:
		return strconv.FormatFloat(f/1e9, 'f', 1, 64) + " GB"
	case f >= 1e6:
		return strconv.FormatFloat(f/1e6, 'f', 1, 64) + " MB"
	case f >= 1e3:
		return strconv.FormatFloat(f/1e3, 'f', 0, 64) + " kB"
	}
	return counted(n, "byte", "bytes")
}

// rate writes connections per second.
func rate(perSecond float64) string {
	if perSecond < 10 {
		return strconv.FormatFloat(perSecond, 'f', 1, 64) + "/s"
	}
	return count(int64(math.RoundToEven(perSecond))) + "/s"
}

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// some are the parts that are not empty.
func some(parts ...string) []string {
	out := []string{}
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}
