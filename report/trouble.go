package report

import (
	"math"

	"twomsl/internal/record"
)

// trouble is the answer where it is not about TIME_WAIT: connections that one end has left and the other has not. It says
// what stands, why, and who must act; false where there is none of it.
func trouble(w *wording, t *record.Trial) bool {
	switch {
	case t.Kept != nil && t.Kept.VanishedSeconds != nil:
		deadPeer(w, t)
	case t.Kept != nil:
		idle(w, t)
	case leading(t) == record.CloseWait:
		closeWait(w, t)
	case leading(t) == record.FinWait2:
		finWait2(w, t)
	default:
		return false
	}
	return true
}

// leadingShare is the part of the connections that must stand in a state at the end for the trial to be about it.
const leadingShare = 0.1

// struck is the side whose host is in trouble; records from before that was noted name none.
func struck(t *record.Trial) string {
	if t.Scenario.Struck == client {
		return client
	}
	return server
}

// leading is the state that the struck side's sockets are stuck in: more of them than TIME_WAIT, and many of all that were
// opened. "" where there is none.
func leading(t *record.Trial) record.State {
	if t.Stand != nil || t.Kept != nil {
		return ""
	}
	end := sideOf(t, struck(t)).States.End
	state := record.CloseWait
	if end[record.FinWait2] > end[record.CloseWait] {
		state = record.FinWait2
	}
	n := end[state]
	if n == 0 || n <= end[record.TimeWait] || float64(n) < leadingShare*float64(t.Connections.OK) {
		return ""
	}
	return state
}

// closeWait: the other end has closed, this end's application has not.
func closeWait(w *wording, t *record.Trial) {
	side := struck(t)
	n := sideOf(t, side).States.End[record.CloseWait]
	whose := "its clients have closed, its own application has not"
	if side == client {
		whose = "the server has closed, its own application has not"
	}
	text := "The " + side + " holds " + count(n) + " CLOSE_WAIT: " + whose + "."
	if t.Connections.Failed == 0 {
		text += " Nothing failed so far."
	}
	w.para(yellow, text)
	w.para(plain, "They end when that application closes them or ends, and in no other way: no setting does it."+leakRate(t, n))
	w.para(bold, "Who must act: whoever wrote the "+side+"'s application. Until then a restart of it clears them.")
}

// leakRate says when descriptors run out if this goes on.
func leakRate(t *record.Trial, n int64) string {
	text := " Each holds a descriptor"
	limit := t.Environment.NoFileLimit
	each := 0.0
	if t.Phases.LoadSeconds > 0 {
		each = float64(n) / t.Phases.LoadSeconds
	}
	if limit <= 0 || each <= 0 || t.Rate.AskedPerSecond == nil {
		return text + "."
	}
	if left := float64(limit) / each; left < 1e6 {
		return text + ": at " + rate(each) + " the " + count(limit) + " that a process may have here last for " + seconds(left) + "."
	}
	return text + "."
}

// finWait2: this end has closed, the other has not.
func finWait2(w *wording, t *record.Trial) {
	side := struck(t)
	s := sideOf(t, side)
	n := s.States.End[record.FinWait2]
	others, one := "its clients have not", "the clients, which never close"
	if side == client {
		others, one = "the server has not", "the server, which never closes"
	}
	left := sideOf(t, other(side)).States.End[record.CloseWait]
	if valueOr(ledgerOf(t, side).FinWait2, 0) == 0 {
		w.para(yellow, "The "+side+" holds "+count(n)+" FIN_WAIT2: it has closed its half, "+others+".")
		w.para(plain, "Its own process still holds them, each with a descriptor, and no timer ends them: tcp_fin_timeout is for "+
			"sockets that were closed with close().")
		w.para(bold, "Who must act: the "+side+"'s application, which can close for good; and "+one+".")
		return
	}
	w.para(yellow, "The "+side+" holds "+count(n)+" FIN_WAIT2: it has closed, "+others+".")
	w.para(plain, orphansEnd(t, s))
	act := "Who must act: the programs on the other side, which do not close"
	if left > 0 {
		act += " and hold " + count(left) + " CLOSE_WAIT"
	}
	w.para(bold, act+".")
}

// orphansEnd says how long an orphan stands, and what count that makes of the rate.
func orphansEnd(t *record.Trial, s *record.Side) string {
	text := "No process holds them, they take no descriptor, and the kernel ends each after tcp_fin_timeout"
	life := math.Round(10*valueOr(s.TimeWait.FinWait2Seconds, 0)) / 10 // a timer's reading is a little less than what was set
	if life <= 0 {
		return text + "."
	}
	text += ", " + setTime(life) + " here"
	asked := valueOr(t.Rate.AskedPerSecond, 0)
	if asked <= 0 {
		return text + "."
	}
	return text + ": at " + rate(asked) + " the count levels off near " + count(whole(asked*life)) + "."
}

// setTime writes a time that was set and not measured: whole seconds as such.
func setTime(v float64) string {
	if v >= 120 || v < 1 {
		return seconds(v)
	}
	return significant(v) + nbsp + "s"
}

// troubleSeries is how the number of sockets went that the trial is about.
func troubleSeries(t *record.Trial) []series {
	state, side := leading(t), struck(t)
	if t.Kept != nil {
		state = record.Established
	}
	if state == "" {
		return nil
	}
	value := func(s *record.Sample) *int64 { return countOf(s.States, state) }
	samples := sideOf(t, side).Samples
	top := most(samples, value)
	if top == 0 {
		return nil
	}
	return []series{{state.Netstat(), value, samples, top, count(top) + " on the " + side}}
}
