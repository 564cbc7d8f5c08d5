package report

import (
	"fmt"
	"strconv"
	"strings"

	"twomsl/internal/record"
)

// mostMachines is how many are named; how many more there are is told.
const mostMachines = 6

// shards tells which share of a run a trial is, or of which shares its record was put together.
func shards(w *wording, t *record.Trial) {
	if d := t.Shard; d != nil {
		w.row("share", words(fmt.Sprintf("%d of %d of the run %s, on %s: every figure here is of this share alone", d.Number, d.Of,
			clean(d.RunID), clean(d.Host)))...)
	}
	m := t.Merged
	if m == nil {
		return
	}
	text := fmt.Sprintf("%s of %s of the run %s", count(int64(len(m.Shards))), count(int64(m.Of)), clean(m.RunID))
	var on []string
	for i, h := range m.Hosts {
		if i == mostMachines {
			on = append(on, counted(int64(len(m.Hosts)-i), "more machine", "more machines"))
			break
		}
		var names []string
		for _, n := range h.Names[:min(len(h.Names), mostMachines)] {
			names = append(names, clean(n))
		}
		on = append(on, numbersOf(h.Shards)+" on "+strings.Join(names, ", "))
	}
	if len(on) > 0 {
		text += ": " + strings.Join(on, "; ")
	}
	style := plain
	if len(m.Missing) > 0 || len(m.LeftOut) > 0 {
		style = yellow
	}
	w.styledRow(style, "shards", words(text)...)
}

// numbersOf writes numbers with those that follow each other as a range: 1-3, 7.
func numbersOf(list []int) string {
	var out []string
	for i := 0; i < len(list); {
		end := i
		for end+1 < len(list) && list[end+1] == list[end]+1 {
			end++
		}
		text := strconv.Itoa(list[i])
		if end > i {
			text += "-" + strconv.Itoa(list[end])
		}
		out, i = append(out, text), end+1
	}
	return strings.Join(out, ", ")
}
