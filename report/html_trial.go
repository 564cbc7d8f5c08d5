package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// trialPage is the page of one trial: the answer, the evidence, how to repeat it. What the terminal's screen says too, it
// says in the same words.
func trialPage(t *record.Trial, opt Options, figures []pageFigure) *page {
	w := newWording()
	p := &page{
		Title: joined(trialName(t), "one trial"), Kind: "twomsl · one trial", Name: trialName(t), About: clean(t.Scenario.Title),
		Tool: joined(clean(t.Tool), clean(t.ID)),
	}
	for _, fact := range ranOn(t) {
		if fact != "" {
			p.Facts = append(p.Facts, fact)
		}
	}
	told := func(id, title string, parts ...func(*wording, *record.Trial)) *pageSection {
		s := &pageSection{ID: id, Title: title}
		s.say(w.words(t, parts...))
		return s
	}
	charts := &pageSection{ID: "charts", Title: "Charts", Figures: figures}
	cost := []func(*wording, *record.Trial){memory, bytesLine}
	if t.Stand != nil {
		p.answer(w.words(t, ending, standAnswer, canaryMeaning))
		p.add(told("diagnosis", "Diagnosis", diagnosis))
		p.add(told("states", "Sockets by state", standTable))
		p.add(charts)
		p.add(told("connections", "How they came there", standHow, failures))
	} else {
		p.answer(w.words(t, ending, answer, canaryMeaning))
		p.add(told("diagnosis", "Diagnosis", diagnosis))
		p.add(told("states", "Sockets by state", stateTable))
		p.add(told("connections", "Connections and TIME_WAIT", accounts, vanishing, failures, limits, latency, behind, loadTime, shards, command))
		p.add(charts)
		p.add(told("ports", "Ports", ports).with(pairTable(t)))
		p.add(told("close", "Close", closed))
		cost = append(cost, processorTimes, callCosts)
	}
	p.add(told("canaries", "Canaries", canaryTable))
	p.add(told("warnings", "Warnings", warnings))
	p.add(told("counters", "Counters", counters).with(otherCounters(t)))
	p.add(trialSettings(w, t))
	p.add(told("cost", "Bytes and processor", cost...))
	p.add(missedSection(w, t))
	p.add(told("hosts", "Two hosts", hostsRow))
	p.add(trialEnvironment(t))
	repeat := &pageSection{ID: "repeat", Title: "Repeat it"}
	repeat.code("Run it again:", clean(t.Command))
	repeat.again(opt)
	if path := clean(opt.RecordPath); path != "" && t.Status != record.Failed {
		repeat.code("The diagnosis with its evidence, and what helps:", "twomsl diagnose "+path)
	}
	p.add(repeat)
	return p
}

// answer puts what came out at the top.
func (p *page) answer(said []saying) {
	failure := &pageSection{ID: "failure", Title: "Failure"}
	for _, one := range said {
		if one.kind == aPara {
			p.Verdicts = append(p.Verdicts, newPageVerdict(strings.Join(one.chunks, " "), one.mood))
		} else {
			failure.say([]saying{one})
		}
	}
	p.add(failure)
}

// say adds what the terminal's screen says, in the shapes of a page.
func (s *pageSection) say(said []saying) {
	for _, one := range said {
		text := strings.Join(one.chunks, " ")
		switch one.kind {
		case aPara:
			s.Intro = append(s.Intro, text)
		case aRow:
			if one.label != "" || len(s.Pairs) == 0 {
				s.Pairs = append(s.Pairs, pagePair{Name: one.label})
			}
			s.line(text, one.mood)
		case aDoubt:
			s.line(text, one.mood)
		case aQuote:
			s.code(one.label, strings.Join(one.chunks, "\n"))
		case aTable:
			s.Tables = append(s.Tables, one.table.onPage())
		case aNote:
			s.Notes = append(s.Notes, newPageNote(one.note))
		}
	}
}

// line goes on with what the last name stands for.
func (s *pageSection) line(text string, mood style) {
	last := &s.Pairs[len(s.Pairs)-1]
	last.Lines = append(last.Lines, pageLine{strings.TrimSpace(text), pageMood(mood)})
}

// with folds a table away below all else.
func (s *pageSection) with(t pageTable) *pageSection {
	if len(t.Rows) > 0 {
		s.Folded = append(s.Folded, newPageFold(t))
	}
	return s
}

// onPage makes a page's table of a screen's: the lines of its head become one.
func (tb *table) onPage() pageTable {
	heads := make([]string, len(tb.heads[0]))
	for _, line := range tb.heads {
		above := ""
		for i, text := range line {
			if text != "" || i == 0 {
				above = text
			}
			heads[i] = strings.TrimSpace(heads[i] + " " + above)
		}
	}
	if heads[0] == "" {
		heads[0] = "state"
	}
	for i := range heads[1:] {
		heads[i+1] = "#" + heads[i+1]
	}
	remarks := strings.Join(tb.notes, "") != ""
	if remarks {
		heads = append(heads, "remark")
	}
	out := newPageTable("", heads...)
	out.Slim = true
	for i, row := range tb.rows {
		var cells []pageCell
		for _, text := range row {
			cells = append(cells, cell(text))
		}
		if remarks {
			cells = append(cells, cell(tb.notes[i]))
		}
		out.row(cells...)
	}
	return out
}

// mostPairs is how many address pairs a page lists.
const mostPairs = 200

// pairTable has the figures of each address pair, where there are several.
func pairTable(t *record.Trial) pageTable {
	n := len(t.Ports)
	if n < 2 {
		return pageTable{}
	}
	caption := "Each address pair"
	if n > mostPairs {
		caption = fmt.Sprintf("The first %d of %s", mostPairs, counted(int64(n), "address pair", "address pairs"))
	}
	out := newPageTable(caption, "address pair", "range", "#opened", "#taken at the peak", "#even", "#odd", "#first EADDRNOTAVAIL")
	for i := range t.Ports[:min(n, mostPairs)] {
		p := &t.Ports[i]
		first := "never"
		if p.FirstExhaustionSeconds != nil {
			first = seconds(*p.FirstExhaustionSeconds)
		}
		out.row(cell(clean(p.Source)+" -> "+endpoint(p)), cell(fmt.Sprintf("%d-%d", p.Range.Low, p.Range.High)), cell(count(p.Successes)),
			countCell(p.PeakInUse), countCell(p.PeakEven), countCell(p.PeakOdd), cell(first))
	}
	return out
}

// countCell is a count, or that there is none.
func countCell(n *int64) pageCell {
	if n == nil {
		return cell("not measured")
	}
	return cell(count(*n))
}

// otherCounters has all that moved beside those that are told with their meaning.
func otherCounters(t *record.Trial) pageTable {
	names := map[string]bool{}
	heads := []string{"counter"}
	for _, host := range hosts(t) {
		heads = append(heads, "#"+host)
		for name, n := range sideOf(t, host).Counters {
			names[name] = names[name] || n != 0
		}
	}
	for _, m := range meaningful {
		delete(names, m.name)
	}
	out := newPageTable("All others that moved", heads...)
	out.Slim = true
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if names[name] {
			row := []pageCell{cell(clean(name))}
			for _, host := range hosts(t) {
				row = append(row, cell(moved(sideOf(t, host).Counters, name)))
			}
			out.row(row...)
		}
	}
	return out
}

// missedSection tells what was not measured and stands nowhere else.
func missedSection(w *wording, t *record.Trial) *pageSection {
	s := &pageSection{ID: "missed", Title: "Not measured"}
	for _, one := range w.missed(t) {
		s.Pairs = append(s.Pairs, pagePair{Name: one.what, Text: one.why})
	}
	return s
}

func trialEnvironment(t *record.Trial) *pageSection {
	s := &pageSection{ID: "environment", Title: "Environment"}
	e := &t.Environment
	s.environment(e)
	if e.StealSeconds != nil {
		s.pair("taken by the hypervisor", seconds(*e.StealSeconds))
	}
	if len(s.Pairs) > 0 && !e.Root {
		s.pair("rights", "without root")
	}
	s.pair("twomsl", clean(t.Tool))
	s.pair("engine", joined(clean(t.Engine), workersOf(t, client), workersOf(t, server)))
	if placed := placement(t); placed != "" {
		s.pair("workers", placed)
	}
	if t.EngineWhy != "" {
		s.pair("engine chosen because", clean(t.EngineWhy))
	}
	s.pair("topology", joined(clean(t.Scenario.Topology), clean(t.Scenario.Family)))
	for _, side := range hosts(t) {
		s.pair("addresses of the "+side, clean(strings.Join(sideOf(t, side).Addresses, ", ")))
	}
	s.started(t.StartedAt)
	return s
}

func workersOf(t *record.Trial, side string) string {
	n := t.Workers.Client
	if side == server {
		n = t.Workers.Server
	}
	if n <= 0 {
		return ""
	}
	return counted(int64(n), "worker", "workers") + " on the " + side
}
