package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// healthyWithout is how many rules may lack their evidence for healthy to be likely; where more do, too little was seen.
const healthyWithout = 2

// unusual are states that few sockets are in at any look, with what more of them mean.
var unusual = []struct {
	state   record.State
	meaning string
}{
	{record.SynSent, "peers that have not answered this host's SYN yet"},
	{record.SynRecv, "clients whose last ACK has not come yet"},
	{record.FinWait1, "FINs of this host that nobody has acknowledged yet"},
	{record.Closing, "both have closed, and this host's FIN is not acknowledged"},
	{record.LastAck, "peers that have not acknowledged this host's last FIN"},
	{record.CloseWait, "peers have closed, the program here has not yet"},
	{record.FinWait2, "peers that have not closed yet"},
}

// worthAWord is from how many sockets on in such a state a healthy host is told of them.
const worthAWord = 10

// healthy is what is left when no rule has found anything.
func healthy(s *sight, near []string) record.DiagnosedCause {
	c := record.DiagnosedCause{
		ID: record.Healthy, Confidence: record.Likely, Scenario: "incident-18000", Evidence: []string{}, Remedy: []record.Remedy{},
	}
	unexplained := s.unexplained()
	switch {
	case unexplained != "" || s.unseen > healthyWithout || s.h.States == nil:
		c.Confidence = record.Possible
	case s.unseen == 0 && s.thrownAway() == "" && s.h.Errors != nil && s.standing() == "":
		c.Confidence = record.Certain
	}
	c.Says = s.healthySays(unexplained, near)
	if len(near) > 1 { // the first is told already
		c.Evidence = append(c.Evidence, near[1:]...)
	}
	c.Evidence = append(c.Evidence, some(unexplained, s.timeWaitFigures(), s.standing())...)
	if n, _ := s.moved("TcpExt.TCPTimeWaitOverflow"); n > 0 {
		c.Evidence = append(c.Evidence, count(n)+" connections closed without TIME_WAIT: tcp_max_tw_buckets = "+
			or(s.setting("net.ipv4.tcp_max_tw_buckets"), "not read")+" was reached")
	}
	for _, r := range s.nearly {
		c.Remedy, c.Scenario = r.remedy(s), r.scenario
	}
	return c
}

func (s *sight) healthySays(unexplained string, near []string) string {
	held := s.peak(record.TimeWait)
	switch {
	case s.h.States == nil && s.h.Counters == nil:
		return "Nothing can be said: neither sockets nor counters were seen"
	case unexplained != "":
		return "None of the causes that are looked for is there, but something fails"
	case s.unseen > healthyWithout:
		return fmt.Sprintf("Nothing wrong can be seen, but only %s of %s causes could be looked for%s", count(int64(len(rules)-s.unseen)),
			count(int64(len(rules))), s.andTimeWait(held))
	case len(near) > 0:
		return "Nothing fails yet, and a limit is near: " + near[0]
	case s.thrownAway() != "":
		return "None of the causes that are looked for is there; but " + s.thrownAway()
	}
	return "Nothing is wrong" + strings.Replace(s.andTimeWait(held), "; ", ": ", 1)
}

// andTimeWait puts the TIME_WAIT, that people come with, into figures.
func (s *sight) andTimeWait(held int64) string {
	if held == 0 {
		return ""
	}
	text, are, stand := "; "+count(held)+" TIME_WAIT ", "are ", "stand "
	if held == 1 {
		are, stand = "is ", "stands "
	}
	if each := s.h.TimeWaitBytesEach; each != nil {
		text += are + size(held**each) + " of memory"
	} else {
		text += stand + "(how much memory each takes was not read)"
	}
	switch {
	case s.fullest() != "" && (s.timeWaitOut > 0 || s.timeWaitIn == 0):
		return text + " and " + s.fullest()
	case s.timeWaitOut == 0 && s.timeWaitIn > 0:
		return text + " and take no port here: they are of connections made to this host"
	}
	return text + "; whether they take ports here, the listing of the sockets tells (ss -tan)"
}

// timeWaitFigures says whose they are.
func (s *sight) timeWaitFigures() string {
	if s.timeWaitIn+s.timeWaitOut == 0 {
		return ""
	}
	return fmt.Sprintf("TIME_WAIT at the last look: %s of connections made to this host, %s of those it made", count(s.timeWaitIn), count(s.timeWaitOut))
}

// standing names what stands in states that are passed quickly on most hosts.
func (s *sight) standing() string {
	var parts []string
	for _, u := range unusual {
		if n := s.h.States[u.state]; n >= worthAWord {
			parts = append(parts, fmt.Sprintf("%s %s (%s)", count(n), u.state.Netstat(), u.meaning))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "also stand, and break nothing that can be seen: " + strings.Join(parts, ", ")
}

// manyThrown is the share of the connections that came or were made, from which on resets by this host's own closes are worth
// a word; some programs close idle connections so, and lose nothing.
const manyThrown = 0.01

// thrownAway says that programs here end connections by reset, which loses what is still on its way; "" where few do.
func (s *sight) thrownAway() string {
	unsent, _ := s.moved("TcpExt.TCPAbortOnData")
	unread, _ := s.moved("TcpExt.TCPAbortOnClose")
	passive, _ := s.moved("Tcp.PassiveOpens")
	active, _ := s.moved("Tcp.ActiveOpens")
	if n := unsent + unread; n < worthAWord || float64(n) < manyThrown*float64(passive+active) {
		return ""
	}
	return fmt.Sprintf("%s closes here were resets (%s with SO_LINGER 0 or data unsent, %s with data unread): what was on its way is lost",
		count(unsent+unread), count(unsent), count(unread))
}

// unexplained are failures that none of the rules speaks of; "" where there are none.
func (s *sight) unexplained() string {
	var parts []string
	for _, o := range s.h.Errors {
		if o.Count > 0 && o.Cause != string(record.OK) && !(o.Phase == "close" && o.Cause == string(record.Reset)) {
			parts = append(parts, fmt.Sprintf("%s %s at %s", count(o.Count), or(o.Errno, o.Cause), or(o.Phase, "an unknown call")))
		}
	}
	for _, c := range s.h.Canaries {
		if c.Answered < c.Calls {
			parts = append(parts, s.canary(c.Name, c.From))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "failed, and not explained by any of these causes: " + strings.Join(slices.Compact(parts), ", ")
}
