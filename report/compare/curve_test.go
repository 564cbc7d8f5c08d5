package compare

import (
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"

	"twomsl/internal/record"
)

func withSamples(n int) *record.Trial {
	t := newTrial(exhausted)
	t.Ports[0].FirstExhaustionSeconds = ptr(4.321)
	for i := range n {
		at := float64(i) * 10
		tw := min(int64(i), 1000)
		if i == n/3 {
			tw = 5000 // a peak that stands for one sample
		}
		c := record.Sample{AtMS: at, TimeWait: ptr(tw), PortsInUse: []int64{tw / 2, tw / 2}, OK: int64(i), Failed: 1}
		s := record.Sample{AtMS: at + 1, TimeWait: ptr(int64(7))}
		if i%2 == 0 {
			c.States, s.States = record.Counts{record.TimeWait: tw}, record.Counts{record.Listen: 1}
		}
		t.Sides.Client.Samples = append(t.Sides.Client.Samples, c)
		t.Sides.Server.Samples = append(t.Sides.Server.Samples, s)
	}
	return t
}

func TestCurvesAreThinned(t *testing.T) {
	one := withSamples(3000)
	c := Curve([]*record.Trial{one})
	if len(c.Samples) > mostPoints || len(c.Samples) < mostPoints-10 || len(c.States) > mostPoints {
		t.Errorf("%d samples, %d states", len(c.Samples), len(c.States))
	}
	first, last := c.Samples[0], c.Samples[len(c.Samples)-1]
	if first.AtSeconds != 0 || last.AtSeconds != 29.99 || *last.ClientTimeWait != 1000 || last.OK != 2999 || last.Failed != 1 {
		t.Errorf("from %+v to %+v", first, last)
	}
	peak, before, after := false, false, false
	for i, p := range c.Samples {
		peak = peak || *p.ClientTimeWait == 5000 && *p.PortsInUse == 5000
		before, after = before || p.AtSeconds == 4.32, after || p.AtSeconds == 4.33
		if i > 0 && p.AtSeconds <= c.Samples[i-1].AtSeconds {
			t.Fatalf("out of order at %v", p.AtSeconds)
		}
	}
	if !peak || !before || !after {
		t.Errorf("kept: the peak %v, before %v and after %v the ports ran out", peak, before, after)
	}
	if *c.Samples[5].ServerTimeWait != 7 || c.States[3].States.Server[record.Listen] != 1 {
		t.Errorf("the server's: %+v", c.States[3])
	}
	if c.Trial != "t" || *c.FirstExhaustionSeconds != 4.321 || c.LoadSeconds != 10 {
		t.Errorf("%s, %v", c.Trial, *c.FirstExhaustionSeconds)
	}
	if few := Curve([]*record.Trial{withSamples(100)}); len(few.Samples) != 100 || len(few.States) != 50 {
		t.Errorf("%d samples of 100, %d states of 50", len(few.Samples), len(few.States))
	}
	if Curve(nil) != nil {
		t.Error("a curve of nothing")
	}
}

func TestPortLimits(t *testing.T) {
	f := record.Forecast{FullPerSecond: ptr(990 / 62.0), TakenMostSeconds: 62, Plateau: ptr(12400.0), CliffPerSecond: ptr(8.0)}
	one := record.Tuple{Range: record.PortRange{Low: 40000, High: 40999}, Forecast: f}
	all, plateau, cliff := portLimits([]record.Tuple{one, one})
	if *all != 1980 || *plateau != 24800 || *cliff != 990 {
		t.Errorf("%d, %v, %d", *all, *plateau, *cliff)
	}
	none := one
	none.Forecast = record.Forecast{}
	all, plateau, cliff = portLimits([]record.Tuple{one, none})
	if *all != 1990 || plateau != nil || cliff != nil {
		t.Errorf("%d, %v, %v", *all, plateau, cliff)
	}
}

func histogram(t *testing.T, values ...int64) *record.Quantiles {
	t.Helper()
	h := hdrhistogram.New(1, 3600e6, 3)
	for _, v := range values {
		if err := h.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		t.Fatal(err)
	}
	return &record.Quantiles{Count: int64(len(values)), Histogram: string(text)}
}

func TestLatenciesOfAllTrialsAreMerged(t *testing.T) {
	one, two, odd, broken := newTrial(kind{}), newTrial(kind{}), newTrial(kind{}), newTrial(kind{})
	one.Latency.FromIntended, two.Latency.FromIntended = histogram(t, 10, 10, 10), histogram(t, 500)
	odd.Latency = record.Latency{Connect: histogram(t, 90000, 90000, 90000, 90000)} // from another moment
	broken.Latency.FromIntended = &record.Quantiles{Histogram: "HISTFAAAA"}
	points := latencies([]*record.Trial{broken, one, odd, two})
	if len(points) != len(quantiles) || len(points) < 30 {
		t.Fatalf("%d points", len(points))
	}
	for _, p := range points {
		want := 10.0
		if p.Quantile > 0.87 {
			want = 500
		}
		if p.US != want {
			t.Errorf("at %v: %v, want %v", p.Quantile, p.US, want)
		}
	}
	if points[0].Quantile != 0.01 || points[len(points)-1].Quantile != 0.9999 {
		t.Errorf("from %v to %v", points[0].Quantile, points[len(points)-1].Quantile)
	}
	if latencies([]*record.Trial{broken}) != nil {
		t.Error("a curve of nothing")
	}
}
