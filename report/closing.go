package report

import (
	"strings"

	"twomsl/internal/record"
)

// closing tells how connections were taken down and whether the kernel showed what that declares. Records from before
// there were ways to close name none.
func closing(w *wording, t *record.Trial) {
	k := &t.Close
	if k.How == "" || t.Stand != nil && k.Agrees == nil {
		return
	}
	if t.Relay != nil {
		relayClosing(w, t)
		return
	}
	how := strings.TrimSpace(clean(k.Side)+" by "+clean(k.How)) + ":"
	switch {
	case k.Agrees != nil && !*k.Agrees:
		w.styledRow(red, "close", how, "not as declared")
		for _, c := range k.Contradictions {
			w.doubt(sentence(clean(c)))
		}
	case k.Agrees != nil:
		w.row("close", how, "as declared")
	case k.NotJudged != "":
		w.row("close", words(how+" not judged: "+clean(k.NotJudged))...)
	default:
		w.row("close", how, "not judged")
	}
}

// contradiction is the close's part in the answer: the rest of the screen rests on a strategy that did something else.
func contradiction(w *wording, t *record.Trial) {
	k := &t.Close
	if k.Agrees == nil || *k.Agrees {
		return
	}
	text := "The kernel contradicts what is declared for " + clean(k.How)
	if n := len(k.Contradictions); n > 0 {
		text += ": " + counted(int64(n), "contradiction", "contradictions") + " below"
	}
	w.para(red, text+".")
}

// loss is the answer's word on bytes that one application wrote and the other never read.
func loss(w *wording, t *record.Trial) {
	n := valueOr(t.Bytes.Lost, 0)
	if n == 0 {
		return
	}
	text := count(n) + " of " + counted(t.Bytes.Written, "byte", "bytes") + " were written and never read"
	if c := t.Bytes.ByConnection; c != nil && c.WithLoss > 0 {
		text += ", in " + count(c.WithLoss) + " of " + counted(c.Metered, "connection", "connections")
	}
	w.para(yellow, text+".")
}

// restart tells whether a second server could listen over what the first left behind.
func restart(w *wording, t *record.Trial) {
	if t.Restart == nil {
		return
	}
	if errno := clean(t.Restart.Errno); errno != "" {
		w.styledRow(yellow, "listen again", "a new server could not listen here again: "+errno)
		return
	}
	if n := valueOr(endTimeWait(&t.Sides.Server), 0); n > 0 {
		w.row("listen again", "a new server could listen here at once, over "+count(n)+" TIME_WAIT")
	}
}

// limiters puts the words of Rate.LimitedBy into a sentence; one that is not here speaks for itself.
var limiters = map[string]string{
	"schedule": "the schedule", "generator": "the generator", "kernel": "the kernel", "server": "the server",
	"ports": "the ports", "link": "the link",
}

// limited tells what kept the rate from being higher.
func limited(w *wording, t *record.Trial) {
	by, why := clean(t.Rate.LimitedBy), clean(t.Rate.LimitedWhy)
	if by == "" {
		return
	}
	if long := limiters[by]; long != "" {
		by = long
	}
	if why != "" {
		by += ": " + why
	}
	w.row("limited by", words(by)...)
}

// hiddenRetries tells of the calls that the engine's library made beyond those that it was asked for.
func hiddenRetries(w *wording, t *record.Trial) {
	if n := valueOr(t.Connections.HiddenRetries, 0); n > 0 {
		w.row("", words(hidden(n))...)
	}
}

// bytesLine tells what was written and read, and of what was lost which way it went and how many connections it hit.
func bytesLine(w *wording, t *record.Trial) {
	b := &t.Bytes
	if b.Written == 0 && b.Read == 0 && valueOr(b.Lost, 0) == 0 {
		return
	}
	chunks := []string{size(float64(b.Written)) + " written,", size(float64(b.Read)) + " read,"}
	if t.Scenario.ServerCommand != "" {
		chunks = []string{size(float64(b.Written)) + " written", "and", size(float64(b.Read)) + " read by the client,"}
	}
	switch {
	case b.Lost == nil:
		w.row("bytes", append(chunks, "lost "+w.missing(t, "bytes.lost", "bytes_lost"))...)
	case *b.Lost == 0:
		w.row("bytes", append(chunks, "none lost")...)
	default:
		w.styledRow(yellow, "bytes", append(chunks, lost(b)...)...)
	}
}

func lost(b *record.Bytes) []string {
	var ways []string
	way := func(d *record.Direction, to string) {
		if d != nil && d.Lost > 0 {
			ways = append(ways, count(d.Lost)+nbsp+"of "+counted(d.Written, "byte", "bytes")+" to the "+to)
		}
	}
	way(b.ToServer, server)
	way(b.ToClient, client)
	text := count(*b.Lost) + nbsp + "bytes lost"
	if len(ways) > 0 {
		text = enumerate(ways) + " lost"
	}
	c := b.ByConnection
	if c == nil || c.WithLoss == 0 {
		return []string{text}
	}
	hit := "in " + count(c.WithLoss) + " of " + counted(c.Metered, "connection", "connections")
	if c.WithLoss > 1 {
		hit += ", the worst " + count(c.MostLost)
	}
	chunks := []string{text + ",", hit}
	if n := c.Unmatched + c.NotMetered; n > 0 {
		chunks = append(chunks, "("+count(n)+" more could not be told apart)")
	}
	return chunks
}
