package diagnose

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

// told are a diagnosis's causes, in their order.
func told(h record.Host) string {
	d := Diagnose(h)
	var all []string
	for _, c := range d.Causes {
		all = append(all, c.ID+" "+c.Confidence)
	}
	return strings.Join(all, ", ")
}

func TestSick(t *testing.T)      { diagnoses(t, sick()) }
func TestTwoAtOnce(t *testing.T) { diagnoses(t, two()) }
func TestWell(t *testing.T)      { diagnoses(t, well()) }

func diagnoses(t *testing.T, list []example) {
	t.Helper()
	for _, e := range list {
		if got := told(e.host); got != e.want {
			d := Diagnose(e.host)
			t.Errorf("%s: %s, expected %s; evidence %q, ruled out %q, not visible %q", e.name, got, e.want, d.Causes[0].Evidence,
				d.RuledOut, d.NotVisible)
		}
	}
}

// Each rule decides an example: without it that one would be told otherwise.
func TestEachRuleIsNeeded(t *testing.T) {
	kept := rules
	defer func() { rules = kept }()
	for i := range kept {
		rules = slices.Delete(slices.Clone(kept), i, i+1)
		missed := 0
		for _, e := range sick() {
			if strings.HasPrefix(e.want, kept[i].id) && told(e.host) != e.want {
				missed++
			}
		}
		if missed == 0 {
			t.Errorf("without the rule of %s every example is told as before", kept[i].id)
		}
	}
}

// There is a rule for each cause, and a cause for each rule.
func TestEveryCauseHasARule(t *testing.T) {
	ids := []string{record.Healthy}
	for _, r := range rules {
		ids = append(ids, r.id)
	}
	want := slices.Sorted(slices.Values(record.DiagnosedCauses))
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(ids))); diff != "" {
		t.Error(diff)
	}
}

// What holds for every host, however little or odd is known of it: no panic, at least one cause, healthy alone, each rule
// heard once, the same again, no empty sentence.
func sound(t *testing.T, h record.Host) {
	t.Helper()
	before, err := record.EncodeDiagnosis(&record.Diagnosis{Host: &h})
	if err != nil {
		t.Fatal(err)
	}
	d := Diagnose(h)
	first, err := record.EncodeDiagnosis(&d)
	if err != nil {
		t.Fatal(err)
	}
	again := Diagnose(h)
	second, err := record.EncodeDiagnosis(&again)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Fatalf("another diagnosis the second time: %s", cmp.Diff(string(first), string(second)))
	}
	if after, _ := record.EncodeDiagnosis(&record.Diagnosis{Host: &h}); !bytes.Equal(before, after) {
		t.Fatal("the host was changed")
	}
	if len(d.Causes) == 0 || d.Of == "" || d.Schema != record.DiagnosisSchema {
		t.Fatalf("%d causes, of %q, schema %q", len(d.Causes), d.Of, d.Schema)
	}
	found := 0
	for i, c := range d.Causes {
		if c.ID != record.Healthy {
			found++
		} else if len(d.Causes) > 1 {
			t.Fatalf("healthy beside %d others", len(d.Causes)-1)
		}
		if !slices.Contains(record.DiagnosedCauses, c.ID) || !slices.Contains(sureness, c.Confidence) || c.Says == "" || c.Scenario == "" {
			t.Fatalf("cause %+v", c)
		}
		if i > 0 && slices.Index(sureness, c.Confidence) < slices.Index(sureness, d.Causes[i-1].Confidence) {
			t.Fatalf("%s after %s", c.Confidence, d.Causes[i-1].Confidence)
		}
		for _, r := range c.Remedy {
			if r.Do == "" || r.Risk == "" || r.Undo == "" || r.Kind == "" || r.When != "tonight" && r.When != "lasting" {
				t.Fatalf("%s: remedy %+v", c.ID, r)
			}
		}
	}
	unseen := 0
	for _, r := range rules {
		f := r.look(newSight(&h))
		if said := len(some(f.confidence, f.out, f.unseen)); said != 1 || f.near != "" && f.out == "" {
			t.Fatalf("%s says %d things: %+v", r.id, said, f)
		}
		if f.unseen != "" {
			unseen++
			if !slices.Contains(d.NotVisible, f.unseen) {
				t.Fatalf("%s lacks %q, and that is not told", r.id, f.unseen)
			}
		}
	}
	if found+len(d.RuledOut)+unseen != len(rules) {
		t.Fatalf("%d causes, %d ruled out, %d not seen: not each of %d rules was heard once", found, len(d.RuledOut), unseen, len(rules))
	}
	for _, line := range slices.Concat(d.RuledOut, d.NotVisible) {
		if strings.TrimSpace(line) == "" || strings.Contains(line, "%!") {
			t.Fatalf("said: %q", line)
		}
	}
}

func TestExamplesAreSound(t *testing.T) {
	for _, e := range slices.Concat(sick(), two(), well()) {
		sound(t, e.host)
	}
}

// Whatever is missing of a host, no rule guesses: it finds only what it found before, or less.
func TestWithoutEvidenceNothingIsGuessed(t *testing.T) {
	for _, e := range well() {
		fields := reflect.TypeFor[record.Host]()
		for i := range fields.NumField() {
			h := e.host
			reflect.ValueOf(&h).Elem().Field(i).SetZero()
			sound(t, h)
			// With one look only, what stands there may be what stays there: possible is all that may be said of it. That
			// settings or the programs' errors are not known leaves what they explain away.
			name := fields.Field(i).Name
			for _, c := range Diagnose(h).Causes {
				if c.ID != record.Healthy && c.Confidence != record.Possible && name != "Sysctls" && name != "Errors" {
					t.Errorf("%s without %s: %s %s: %s", e.name, name, c.ID, c.Confidence, c.Says)
				}
			}
		}
	}
}

// Rules that lack their evidence say so, and rule nothing out.
func TestNothingSeenRulesNothingOut(t *testing.T) {
	d := Diagnose(record.Host{Source: record.FromLive})
	if len(d.RuledOut) != 0 || len(d.NotVisible) < 9 || !strings.Contains(strings.Join(d.NotVisible, "\n"), "EADDRNOTAVAIL") {
		t.Errorf("ruled out %q, not visible %q", d.RuledOut, d.NotVisible)
	}
}

// FuzzDiagnose is any host that JSON can tell, and hosts put together from the examples' fields by chance.
func FuzzDiagnose(f *testing.F) {
	for i := range uint64(20) {
		f.Add(i)
	}
	all := slices.Concat(sick(), two(), well())
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, seed))
		var h record.Host
		v := reflect.ValueOf(&h).Elem()
		for i := range v.NumField() {
			if from := all[r.IntN(len(all))].host; r.IntN(5) > 0 {
				v.Field(i).Set(reflect.ValueOf(from).Field(i))
			}
		}
		if r.IntN(2) == 0 && len(h.Flows) > 0 {
			odd := []int64{-1, 0, 1, 1 << 62}
			flows := slices.Clone(h.Flows)
			flows[0].PortsInUse, flows[0].Even, flows[0].Odd = ptr(odd[r.IntN(4)]), nil, ptr(odd[r.IntN(4)])
			flows[0].Direction = record.Outbound
			flows[0].Range = &record.PortRange{Low: r.IntN(70_000) - 5, High: r.IntN(70_000)}
			h.Flows = flows
		}
		sound(t, h)
	})
}

// Near a cliff is said of a healthy host, with the forecast, and what would help.
func TestNearTheCliff(t *testing.T) {
	h := spoil(func(h *record.Host) { out(h, "10.1.2.9", 11_902, 0, 198) })
	d := Diagnose(h)
	c := d.Causes[0]
	const want = "10.1.1.5 -> 10.1.2.9:3306: 198/s, plateau up to 12,286 of 28,232 ports; slows at 227/s (+14 %), full at 455/s (x 2.3)"
	if c.ID != record.Healthy || !strings.HasSuffix(c.Says, want) || c.Scenario != "half-range-cliff" || len(c.Remedy) == 0 {
		t.Errorf("%s (%s), scenario %s, %d remedies", c.Says, c.ID, c.Scenario, len(c.Remedy))
	}
	if d.TimeWaitIn != 200 || d.TimeWaitOut != 11_902 || len(d.Tuples) != 1 || *d.Tuples[0].Plateau != 198*longestTimeWait {
		t.Errorf("in %d, out %d, tuples %+v", d.TimeWaitIn, d.TimeWaitOut, d.Tuples)
	}
	if text := strings.Join(d.NotVisible, "\n"); !strings.Contains(text, "at 42 % of the range of the fullest tuple there should be none") {
		t.Error(text)
	}
}

// The sentence that the issue asks for.
func TestHealthyHasItsFigures(t *testing.T) {
	h := spoil(func(h *record.Host) {
		h.States[record.TimeWait], h.Peak = 14_600, nil
		out(h, "10.1.2.9", 3_400, 0, 54)
	})
	if got := Diagnose(h).Causes[0].Says; got != "Nothing is wrong: 18,000 TIME_WAIT are 4.6 MB of memory and "+
		"no tuple is above 12 % (10.1.1.5 -> 10.1.2.9:3306)" {
		t.Error(got)
	}
}

// No remedy is one of those that people copy and that do nothing, or harm; what is set already is not advised.
func TestRemediesAreNoFolklore(t *testing.T) {
	for _, e := range slices.Concat(sick(), two(), well()) {
		for _, c := range Diagnose(e.host).Causes {
			for _, r := range c.Remedy {
				switch {
				case strings.Contains(r.Do, "tw_recycle"), strings.Contains(r.Do, "tcp_max_tw_buckets ="),
					strings.Contains(r.Do, "tcp_fin_timeout =") && c.ID != record.FinWait2Pileup,
					strings.Contains(r.Do, "tcp_tw_reuse = 1") && e.host.Sysctls["net.ipv4.tcp_tw_reuse"] == "1":
					t.Errorf("%s, %s: %s", e.name, c.ID, r.Do)
				}
			}
		}
	}
	h := spoil(func(h *record.Host) {
		out(h, "10.1.2.9", 14_116, 14_116, 600)
		h.Sysctls["net.ipv4.tcp_tw_reuse"], h.Sysctls["net.ipv4.ip_local_port_range"] = "0", "32768 60999"
	})
	var undo []string
	for _, r := range Diagnose(h).Causes[0].Remedy {
		if r.Kind == "sysctl" {
			undo = append(undo, r.Undo)
		}
	}
	want := []string{"net.ipv4.tcp_tw_reuse = 0", "net.ipv4.ip_local_port_range = 32768 60999"}
	if diff := cmp.Diff(want, undo); diff != "" {
		t.Error(diff)
	}
}

func TestMovedCounters(t *testing.T) {
	h := spoil(func(h *record.Host) { h.Counters["TcpExt.ListenOverflows"], h.Counters["TcpExt.PAWSEstab"] = 4, 2 })
	want := []record.CounterMoved{
		{Name: "TcpExt.ListenOverflows", Change: 4, Meaning: "the accept queue was full"},
		{Name: "TcpExt.PAWSEstab", Change: 2, Meaning: "segment refused for an old timestamp"},
	}
	if diff := cmp.Diff(want, Diagnose(h).Moved); diff != "" {
		t.Error(diff)
	}
}

func TestWords(t *testing.T) {
	got := []string{
		count(0), count(-123), count(1_234_567), percent(0.42), percent(0.999), percent(1), percent(0.0004), percent(0.034), seconds(0.5),
		seconds(12), seconds(600), micros(31), micros(1_750), size(256), size(25_600), size(4_639_232), rate(198.4), rate(2), headroom(198, 227),
		headroom(100, 455), headroom(300, 227),
	}
	want := []string{
		"0", "-123", "1,234,567", "42 %", "99 %", "100 %", "under 0.1 %", "3.4 %", "0.5 s", "12 s", "10 min", "31 us", "1.8 ms",
		"256 bytes", "26 kB", "4.6 MB", "198/s", "2.0/s", "(+14 %)", "(x 4.5)", "(passed)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The scenario that a cause is shown by is the one that is like the host.
func TestScenarioIsLikeTheHost(t *testing.T) {
	for cookies, want := range map[string]string{"0": "syn-queue-no-cookies", "1": "syn-queue"} {
		h := spoil(func(h *record.Host) {
			h.Sysctls["net.ipv4.tcp_syncookies"] = cookies
			if cookies == "0" {
				h.Counters["TcpExt.TCPReqQFullDrop"] = 300
				return
			}
			h.Counters["TcpExt.TCPReqQFullDoCookies"] = 300
		})
		if d := Diagnose(h); d.Causes[0].Scenario != want {
			t.Errorf("tcp_syncookies = %s: %s, expected %s", cookies, d.Causes[0].Scenario, want)
		}
	}
}

func TestOneTimeWait(t *testing.T) {
	each := int64(256)
	h := record.Host{Source: record.FromLive, States: record.Counts{record.TimeWait: 1}, TimeWaitBytesEach: &each}
	if says := Diagnose(h).Causes[0].Says; !strings.Contains(says, "1 TIME_WAIT is 256 bytes") {
		t.Errorf("one TIME_WAIT: %s", says)
	}
}

func TestListenerName(t *testing.T) {
	for want, l := range map[string]record.Listener{
		"[2001:2::1]:8080": {Address: "2001:2::1", Port: 8080}, "*:80": {Port: 80}, "10.0.0.1:80 (nginx[7])": {Address: "10.0.0.1", Port: 80, Program: "nginx[7]"},
	} {
		if got := listenerName(&l); got != want {
			t.Errorf("%s, expected %s", got, want)
		}
	}
}
