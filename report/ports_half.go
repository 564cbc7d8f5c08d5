package report

import (
	"twomsl/internal/record"
)

// cliffAhead tells when half of the range is taken, what connect() lets through from then on, and whether that fills the range
// before ports come back.
func cliffAhead(w *wording, t *record.Trial, f *record.Forecast) {
	h := f.PastHalf
	if h == nil {
		return
	}
	text := "half the range after " + seconds(h.AfterSeconds) + ", then about " + rate(aboutRate(h.PerSecond)) + " at " +
		micros(h.ConnectUS) + " a connect(): "
	switch h.Fills {
	case "yes":
		text += "full after " + seconds(h.FullSeconds)
	case "no":
		text += "never full"
	default:
		text += "full after " + seconds(h.FullSeconds) + " or never"
	}
	if why := clean(h.Why); why != "" && h.Fills != "yes" {
		text += ", since " + why
	}
	w.row("cliff", words(text)...)
	if how := clean(h.How); how != "" {
		w.row("", words("(computed from "+how+")")...)
	}
	// Ports that come back end the search: what goes through then is another matter.
	back := f.TakenLeastSeconds < t.Phases.LoadSeconds
	if before, after := pacesUntil(t, min(f.TakenLeastSeconds, t.Phases.LoadSeconds)); after > 0 {
		text := "measured: " + rate(before) + " up to half the range, " + rate(after) + " from there on"
		if back {
			text += ", until the first ports came back"
		}
		w.row("", words(text)...)
	}
}

// aboutRate keeps two digits of a rate that is a forecast.
func aboutRate(v float64) float64 {
	for step := 1.0; step <= 1e6; step *= 10 {
		if v < 100*step {
			return float64(int64(v/step+0.5)) * step
		}
	}
	return v
}
