package compare

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"twomsl/internal/record"
)

// FuzzBuild gives Build and NextLines whatever a record can hold: neither may panic, and what is built from sound records
// is sound, and the same each time.
func FuzzBuild(f *testing.F) {
	encode := func(k kind) []byte {
		data, err := record.Encode(withFigures(newTrial(k)))
		if err != nil {
			f.Fatal(err)
		}
		return data
	}
	c, _ := newComparison(append(usualPrimary, "connect.p50_us", "failed.reset"), []string{"before", "after"}, trialsOf(times(3, exhausted)), trialsOf(times(3, kind{})))
	plain, err := record.EncodeComparison(&c)
	if err != nil {
		f.Fatal(err)
	}
	c.Plan.ByLine = true
	c.Variants[1].Sysctl.Client, c.Variants[1].Sysctl.Server = conf("a=1", "b=1", "a=2"), conf("b=1")
	byLine, err := record.EncodeComparison(&c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain, encode(exhausted), encode(reusing), byte(0b000111))
	f.Add(byLine, encode(exhausted), encode(kind{}), byte(0b000111))
	real, _ := filepath.Glob("../../docs/records/*.json")
	for _, file := range real {
		if data, err := os.ReadFile(file); err == nil {
			f.Add(byLine, data, encode(exhausted), byte(0b101010))
		}
	}
	f.Fuzz(func(t *testing.T, head, a, b []byte, which byte) {
		c, sound := decodeAny(head)
		one, ok1 := trialAny(a)
		two, ok2 := trialAny(b)
		var trials []*record.Trial
		for i := range c.Trials {
			if i > 40 {
				break
			}
			trials = append(trials, []*record.Trial{one, two}[which>>(i%8)&1])
		}
		if len(c.Variants) > 12 || len(c.Plan.Primary) > 8 || len(c.Variants) > 1 && len(c.Variants[1].Sysctl.Client)+len(c.Variants[1].Sysctl.Server) > 12 {
			return // slow, and nothing new
		}
		built := Build(*c, trials)
		added, _ := NextLines(c, trials)
		for i, v := range added {
			if v.Name == "" {
				t.Errorf("variant %d has no name", i)
			}
		}
		if !sound || !ok1 || !ok2 {
			return
		}
		data, err := record.EncodeComparison(built)
		if err != nil {
			t.Fatalf("what was built cannot be written: %v", err)
		}
		if _, err := record.DecodeComparison("built", data); err != nil {
			t.Fatalf("what was built contradicts itself: %v", err)
		}
		again, _ := record.EncodeComparison(Build(*built, trials))
		if !bytes.Equal(data, again) {
			t.Error("built again, it is another one")
		}
	})
}

// decodeAny takes a comparison as it is where the record's own checks refuse it: those must not be what Build relies on.
func decodeAny(data []byte) (c *record.Comparison, sound bool) {
	if c, err := record.DecodeComparison("head", data); err == nil {
		return c, true
	}
	c = &record.Comparison{}
	_ = json.Unmarshal(data, c)
	return c, false
}

func trialAny(data []byte) (t *record.Trial, sound bool) {
	if t, err := record.Decode("trial", data); err == nil {
		return t, true
	}
	t = &record.Trial{}
	if json.Unmarshal(data, t) != nil {
		return nil, true
	}
	return t, false
}

// withFigures fills in what a record must have to be read back.
func withFigures(t *record.Trial) *record.Trial {
	t.Scenario.Family, t.Scenario.CloseSide, t.Scenario.Linger = "ipv4", "client", "off"
	t.Phases.StoppedBy = "after"
	t.Connections.OK = t.Connections.Attempted - t.Connections.Failed
	return t
}

func TestFuzzStartsFromSoundRecords(t *testing.T) {
	data, err := record.Encode(withFigures(newTrial(exhausted)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := record.Decode("trial", data); err != nil {
		t.Errorf("the fuzz target's own trial: %v", err)
	}
}
