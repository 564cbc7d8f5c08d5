package report

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

func TestFigures(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{count(0), "0"},
		{count(999), "999"},
		{count(1_000), "1,000"},
		{count(-1_234_567), "-1,234,567"},
		{count(math.MinInt64), "-9,223,372,036,854,775,808"},
		{counted(1, "port", "ports"), "1 port"},
		{counted(28_232, "port", "ports"), "28,232 ports"},
		{rate(14_200), "14,200/s"},
		{rate(16.116), "16.1/s"},
		{rate(227.49), "227/s"},
		{rate(0.25), "0.25/s"},
		{rate(200), "200/s"},
		{rate(1e300), "1.00e+300/s"},
		{rate(math.Inf(1)), "+Inf/s"},
		{seconds(0), "0 s"},
		{seconds(0.000041), "41 us"},
		{seconds(0.0019), "1.9 ms"},
		{seconds(0.3), "300 ms"},
		{seconds(0.9997), "1.0 s"},
		{seconds(61.04), "61.0 s"},
		{seconds(119.96), "120 s"},
		{seconds(125), "2 min 5 s"},
		{seconds(179.9), "3 min 0 s"},
		{seconds(2*3600 + 60), "2 h 1 min"},
		{micros(41), "41 us"},
		{micros(999.6), "1.0 ms"},
		{micros(1_900), "1.9 ms"},
		{micros(12_400), "12 ms"},
		{micros(1_500_000), "1.5 s"},
		{size(256), "256 bytes"},
		{size(1), "1 byte"},
		{size(256 * 18_122), "4.6 MB"},
		{size(999_900), "1.0 MB"},
		{share(0, 10), "0 %"},
		{share(1, 0), ""},
		{share(1, 100_000), "under 0.1 %"},
		{share(1.1, 100), "1.1 %"},
		{share(28_231, 28_232), "99 %"},
		{share(28_232, 28_232), "100 %"},
		{headroom(198, 227.5), "(+14 %)"},
		{headroom(198, 455), "(x 2.3)"},
		{headroom(1, 1_000), "(x 1,000)"},
		{between("4", "4"), "4"},
		{between("4", "5"), "4 to 5"},
		{sentence("use more workers"), "Use more workers."},
		{sentence("net.ipv4.tcp_mem is low"), "net.ipv4.tcp_mem is low."},
		{sentence("Really?"), "Really?"},
		{clean("a\n b\tc\x1b[31m"), "a b c?[31m"},
	} {
		if got := strings.ReplaceAll(tc.got, nbsp, " "); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tc := range []struct {
		chunks []string
		width  int
		want   []string
	}{
		{[]string{"one", "two", "three"}, 8, []string{"one two", "three"}},
		{[]string{"19,880 opened", "= 18,122", "+ 1,758"}, 14, []string{"19,880 opened", "= 18,122", "+ 1,758"}},
		{[]string{"p50 41 us", "· p99 160 us"}, 12, []string{"p50 41 us", "p99 160 us"}},
		{[]string{"a chunk that is long"}, 8, []string{"a chunk", "that is", "long"}},
		{[]string{"abcdefghij"}, 4, []string{"abcd", "efgh", "ij"}},
		{[]string{"界界界"}, 4, []string{"界界", "界"}},
		{[]string{"", "x"}, 4, []string{"x"}},
		{nil, 4, nil},
	} {
		if diff := cmp.Diff(tc.want, wrap(tc.chunks, tc.width)); diff != "" {
			t.Errorf("%q in %d (-want +got):\n%s", tc.chunks, tc.width, diff)
		}
	}
}

func TestArguments(t *testing.T) {
	got := arguments("twomsl run x --set a=1 --quiet --io=epoll y -o json")
	want := []string{"twomsl", "run", "x", "--set" + nbsp + "a=1", "--quiet", "--io=epoll", "y", "-o" + nbsp + "json"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func samplesAt(pairs ...float64) []record.Sample {
	var out []record.Sample
	for i := 0; i < len(pairs); i += 2 {
		one := record.Sample{AtMS: pairs[i]}
		if pairs[i+1] >= 0 {
			one.TimeWait = ptr(int64(pairs[i+1]))
		}
		out = append(out, one)
	}
	return out
}

func TestSparkline(t *testing.T) {
	value := func(s *record.Sample) *int64 { return s.TimeWait }
	for name, tc := range map[string]struct {
		samples []record.Sample
		cols    int
		want    string
	}{
		"most in a column": {samplesAt(0, 1, 10, 8, 20, 2, 90, 4, 100, 8), 2, "██"},
		"filled between":   {samplesAt(0, 0, 50, 4, 100, 8), 8, "▁▁▁▁▄▄▄█"},
		"a gap stays":      {samplesAt(0, 8, 5, 8, 10, 8, 15, 8, 95, 8, 100, 8), 10, "██       █"},
		"nil is no zero":   {samplesAt(0, 8, 25, -1, 50, -1, 75, -1, 100, 8), 4, "████"},
		"before the start": {samplesAt(-50, 8, 100, 1), 2, "█▁"},
		"one sample":       {samplesAt(100, 8), 4, "   █"},
	} {
		got := strings.ReplaceAll(sparkline(resample(tc.samples, 100, tc.cols, value), 8), nbsp, " ")
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestAxis(t *testing.T) {
	for _, tc := range []struct {
		end  float64
		cols int
		want string
	}{
		{20, 36, "0 s               10 s"},
		{21.4, 64, "0 s           5 s            10 s           15 s           20 s"},
		{180, 60, "0 s                 60 s                120 s"},
		{600, 60, "0 s         2 min       4 min       6 min       8 min"},
		{0.3, 40, "0 s          100 ms       200 ms"},
		{7200, 30, "0 s            1 h"},
	} {
		if got := strings.ReplaceAll(axis(tc.end, tc.cols), nbsp, " "); got != tc.want {
			t.Errorf("%v s in %d: got %q, want %q", tc.end, tc.cols, got, tc.want)
		}
	}
	// Whatever the time, an axis ends.
	for _, end := range []float64{5e-324, 1e-300, math.MaxFloat64, math.Inf(1), math.NaN()} {
		if got := axis(end, 64); columns(got) > 64 {
			t.Errorf("axis of %v s is %d columns wide: %q", end, columns(got), got)
		}
	}
}

func TestEndpoint(t *testing.T) {
	for want, p := range map[string]record.Tuple{
		"10.0.0.2:80":   {Destination: "10.0.0.2", Port: 80},
		"[fd00::2]:443": {Destination: "fd00::2", Port: 443},
	} {
		if got := endpoint(&p); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
