//go:build linux

package counting

import (
	"fmt"
	"strings"

	"twomsl/internal/record"
)

// Differ tells in what two counts of one table differ: in what both of them can tell, and "" where they agree.
func Differ(want, got Seen) string {
	var parts []string
	say := func(what string, n, m int64) {
		if n != m {
			parts = append(parts, fmt.Sprintf("%s %d, where the sampler counts %d", what, m, n))
		}
	}
	if want.States != nil && got.States != nil {
		for _, s := range record.States {
			say(s.Netstat(), want.States[s], got.States[s])
		}
	}
	for _, one := range []struct {
		what      string
		want, got *int64
	}{{"tw", want.TW, got.TW}, {"established", want.Estab, got.Estab}} {
		if one.want != nil && one.got != nil {
			say(one.what, *one.want, *one.got)
		}
	}
	return strings.Join(parts, "; ")
}
