package report

import (
	"fmt"
	"math"

	"twomsl/internal/record"
)

// ports tells how many client ports were taken, and how that compares with what was computed beforehand. One address
// pair is told in full; of several, the spread.
func ports(w *wording, t *record.Trial) {
	if t.Relay != nil {
		relayPorts(w, t)
		return
	}
	switch len(t.Ports) {
	case 0:
	case 1:
		onePair(w, t, &t.Ports[0])
	default:
		manyPairs(w, t)
	}
}

func onePair(w *wording, t *record.Trial, p *record.Tuple) {
	w.row("ports", clean(p.Source)+" -> "+endpoint(p)+",", fmt.Sprintf("range %d-%d", p.Range.Low, p.Range.High))
	size := int64(p.Range.Size())
	if p.PeakInUse == nil {
		w.row("", "taken: "+w.missing(t, "ports[0].peak_in_use", "ports.peak_share"))
	} else {
		text := fmt.Sprintf("%s of %s taken at the peak, %s", count(*p.PeakInUse), count(size),
			share(float64(*p.PeakInUse), float64(size)))
		if p.PeakEven != nil && p.PeakOdd != nil && *p.PeakInUse > 0 {
			text += ": " + parities(p)
		}
		w.row("", words(text)...)
		if p.Forecast.CliffPerSecond != nil && *p.PeakInUse > size/2 {
			w.row("", "more than half, from where on connect() searches long for a free port")
		}
	}
	if t.Kept != nil {
		return // a port is taken for as long as its connection stands: there is no rate to compute
	}
	if p.Forecast.TakenMostSeconds == 0 {
		if t.Scenario.CloseSide == server {
			w.row("", "none stays taken, since the server closes first")
		}
		return
	}
	forecast(w, t, &p.Forecast, size)
	cliffAhead(w, t, &p.Forecast)
	versus(w, t, p)
	computed(w, &p.Forecast)
}

// parities tells how many ports of either parity were in use, and of how many, where that is not the peak.
func parities(p *record.Tuple) string {
	text := count(*p.PeakEven) + nbsp + "even, " + count(*p.PeakOdd) + nbsp + "odd"
	if told := *p.PeakEven + *p.PeakOdd; told < *p.PeakInUse {
		text += " when " + count(told) + " were"
	}
	return text
}

// endpoint writes address and port as they are written everywhere, IPv6 in brackets.
func endpoint(p *record.Tuple) string {
	address := clean(p.Destination)
	for _, r := range address {
		if r == ':' {
			return fmt.Sprintf("[%s]:%d", address, p.Port)
		}
	}
	return fmt.Sprintf("%s:%d", address, p.Port)
}

// forecast tells the plateau of the rate and the headroom to the cliff at half the range and to the full range.
func forecast(w *wording, t *record.Trial, f *record.Forecast, size int64) {
	now := valueOr(f.RatePerSecond, 0)
	var head string
	switch {
	case commanded(t):
		head = "at whatever rate it asks,"
	case f.RatePerSecond == nil || now <= 0:
		head = "rate max,"
	case f.Plateau != nil && *f.Plateau >= float64(size):
		head = rate(now) + " fills the range,"
	case f.Plateau != nil:
		head = rate(now) + ", plateau up to " + count(int64(math.Ceil(*f.Plateau))) + ";"
	default:
		head = rate(now) + ","
	}
	limit := func(name string, at float64) string {
		text := name + " at " + rate(at)
		switch {
		case now <= 0:
			return text
		case at > now:
			return text + " " + headroom(now, at)
		}
		return text + " (passed)"
	}
	var limits []string
	if f.CliffPerSecond != nil {
		limits = append(limits, limit("cliff", *f.CliffPerSecond))
	}
	if f.FullPerSecond != nil {
		if len(limits) > 0 {
			limits[0] += ","
		}
		limits = append(limits, limit("full", *f.FullPerSecond))
	}
	w.row("forecast", append([]string{head}, limits...)...)
}

// versus sets what came against what was forecast: the first EADDRNOTAVAIL, or the plateau.
func versus(w *wording, t *record.Trial, p *record.Tuple) {
	f := &p.Forecast
	if commanded(t) && p.FirstExhaustionSeconds != nil { // nothing was forecast
		w.row("exhausted", came(t, p))
		return
	}
	if f.ExhaustedAfter != nil || p.FirstExhaustionSeconds != nil || p.OKBeforeFirstExhaustion != nil || f.PastHalf != nil && t.Phases.StoppedBy != "connections" {
		w.row("exhausted", "forecast "+moment(f.ExhaustedAfter, f.ExhaustedSeconds)+";",
			"measured "+came(t, p))
		return
	}
	if f.Plateau == nil || len(t.Ports) != 1 {
		return
	}
	if plateau := t.Sides.Client.TimeWait.Plateau; plateau != nil {
		w.row("measured", "plateau at "+count(*plateau)+" TIME_WAIT on the client")
		return
	}
	if reason(t, "sides.client.time_wait.plateau", "client.time_wait.plateau") == "" && sampled(&t.Sides.Client) {
		w.row("measured", "no plateau: the count had not levelled off when the load ended")
		return
	}
	w.row("measured", "plateau "+w.missing(t, "sides.client.time_wait.plateau", "client.time_wait.plateau"))
}

// sampled tells whether anything counted a side's TIME_WAIT while the load ran.
func sampled(s *record.Side) bool {
	for i := range s.Samples {
		if s.Samples[i].TimeWait != nil {
			return true
		}
	}
	return false
}

// came writes when the first EADDRNOTAVAIL came; where none did, whether one was due.
func came(t *record.Trial, p *record.Tuple) string {
	f := &p.Forecast
	if p.OKBeforeFirstExhaustion == nil && p.FirstExhaustionSeconds == nil &&
		(valueOr(f.ExhaustedSeconds, 0) > t.Phases.LoadSeconds || valueOr(f.ExhaustedAfter, 0) > p.Successes) {
		return "nothing: the load ended before that"
	}
	return moment(p.OKBeforeFirstExhaustion, p.FirstExhaustionSeconds)
}

// moment writes after how many connections and how many seconds, as far as known; "never" where neither is.
func moment(after *int64, at *float64) string {
	switch {
	case after != nil && at != nil:
		return "after " + counted(*after, "connection", "connections") + ", at " + seconds(*at)
	case after != nil:
		return "after " + counted(*after, "connection", "connections")
	case at != nil:
		return "at " + seconds(*at)
	}
	return "never"
}

// computed tells the rate that a tuple bears for ever and what that figure rests on.
func computed(w *wording, f *record.Forecast) {
	if f.RateThatLasts == nil {
		return
	}
	taken := between(seconds(f.TakenLeastSeconds), seconds(f.TakenMostSeconds))
	text := rate(*f.RateThatLasts) + " for ever (computed: a closed port stays taken for " + taken
	if how := clean(f.HowTaken); how != "" {
		text += ", " + how
	}
	w.row("lasts", words(text+")")...)
}

// manyPairs tells the spread over the address pairs, and the forecast of the first where all share it.
func manyPairs(w *wording, t *record.Trial) {
	ps := t.Ports
	sources, targets := map[string]bool{}, map[string]bool{}
	for i := range ps {
		sources[ps[i].Source] = true
		targets[endpoint(&ps[i])] = true
	}
	w.row("ports", counted(int64(len(sources)), "client address,", "client addresses,"),
		counted(int64(len(targets)), "target:", "targets:"),
		counted(int64(len(ps)), "address pair", "address pairs")+" of "+
			spread(ps, func(p *record.Tuple) int64 { return int64(p.Range.Size()) })+" ports each")
	w.row("", "each opened "+spread(ps, func(p *record.Tuple) int64 { return p.Successes })+" connections")
	if known(ps) {
		w.row("", "each had "+spread(ps, func(p *record.Tuple) int64 { return *p.PeakInUse })+" ports taken at its peak")
	} else {
		w.row("", "taken: "+w.missing(t, "ports[].peak_in_use", "ports.peak_share"))
	}
	if t.Kept != nil {
		return
	}
	f := &ps[0].Forecast
	if f.TakenMostSeconds == 0 {
		if t.Scenario.CloseSide == server {
			w.row("", "none stays taken, since the server closes first")
		}
		return
	}
	if alike(ps) {
		forecast(w, t, f, int64(ps[0].Range.Size()))
		cliffAhead(w, t, f)
		computed(w, f)
	}
	soonest := &ps[0]
	for i := range ps {
		if valueOr(ps[i].FirstExhaustionSeconds, math.Inf(1)) < valueOr(soonest.FirstExhaustionSeconds, math.Inf(1)) {
			soonest = &ps[i]
		}
	}
	if soonest.FirstExhaustionSeconds != nil || soonest.Forecast.ExhaustedAfter != nil {
		w.row("soonest", clean(soonest.Source)+" -> "+endpoint(soonest))
		versus(w, t, soonest)
	}
}

func known(ps []record.Tuple) bool {
	for i := range ps {
		if ps[i].PeakInUse == nil {
			return false
		}
	}
	return true
}

// alike tells whether every tuple has the same forecast rate, so that one line speaks for all.
func alike(ps []record.Tuple) bool {
	for i := range ps {
		if valueOr(ps[i].Forecast.RatePerSecond, -1) != valueOr(ps[0].Forecast.RatePerSecond, -1) ||
			ps[i].Range.Size() != ps[0].Range.Size() {
			return false
		}
	}
	return true
}

// spread writes the least and the most of a figure over the tuples.
func spread(ps []record.Tuple, of func(*record.Tuple) int64) string {
	least, most := of(&ps[0]), of(&ps[0])
	for i := range ps {
		least, most = min(least, of(&ps[i])), max(most, of(&ps[i]))
	}
	return between(count(least), count(most))
}
