package scenario

import "testing"

func TestCheckJudge(t *testing.T) {
	metrics := Known{Metrics: []string{"failed", "tw_reused"}}
	for primary, want := range map[List]string{
		"":                          "",
		"failed,tw_reused":          "",
		"failed.addr-not-available": "",
		"failed,failed":             "judge.primary: has failed twice",
		"faild":                     `judge.primary: "faild" is no metric; did you mean failed?; there are: failed, tw_reused`,
		"a,b,c,d,e,f":               "judge.primary: has 6 metrics: name 5 at most",
	} {
		c := checker{s: Scenario{Judge: Judge{Primary: primary}}}
		known := metrics
		if want == "judge.primary: has 6 metrics: name 5 at most" {
			known = Known{}
		}
		c.judge(known)
		got := ""
		if len(c.problems) > 0 {
			got = c.problems.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", primary, got, want)
		}
	}
}
