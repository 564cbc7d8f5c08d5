package report

import (
	"strings"

	"twomsl/internal/record"
)

// lots are the groups of sockets that charts tell apart: those of either side, and of a relay those of each of its sides.
func lots(list []course) []string {
	if opener(list) == relayServer {
		return []string{client, relayClient, relayServer, server}
	}
	return sides
}

// opener is who opens the connections whose ports are shown: the client, or a relay, where there is one.
func opener(list []course) string {
	for _, v := range list {
		if v.Relayed {
			return relayServer
		}
	}
	return client
}

// timeWaitAt is how many TIME_WAIT a lot had at a moment.
func timeWaitAt(p *record.CurvePoint, lot string) *int64 {
	switch lot {
	case client:
		return p.ClientTimeWait
	case relayClient:
		return p.Relay.Client
	case relayServer:
		return p.Relay.Server
	}
	return p.ServerTimeWait
}

// plateauAt is where a lot's TIME_WAIT levelled off; nil where they did not.
func plateauAt(t *record.Trial, lot string) *int64 {
	if lot == relayClient || lot == relayServer {
		return faceOf(t, lot).TimeWait.Plateau
	}
	return sideOf(t, lot).TimeWait.Plateau
}

const timeWaitPrefix = "TIME_WAIT on the "

// timeWaitOn is the title of a lot's panel, and lotOf the way back.
func timeWaitOn(lot string) string { return timeWaitPrefix + spelled(lot) }

func lotOf(title string) string {
	for _, lot := range append(faces, sides...) {
		if timeWaitOn(lot) == title {
			return lot
		}
	}
	return server
}

// spelled writes a lot out for a sentence.
func spelled(lot string) string {
	host, towards, isFace := strings.Cut(lot, " to ")
	if !isFace {
		return lot
	}
	return host + ", towards the " + towards
}

func heldNone(lot, what string) string {
	host, towards, isFace := strings.Cut(lot, " to ")
	if !isFace {
		return "The " + lot + " held " + what + "."
	}
	return "The " + host + " held " + what + " towards the " + towards + "."
}

// hostOf is the host that a lot is on.
func hostOf(lot string) string {
	host, _, _ := strings.Cut(lot, " to ")
	return host
}

// worthPorts tells whether enough ports were in use to be worth a chart.
func worthPorts(t *record.Trial) bool {
	if t.Relay != nil {
		t = asOpener(t)
	}
	return len(portSeries(t)) > 0
}

// worthPanel tells whether a lot has enough sockets for a panel of its own: with a relay there are four, and where two hold
// next to nothing the others need the room.
func worthPanel(list []course, top map[string]float64, lot string) bool {
	all := lots(list)
	if len(all) == len(sides) {
		return true
	}
	most := 0.0
	for _, one := range all {
		most = max(most, top[one])
	}
	return top[lot] > most/20
}
