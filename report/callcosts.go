package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"twomsl/internal/record"
)

// callNames are the system calls in words, where the record's name is not the call's.
var callNames = map[string]string{"option": "setsockopt", "watch": "epoll_ctl"}

// leastShare is what a call must take of a side's time to be named.
const leastShare = 0.005

// callCosts tells where either side's time goes: by system call, the dearest first.
func callCosts(w *wording, t *record.Trial) {
	label := "time by call"
	var told []record.CallCost
	for _, side := range sides {
		of := costsOf(t, side)
		if len(of) == 0 {
			continue
		}
		var each, rest float64
		var parts []string
		for _, c := range of {
			each += c.PerConnectionUS
			if c.Share < leastShare {
				rest += c.Share
				continue
			}
			parts = append(parts, callName(c.Call)+nbsp+share(c.Share, 1))
		}
		if rest > 0 {
			parts = append(parts, "others"+nbsp+share(rest, 1))
		}
		w.row(label, append([]string{side + nbsp + micros(each) + " a connection:"}, dotted(parts)...)...)
		label, told = "", append(told, of...)
	}
	if len(told) > 0 {
		w.row("", words(howTimed(t, told))...)
	}
}

// costsOf are a side's, the dearest first.
func costsOf(t *record.Trial, side string) (out []record.CallCost) {
	for _, c := range t.CallCosts {
		if c.Side == side {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b record.CallCost) int {
		switch {
		case a.Share > b.Share:
			return -1
		case a.Share < b.Share:
			return 1
		}
		return 0
	})
	return out
}

func callName(call string) string {
	if name := callNames[call]; name != "" {
		return name
	}
	return clean(call)
}

// howTimed says what the figures are. The kernel handles what a call sends over loopback or veth in the caller's own time
// (__dev_queue_xmit, netif_rx, do_softirq), so that the far end's part of a handshake is in the near end's connect().
func howTimed(t *record.Trial, told []record.CallCost) string {
	least, most := int64(math.MaxInt64), int64(0)
	for _, c := range told {
		least, most = min(least, c.OneIn), max(most, c.OneIn)
	}
	on := fmt.Sprintf("1 connection in %d", most)
	if least != most {
		on = fmt.Sprintf("1 connection in %d to %d", least, most)
	}
	text := "the time in system calls, by the clock, on " + on
	if strings.HasSuffix(t.Engine, "/blocking") {
		text += "; a call that waits for the other side counts its wait"
	}
	return text + "; on one machine a call also runs what its packets start at the other end, so connect() has the server's part of the " +
		"handshake"
}
