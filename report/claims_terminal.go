package report

import (
	"bytes"
	"strings"

	"twomsl/internal/record"
)

// mostDetailed is how many claims are told with their evidence on the screen; more are told in the page and in Markdown.
const mostDetailed = 8

// writeClaimsTerminal draws the screen of `twomsl claims`: how many came to what, the table, what was shortened.
func writeClaimsTerminal(b *bytes.Buffer, c *record.Claims, opt Options) error {
	s := newScreen(b, opt)
	name, title := "claims", "what the guides say, put to this kernel"
	if c.Recipe != "" {
		title = clean(c.Recipe) + ", line by line, on this kernel"
	}
	heading(s, name, title, kernel(&c.Environment))
	s.section()
	if text := claimsEnding(c); text != "" {
		s.para(yellow, text)
	}
	text, mood := claimsAnswer(c)
	s.para(mood, text)
	s.para(plain, claimsRan(c))
	if c.Recipe != "" {
		s.section()
		drawLines(s, c)
	}
	detailed := len(c.Claims) <= mostDetailed
	for _, g := range claimGroups(c) {
		s.section()
		drawClaims(s, g, detailed)
	}
	if short := shortenedWords(c); len(short) > 0 {
		s.section()
		s.para(plain, "Shortened in the lab, so that nobody waits:")
		for _, text := range short {
			s.hang(plain, strings.Repeat(" ", 2*indent), words(text)...)
		}
	}
	s.section()
	if engines := claimedEngines(c); engines != "" {
		s.row("engine", words(engines)...)
	}
	machine(s, &c.Environment)
	if len(c.Claims) > mostDetailed {
		s.row("evidence", "of", "each", "claim,", "and", "its", "mechanism:", "-o html=FILE,", "-o markdown,", "or", "name", "the", "claims")
	}
	found(s, opt)
	repeat(s, "repeat", c.Command)
	return nil
}

// claimColumns are the widths of a group's columns: ID, claim, verdict, what was measured.
func claimColumns(width int, g claimGroup) [4]int {
	const heads, most = 14, 27 // "on this kernel"
	id, verdict := 1, heads
	room := mostID
	if width < 100 {
		room = narrowID
	}
	for _, c := range g.claims {
		for _, l := range wrapID(clean(c.ID), room) {
			id = max(id, columns(l))
		}
		verdict = max(verdict, columns(claimVerdict(c)))
	}
	verdict = min(verdict, most)
	if width < 80 {
		verdict = heads
	}
	rest := width - indent - id - verdict - 3*narrowGutter
	claim := rest / 2
	return [4]int{id, claim, verdict, rest - claim}
}

// How wide the names of causes may stand.
const mostID, narrowID = 24, 12

// wrapID breaks a name after its hyphens.
func wrapID(id string, width int) (lines []string) {
	line := ""
	for _, part := range strings.SplitAfter(id, "-") {
		if line != "" && columns(line)+columns(part) > width {
			lines, line = append(lines, line), ""
		}
		for line += part; columns(line) > width; {
			var head string
			head, line = cut(line, width)
			lines = append(lines, head)
		}
	}
	return append(lines, line)
}

func drawClaims(s *screen, g claimGroup, detailed bool) {
	widths := claimColumns(s.width, g)
	head := "claim"
	if len(g.claims) > 0 && columns(clean(g.claims[0].ID)) > 4 {
		head = "claim: " + clean(g.source)
	}
	drawRow(s, widths, faint, [4]string{"#", head, "on this kernel", "measured"})
	for _, c := range g.claims {
		_, mood := claimMark(c.Verdict)
		drawRow(s, widths, mood, [4]string{clean(c.ID), clean(c.Claim), claimVerdict(c), claimFigure(c.Figure, c.Unit)})
		if !detailed {
			continue
		}
		lead := strings.Repeat(" ", 2*indent+2)
		for _, e := range c.Evidence {
			s.hang(plain, lead+"- ", words(clean(e))...)
		}
		s.hang(faint, lead, words(clean(c.Why))...)
		if c.Account != "" {
			s.hang(faint, lead, words("V. Bernat's account "+sentence2(clean(c.Account)))...)
		}
	}
}

// drawRow sets four cells side by side, each wrapped in its column; the mood is the verdict's, or the whole head's.
func drawRow(s *screen, widths [4]int, mood style, cells [4]string) {
	var lines [4][]string
	height := 0
	for i, text := range cells {
		if lines[i] = wrap(words(text), widths[i]); i == 0 {
			lines[i] = wrapID(text, widths[i])
		}
		height = max(height, len(lines[i]))
	}
	for n := range height {
		line := strings.Repeat(" ", indent)
		for i := range cells {
			text := ""
			if n < len(lines[i]) {
				text = lines[i][n]
			}
			gap := strings.Repeat(" ", max(0, widths[i]-columns(text))+narrowGutter)
			if i == 2 || mood == faint {
				text = s.paint(mood, text)
			}
			line += text + gap
		}
		s.line(line)
	}
}

// drawLines is a recipe's table: each line with its verdict on either side, and below it why.
func drawLines(s *screen, c *record.Claims) {
	lines := claimedLines(c)
	first, mark := len("line"), len("helps, at a price")
	for _, l := range lines {
		first = max(first, columns(l.words()))
	}
	first = min(first, s.width-indent-2*(mark+narrowGutter))
	row := func(text string, a, b string, moodText, moodA, moodB style) {
		line := strings.Repeat(" ", indent) + s.paint(moodText, text) + strings.Repeat(" ", max(0, first-columns(text))+narrowGutter)
		s.line(line + s.paint(moodA, a) + strings.Repeat(" ", mark-columns(a)+narrowGutter) + s.paint(moodB, b))
	}
	row("line", client, server, faint, faint, faint)
	for _, l := range lines {
		a, moodA := claimedMark(l.on(client))
		b, moodB := claimedMark(l.on(server))
		text := l.words()
		if columns(text) > first {
			s.hang(plain, strings.Repeat(" ", indent), words(text)...)
			text = ""
		}
		row(text, a, b, plain, moodA, moodB)
		for _, one := range l.sides {
			lead := strings.Repeat(" ", 2*indent+2)
			if one.Side != "both" {
				lead += one.Side + "  "
			}
			s.hang(plain, lead, words(lineWords(one))...)
		}
	}
}

// sentence2 ends in a full stop, and begins as it did.
func sentence2(text string) string {
	if text == "" || strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}
