package report

import (
	"bytes"
	"fmt"

	"twomsl/internal/record"
)

func init() { register("states", writeStates) }

// writeStates prints what `netstat -nt | awk '{n[$6]++} END {for (s in n) print s, n[s]}'` would have printed on one
// side at the end of the hold: netstat's names, one space, bare counts, in the order of a connection's life. States
// without a socket have no line, as there, and neither have listeners.
func writeStates(b *bytes.Buffer, t *record.Trial, opt Options) error {
	side := opt.Side
	switch side {
	case "":
		side = holder(t)
		if t.Relay != nil && valueOr(endTimeWait(relaySide(t)), 0) > valueOr(endTimeWait(sideOf(t, side)), 0) {
			side = relay
		}
		if t.Stand != nil {
			side = server // the sockets stand there, whatever their other ends do
		}
	case client, server:
	case relay:
		if t.Relay == nil {
			return fmt.Errorf("the trial had no relay: its sides are client and server")
		}
	default:
		return fmt.Errorf("side %q is none of client, server and relay", side)
	}
	end := sideOf(t, side).States.End
	if end == nil {
		path := "sides." + side + ".states.end"
		return fmt.Errorf("the %s's states at the end were %s", side, notMeasured(t, path, ""))
	}
	for _, s := range record.States {
		if n := end[s]; n != 0 && s != record.Listen {
			fmt.Fprintf(b, "%s %d\n", s.Netstat(), n)
		}
	}
	return nil
}
