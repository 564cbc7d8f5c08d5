package trial

import "testing"

// What is counted outside is held against what both hosts' kernels tell, and adds up.
func TestCountCommand(t *testing.T) {
	type c = map[string]int64
	counters := func(active, fails, passive, embryonic int64) c {
		return c{"Tcp.ActiveOpens": active, "Tcp.AttemptFails": fails, "Tcp.PassiveOpens": passive, "TcpExt.EmbryonicRsts": embryonic}
	}
	for name, x := range map[string]struct {
		unwatched        bool
		attempted, known int64
		client, server   c
		want             commandCounts
	}{
		"all well":                       {false, 100, 0, counters(100, 0, 0, 0), counters(0, 0, 100, 0), commandCounts{attempted: 100}},
		"no port":                        {false, 150, 50, counters(100, 0, 0, 0), counters(0, 0, 100, 0), commandCounts{attempted: 150, failed: 50}},
		"refused at once":                {false, 10, 10, counters(10, 10, 0, 0), counters(0, 0, 0, 0), commandCounts{attempted: 10, failed: 10}},
		"refused later":                  {false, 10, 0, counters(10, 10, 0, 0), counters(0, 0, 0, 0), commandCounts{attempted: 10, failed: 10, later: 10}},
		"of each some":                   {false, 30, 15, counters(25, 15, 0, 0), counters(0, 0, 10, 0), commandCounts{attempted: 30, failed: 20, later: 5}},
		"to itself":                      {false, 10, 0, counters(10, 0, 4, 0), counters(0, 0, 6, 0), commandCounts{attempted: 10}},
		"given up":                       {false, 10, 0, counters(10, 0, 0, 0), counters(0, 0, 7, 0), commandCounts{attempted: 10, failed: 3, givenUp: 3}},
		"reset as a listener":            {false, 10, 0, counters(10, 2, 10, 2), counters(0, 0, 0, 0), commandCounts{attempted: 10}},
		"the server opens, too":          {false, 10, 0, counters(10, 0, 0, 0), counters(5, 0, 15, 0), commandCounts{attempted: 10}},
		"past the watch":                 {false, 10, 0, counters(12, 1, 0, 0), counters(0, 0, 11, 0), commandCounts{attempted: 12, failed: 1, hidden: 2, later: 1}},
		"elsewhere":                      {false, 10, 2, counters(5, 0, 0, 0), counters(0, 0, 5, 0), commandCounts{attempted: 10, failed: 2, elsewhere: 3}},
		"not watched":                    {true, 0, 0, counters(100, 3, 0, 0), counters(0, 0, 97, 0), commandCounts{attempted: 100, failed: 3, later: 3}},
		"the server told nothing":        {false, 10, 0, counters(10, 0, 0, 0), nil, commandCounts{attempted: 10}},
		"a killed call":                  {false, 1, 0, counters(0, 0, 0, 0), counters(0, 0, 0, 0), commandCounts{attempted: 1, elsewhere: 1}},
		"more passive than there can be": {false, 10, 0, counters(10, 0, 0, 0), counters(0, 0, 20, 0), commandCounts{attempted: 10}},
	} {
		if got := countCommand(!x.unwatched, x.attempted, x.known, x.client, x.server); got != x.want {
			t.Errorf("%s: %+v, not %+v", name, got, x.want)
		}
	}
}
