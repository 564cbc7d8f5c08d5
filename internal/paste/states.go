package paste

import (
	"strings"

	"twomsl/internal/record"
)

// spellings are names of states beside those that record.ParseState reads: BSD's, Solaris's, Windows's.
var spellings = map[string]record.State{
	"SYNRCVD": record.SynRecv, "NEWSYNRECV": record.SynRecv, "LISTENING": record.Listen, "FINWAIT": record.FinWait1,
}

// noState are words that stand in the column of states for sockets in no state of a connection's life.
var noState = map[string]bool{"UNKNOWN": true, "BOUND": true, "BOUNDINACTIVE": true, "IDLE": true, "NONE": true}

// stateOf reads a state in any spelling. The second result is false for a word that is none; CLOSED stands for those that
// are no connection.
func stateOf(word string) (record.State, bool) {
	if s, ok := record.ParseState(word); ok {
		return s, true
	}
	w := strings.NewReplacer("_", "", "-", "").Replace(strings.ToUpper(word))
	if s, ok := spellings[w]; ok {
		return s, true
	}
	if noState[w] {
		return record.Closed, true
	}
	return "", false
}

// hexStates are the numbers in the column st of /proc/net/tcp (include/net/tcp_states.h).
var hexStates = map[string]record.State{
	"01": record.Established, "02": record.SynSent, "03": record.SynRecv, "04": record.FinWait1, "05": record.FinWait2,
	"06": record.TimeWait, "07": record.Closed, "08": record.CloseWait, "09": record.LastAck, "0A": record.Listen,
	"0B": record.Closing, "0C": record.SynRecv, "0D": record.Closed, // TCP_NEW_SYN_RECV, TCP_BOUND_INACTIVE
}

// nearState is a state that a misspelt word may mean, as netstat writes it; "" where none is near.
func nearState(word string) string {
	word = strings.NewReplacer("_", "", "-", "").Replace(strings.ToUpper(word))
	best, least := "", 3
	for _, s := range record.States {
		name := s.Netstat()
		if d := distance(word, strings.ReplaceAll(name, "_", "")); d < least {
			best, least = name, d
		}
	}
	return best
}

// distance is Levenshtein's, of words that are no longer than names of states.
func distance(a, b string) int {
	if len(a) > 20 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
