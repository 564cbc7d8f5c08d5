package report

import (
	"math"
	"strconv"
	"strings"
)

// nbsp keeps a figure and its unit on one line; the screen prints it as a space.
const nbsp = "\u00a0"

// count writes n with separators between thousands.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, digit := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return sign + b.String()
}

// counted writes n with its noun: "1 port", "2 ports".
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1" + nbsp + one
	}
	return count(n) + nbsp + many
}

// whole rounds v to an integer that int64 can hold.
func whole(v float64) int64 {
	switch {
	case math.IsNaN(v):
		return 0
	case v >= math.MaxInt64:
		return math.MaxInt64
	case v <= math.MinInt64:
		return math.MinInt64
	}
	return int64(math.Round(v))
}

// figure writes v with the given decimals and separators between thousands.
func figure(v float64, decimals int) string {
	if math.Abs(v) >= 1e15 {
		return strconv.FormatFloat(v, 'e', 2, 64)
	}
	s := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	integer, fraction, found := strings.Cut(s, ".")
	n, _ := strconv.ParseInt(integer, 10, 64) // below 1e15, so it fits
	s = count(n)
	if found {
		s += "." + fraction
	}
	if v < 0 && strings.Trim(s, "0.,") != "" {
		s = "-" + s
	}
	return s
}

// significant writes v with as many decimals as tell something: two below 1, one below 100, none for integers.
func significant(v float64) string {
	switch {
	case v == math.Trunc(v):
		return figure(v, 0)
	case v < 1:
		return figure(v, 2)
	case v < 99.95 && math.Abs(v-math.Round(v)) >= 0.05:
		return figure(v, 1)
	}
	return figure(v, 0)
}

// rate writes connections per second.
func rate(v float64) string { return significant(v) + "/s" }

// seconds writes a time in the unit that a person would choose.
func seconds(v float64) string {
	switch {
	case v >= 2*3600:
		return figure(math.Floor(v/3600), 0) + nbsp + "h" + nbsp + figure(math.Floor(math.Mod(v, 3600)/60), 0) + nbsp + "min"
	case v >= 120:
		v = math.Round(v)
		return figure(math.Floor(v/60), 0) + nbsp + "min" + nbsp + figure(math.Mod(v, 60), 0) + nbsp + "s"
	case v >= 0.9995 || v == 0:
		return figure(v, decimals(v)) + nbsp + "s"
	case v >= 0.0009995:
		return figure(v*1e3, decimals(v*1e3)) + nbsp + "ms"
	}
	return figure(v*1e6, 0) + nbsp + "us"
}

// decimals is one for figures of one or two digits, and none for 0 and beyond.
func decimals(v float64) int {
	if v == 0 || v >= 99.95 {
		return 0
	}
	return 1
}

// micros writes a latency that is in microseconds: finer than seconds does, since a p50 is often some tens of them.
func micros(us float64) string {
	switch {
	case us >= 999_500:
		return seconds(us / 1e6)
	case us >= 9_950:
		return figure(us/1e3, 0) + nbsp + "ms"
	case us >= 999.5:
		return figure(us/1e3, 1) + nbsp + "ms"
	}
	return figure(us, 0) + nbsp + "us"
}

// size writes a number of bytes in decimal units.
func size(n float64) string {
	for _, u := range []struct {
		name  string
		bytes float64
	}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if n >= u.bytes*0.9995 {
			v := n / u.bytes
			return figure(v, decimals(v)) + nbsp + u.name
		}
	}
	return counted(whole(n), "byte", "bytes")
}

// share writes part of total in percent; "" where there is no total.
func share(part, total float64) string {
	if !(total > 0) {
		return ""
	}
	switch p := 100 * part / total; {
	case p == 0:
		return "0" + nbsp + "%"
	case p < 0.1:
		return "under" + nbsp + "0.1" + nbsp + "%"
	case p < 9.95:
		return figure(p, 1) + nbsp + "%"
	case p < 100 && p > 99:
		return "99" + nbsp + "%" // only what is full is called full
	default:
		return figure(p, 0) + nbsp + "%"
	}
}

// headroom writes how far limit lies above now: (+15 %), or (x 2.3) from twice on.
func headroom(now, limit float64) string {
	if ratio := limit / now; ratio >= 1.995 {
		return "(x" + nbsp + significant(ratio) + ")"
	}
	return "(+" + figure(math.Floor(100*(limit/now-1)), 0) + nbsp + "%)"
}

// between writes least to most, or one figure where they look alike.
func between(least, most string) string {
	if least == most {
		return least
	}
	return least + " to " + most
}

// sentence makes a clause begin with a capital, unless its first word is a name of something, and end in a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if first, _, _ := strings.Cut(s, " "); first != "" && strings.Trim(first, "abcdefghijklmnopqrstuvwxyz',;:") == "" {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}
