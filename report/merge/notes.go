package merge

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/record"
	"twomsl/report/compare"
)

// apart is how far from each other loads may begin that are told as one, before that is said.
const apart = 50 * time.Millisecond

// ofNoShare are metrics that a part of the load shows as well as all of it.
var ofNoShare = []string{
	"time_wait_seconds", "fin_wait_2_seconds", "time_wait_bytes_each", "client.cpu_us_per_connection", "server.cpu_us_per_connection",
	"client.cpu_us_per_request", "server.cpu_us_per_request",
}

// needAll are the metrics that a run without one of its shards does not have.
func needAll() []string {
	return slices.DeleteFunc(compare.Names(), func(name string) bool { return slices.Contains(ofNoShare, name) })
}

// hostWide are those that a host counts of everything that comes to it.
var hostWide = []string{"tw_reused", "tw_overflow", "listen_drops", "syncookies_sent"}

func (m *merging) warn() {
	m.missing()
	m.cutShort()
	m.ranTwice()
	m.notTogether()
	m.differ()
	m.sharedHost()
	m.sharedTuples()
	m.theirs()
	m.out.Warnings = append(m.out.Warnings, m.warnings...)
}

func (m *merging) add(code, advice string, spoils []string, format string, args ...any) {
	m.warnings = append(m.warnings, record.Warning{Code: code, Text: fmt.Sprintf(format, args...), Advice: advice, Spoils: spoils})
}

func (m *merging) missing() {
	lost := m.out.Merged.Missing
	if len(lost) == 0 {
		return
	}
	m.add("shard-missing", "look for the record on the machine that ran it, or run that shard again: twomsl run --shard K/N --run-id "+m.parts[0].RunID,
		needAll(), "of %d shards there is no record of %s: what is told here is of the rest", m.parts[0].Of, numbers(lost))
}

func (m *merging) cutShort() {
	var cut []int
	for i := range m.parts {
		if m.parts[i].cut() {
			cut = append(cut, m.parts[i].Number)
		}
	}
	if len(cut) > 0 {
		m.add("shard-incomplete", "what they had done by then is in the sums; run them again for the whole", needAll(),
			"%s did not come to the end of its share", numbers(cut))
	}
}

func (m *merging) ranTwice() {
	for i, l := range m.leftOut {
		spoils := []string{}
		if m.metElsewhere(&m.doubled[i]) {
			spoils = hostWide
		}
		m.add("shard-doubled", "its load was real, and the hosts that it met saw both: nothing of it is counted here twice", spoils,
			"shard %d ran more than once, and %s is left out: %s", l.Number, l.ID, l.Why)
	}
}

// metElsewhere tells whether a record that is left out is of a host that one in the sums is of.
func (m *merging) metElsewhere(left *part) bool {
	for _, of := range []sideOf{clientOf, serverOf} {
		id := of(left.t).HostID
		for _, p := range m.parts {
			if id != "" && of(p.t).HostID == id {
				return true
			}
		}
	}
	return false
}

func (m *merging) notTogether() {
	if m.common() != nil || len(m.parts) == 1 {
		return
	}
	var first, last *time.Time
	for _, p := range m.parts {
		if at := p.LoadBegan; at != nil && (first == nil || at.Before(*first)) {
			first = at
		}
		if at := p.LoadBegan; at != nil && (last == nil || at.After(*last)) {
			last = at
		}
	}
	if first == nil || last.Sub(*first) <= apart {
		return
	}
	spoils := []string{}
	if m.shared.Client || m.shared.Server {
		spoils = []string{"connects_per_second", "client.time_wait.peak", "server.time_wait.peak", "ports.peak_share"}
	}
	m.add("shards-apart", "let them begin together: twomsl run --shard K/N --start-at TIME, with clocks that agree", spoils,
		"the shards' loads began up to %v apart, and are told as if they had begun together", last.Sub(*first).Round(time.Millisecond))
}

// differ names what is not the same on all machines, where it is of the program or of what it set.
func (m *merging) differ() {
	var what []string
	note := func(name string, get func(*record.Trial) any) {
		first := get(m.parts[0].t)
		for _, p := range m.parts {
			if !reflect.DeepEqual(get(p.t), first) {
				what = append(what, name)
				return
			}
		}
	}
	note("the program's version", func(t *record.Trial) any { return t.Tool })
	note("the engine", func(t *record.Trial) any { return t.Engine })
	note("the kernel", func(t *record.Trial) any { return t.Environment.Kernel })
	note("on how many connections connect() was timed", func(t *record.Trial) any { return t.Latency.ConnectOneIn })
	for name, of := range map[string]sideOf{"client": clientOf, "server": serverOf} {
		note("what was written to the "+name+"'s settings", func(t *record.Trial) any {
			s := of(t).Sysctls
			return [3]any{s.Changed, s.Refused, s.Asked}
		})
	}
	slices.Sort(what)
	if len(what) > 0 {
		m.add("shards-differ", "merged.hosts and the shards' own records tell how", []string{}, "the shards do not agree on %s", strings.Join(what, ", "))
	}
}

func (m *merging) sharedHost() {
	for _, side := range []struct {
		name   string
		shared bool
	}{{"client", m.shared.Client}, {"server", m.shared.Server}} {
		if side.shared && !m.quiet() {
			m.add("host-shared", "what each shard counted of its own sockets is added up; the host's counters are from the first look to the last",
				[]string{}, "several shards have one host as their %s: its counters have whatever else went on there between", side.name)
		}
	}
}

// sharedTuples says that shards on one client's host opened the same tuples at the same time: each has counted the others'
// sockets, too.
func (m *merging) sharedTuples() {
	if !m.shared.Client {
		return
	}
	first := map[string]int{}
	for i, p := range m.parts {
		for _, tuple := range p.t.Ports {
			key := fmt.Sprintf("%s %s %s %d", hostOf(clientOf(p.t), i), tuple.Source, tuple.Destination, tuple.Port)
			other, seen := first[key]
			if !seen {
				first[key] = p.Number
				continue
			}
			m.add("tuples-shared", "give each shard an address of its own to open from (--from), or a host of its own",
				[]string{
					"client.time_wait.peak", "client.time_wait.plateau", "ports.peak_share", "first_exhaustion_seconds", "rate_that_lasts",
				},
				"%s have one host and opened the same tuple, %s -> %s:%d: each has counted the other's sockets and ports, too",
				numbers([]int{other, p.Number}), tuple.Source, tuple.Destination, tuple.Port)
			return
		}
	}
}

// theirs are the shards' own warnings; what several say is there once.
func (m *merging) theirs() {
	type said struct {
		record.Warning
		by []int
	}
	var all []said
	for _, p := range m.parts {
		for _, w := range p.t.Warnings {
			if w.Code == notQuiet && m.quiet() { // what it took for others' were the other shards'
				continue
			}
			i := slices.IndexFunc(all, func(o said) bool {
				return o.Code == w.Code && o.Text == w.Text && o.Advice == w.Advice && slices.Equal(o.Spoils, w.Spoils)
			})
			if i < 0 {
				i = len(all)
				all = append(all, said{Warning: w})
			}
			if n := len(all[i].by); n == 0 || all[i].by[n-1] != p.Number {
				all[i].by = append(all[i].by, p.Number)
			}
		}
	}
	for _, one := range all {
		who := numbers(one.by)
		if len(one.by) == len(m.parts) {
			who = "every shard"
		}
		one.Text = who + ": " + one.Text
		one.Spoils = append([]string{}, one.Spoils...)
		m.warnings = append(m.warnings, one.Warning)
	}
}

// numbers names shards: shard 2, shards 1, 3 and 4.
func numbers(of []int) string {
	words := make([]string, len(of))
	for i, n := range of {
		words[i] = strconv.Itoa(n)
	}
	if len(words) == 1 {
		return "shard " + words[0]
	}
	last := len(words) - 1
	return "shards " + strings.Join(words[:last], ", ") + " and " + words[last]
}
