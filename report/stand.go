package report

import "twomsl/internal/record"

// standParts are the screen of sockets that were asked to stand in states. Rates, latencies and ports would say nothing
// there: what was opened served only to bring the sockets into their states.
var standParts = []screenPart{
	headline, put(ending), put(standAnswer, canaryMeaning), put(diagnosis), put(standTable), put(standHow), put(failures),
	put(canaryTable), put(counters), put(settings),
	put(bytesLine, engineRow, machineRow), put(unmeasured), put(warnings),
}

// standAnswer says whether the sockets stood as asked, all of the time.
func standAnswer(w *wording, t *record.Trial) {
	st := t.Stand
	contradiction(w, t)
	asked := counted(st.Asked.Total(), "socket", "sockets") + " in " +
		counted(int64(len(statesOf(st.Asked))), "state", "states")
	looks := counted(int64(st.Looks), "look", "looks") + " over " + seconds(st.HeldSeconds)
	worst := max(st.WorstDeviation, offBy(st))
	switch {
	case st.Standing == nil:
		w.para(yellow, "Asked for were "+asked+"; what stood was "+w.missing(t, "stand.standing", "")+".")
	case worst == 0:
		w.para(green, asked+" stood as asked, to the last one, at each of "+looks+".")
	default:
		w.para(yellow, "Of "+asked+" not all stood as asked: at the worst of "+looks+" a state was off by "+count(worst)+".")
	}
	careful(w, t)
}

func statesOf(c record.Counts) []record.State {
	var out []record.State
	for _, state := range record.States {
		if c[state] > 0 {
			out = append(out, state)
		}
	}
	return out
}

// standTable sets what was asked for against what stood, state by state.
func standTable(w *wording, t *record.Trial) {
	st := t.Stand
	tb := table{heads: [][]string{{"on the server", "asked", "standing", "over the hold"}}}
	for _, state := range record.States {
		if st.Asked[state]+st.Standing[state]+st.Most[state] == 0 {
			continue
		}
		over := "not measured"
		if st.Least != nil && st.Most != nil {
			over = between(count(st.Least[state]), count(st.Most[state]))
		}
		tb.rows = append(tb.rows, []string{
			state.Netstat(), count(st.Asked[state]), cellOf(st.Standing, st.Standing[state]), over,
		})
		tb.notes = append(tb.notes, standNote(st, state))
	}
	if len(tb.rows) > 0 {
		w.table(&tb)
	}
}

func standNote(st *record.Stand, state record.State) string {
	switch n := offByIn(st, state); {
	case st.Standing == nil:
		return ""
	case givenListener(st, state):
		return "not asked for: connections need one"
	case n == 0:
		return "exact"
	case st.Asked[state] == 0:
		return "not asked for"
	default:
		return "off by " + count(n) + " at the worst"
	}
}

// givenListener tells of the listener that must be there, whether it was asked for or not.
func givenListener(st *record.Stand, state record.State) bool {
	return state == record.Listen && st.Asked[state] == 0
}

// offBy is the greatest difference from what was asked for that the record's counts show, of any state.
func offBy(st *record.Stand) int64 {
	worst := int64(0)
	for _, state := range record.States {
		worst = max(worst, offByIn(st, state))
	}
	return worst
}

func offByIn(st *record.Stand, state record.State) int64 {
	if givenListener(st, state) {
		return 0
	}
	worst := int64(0)
	for _, seen := range []record.Counts{st.Standing, st.Least, st.Most} {
		if seen == nil {
			continue
		}
		d := seen[state] - st.Asked[state]
		worst = max(worst, d, -d)
	}
	return worst
}

// standHow tells how the sockets came there and for how long they were kept.
func standHow(w *wording, t *record.Trial) {
	if t.Connections.Attempted > 0 {
		w.row("connections", connectionSum(t.Connections, true)...)
		hiddenRetries(w, t)
	}
	if t.Stand.HeldSeconds > 0 || t.Stand.Looks > 0 {
		w.row("held", "for "+seconds(t.Stand.HeldSeconds)+",", counted(int64(t.Stand.Looks), "look", "looks"))
	}
	closed(w, t)
}

// closed tells how the connections were taken down, and what stood in the way afterwards.
func closed(w *wording, t *record.Trial) {
	closing(w, t)
	restart(w, t)
}
