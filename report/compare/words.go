package compare

import (
	"math"
	"strconv"
	"strings"
)

// figure writes a number for a sentence: whole with thousands separators, a fraction with three digits that count.
func figure(v float64) string {
	if v != math.Trunc(v) && math.Abs(v) < 100 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return thousands(strconv.FormatFloat(math.Round(v), 'f', 0, 64))
}

func thousands(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
