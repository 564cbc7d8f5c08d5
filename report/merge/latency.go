package merge

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"

	"twomsl/internal/record"
)

// latency merges the histograms, and takes the quantiles of what that gives: an average of quantiles is no quantile.
func (m *merging) latency() (err error) {
	l := &m.out.Latency
	l.Connect, err = m.quantiles("latency.connect", func(l *record.Latency) *record.Quantiles { return l.Connect })
	if err != nil {
		return err
	}
	l.FromIntended, err = m.quantiles("latency.connect_from_intended", func(l *record.Latency) *record.Quantiles { return l.FromIntended })
	for _, p := range m.parts {
		l.ConnectOneIn = max(l.ConnectOneIn, p.t.Latency.ConnectOneIn)
	}
	return err
}

func (m *merging) quantiles(path string, get func(*record.Latency) *record.Quantiles) (*record.Quantiles, error) {
	var sum *hdrhistogram.Histogram
	of := ""
	for _, p := range m.parts {
		q := get(&p.t.Latency)
		if q == nil {
			continue
		}
		h, err := hdrhistogram.Decode([]byte(q.Histogram))
		if err != nil {
			return nil, fmt.Errorf("record %s: %s.histogram: %w", p.Name, path, err)
		}
		if h.TotalCount() != q.Count {
			return nil, fmt.Errorf("record %s: %s.histogram has %d values, and count is %d", p.Name, path, h.TotalCount(), q.Count)
		}
		if sum == nil {
			sum, of = h, p.Name
			continue
		}
		if sum.LowestTrackableValue() != h.LowestTrackableValue() || sum.HighestTrackableValue() != h.HighestTrackableValue() ||
			sum.SignificantFigures() != h.SignificantFigures() {
			return nil, fmt.Errorf("records %s and %s: their %s.histogram are laid out differently", of, p.Name, path)
		}
		if q.Count > 0 && sum.TotalCount()+h.TotalCount() < 0 {
			return nil, fmt.Errorf("record %s: %s.histogram has more values than can be counted", p.Name, path)
		}
		sum.Merge(h)
	}
	if sum == nil || sum.TotalCount() == 0 {
		return nil, nil
	}
	text, err := sum.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("%s.histogram: %w", path, err)
	}
	at := func(q float64) float64 { return float64(sum.ValueAtQuantile(q)) }
	return &record.Quantiles{
		Count: sum.TotalCount(), P50US: at(50), P90US: at(90), P99US: at(99), P999US: at(99.9), MaxUS: float64(sum.Max()),
		Histogram: string(text),
	}, nil
}
