package report

import (
	"strings"
	"testing"

	"twomsl/internal/record"
)

// told holds a screen to what it says and to what it keeps quiet about.
type told struct {
	change     func(*record.Trial)
	says, mute string
}

func tells(t *testing.T, of func() *record.Trial, cases map[string]told) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := of()
			if tc.change != nil {
				tc.change(tr)
			}
			for _, w := range widths {
				out := render(t, "terminal", tr, options(tr, w))
				fits(t, name, out, w)
				if !strings.Contains(flat(out), tc.says) {
					t.Errorf("at %d the screen lacks %q:\n%s", w, tc.says, out)
				}
				if tc.mute != "" && strings.Contains(flat(out), tc.mute) {
					t.Errorf("at %d the screen has %q:\n%s", w, tc.mute, out)
				}
			}
		})
	}
}

func TestCloseIsTold(t *testing.T) {
	tells(t, lossy, map[string]told{
		"as declared": {says: "close server by linger=0: as declared load", mute: "contradict"},
		"not judged": {
			change: func(tr *record.Trial) { tr.Close.Agrees, tr.Close.NotJudged = nil, "the server was gone" },
			says:   "close server by linger=0: not judged: the server was gone", mute: "as declared",
		},
		"no reason": {
			change: func(tr *record.Trial) { tr.Close.Agrees = nil },
			says:   "close server by linger=0: not judged load", mute: "as declared",
		},
		"contradicted": {
			change: func(tr *record.Trial) { tr.Close.Agrees, tr.Close.Contradictions = ptr(false), []string{"seen 3"} },
			says:   "close server by linger=0: not as declared ! Seen 3. load", mute: ": as declared",
		},
		"contradicted, at the top": {
			change: func(tr *record.Trial) { tr.Close.Agrees, tr.Close.Contradictions = ptr(false), []string{"seen 3"} },
			says:   "The kernel contradicts what is declared for linger=0: 1 contradiction below. Neither side holds",
		},
		"an old record": {
			change: func(tr *record.Trial) { tr.Close = record.Close{} },
			says:   "never read", mute: "close server",
		},
	})
}

func TestLossIsTold(t *testing.T) {
	tells(t, lossy, map[string]told{
		"one way":       {says: "291 kB read, 1,021,120 of 1,310,720 bytes to the client lost, in 18 of 20 connections, the worst 61,440"},
		"in the answer": {says: "1,021,120 of 1,312,000 bytes were written and never read, in 18 of 20 connections."},
		"both ways": {
			change: func(tr *record.Trial) { tr.Bytes.ToServer.Lost = 7 },
			says:   "7 of 1,280 bytes to the server and 1,021,120 of 1,310,720 bytes to the client lost, in 18",
		},
		"one connection": {
			change: func(tr *record.Trial) { tr.Bytes.ByConnection.WithLoss = 1 },
			says:   "lost, in 1 of 20 connections processor", mute: "the worst",
		},
		"not told apart": {
			change: func(tr *record.Trial) { tr.Bytes.ByConnection.NotMetered, tr.Bytes.ByConnection.Unmatched = 4, 1 },
			says:   "the worst 61,440 (5 more could not be told apart)",
		},
		"no directions": {
			change: func(tr *record.Trial) { tr.Bytes.ToServer, tr.Bytes.ToClient, tr.Bytes.ByConnection = nil, nil, nil },
			says:   "291 kB read, 1,021,120 bytes lost processor", mute: " in 18 of",
		},
		"none": {
			change: func(tr *record.Trial) { tr.Bytes = record.Bytes{Written: 5_000, Read: 5_000, Lost: ptr(int64(0))} },
			says:   "bytes 5.0 kB written, 5.0 kB read, none lost", mute: "never read",
		},
	})
}

func TestRestartIsTold(t *testing.T) {
	tells(t, incident, map[string]told{
		"not tried": {says: "load", mute: "listen"},
		"could, over TIME_WAIT": {
			change: func(tr *record.Trial) { tr.Restart = &record.Restart{} },
			says:   "listen again a new server could listen here at once, over 18,122 TIME_WAIT",
		},
		"could, over nothing": {
			change: func(tr *record.Trial) {
				tr.Restart = &record.Restart{}
				tr.Sides.Server.States.End = record.Counts{}
			},
			says: "load", mute: "listen",
		},
		"could not": {
			change: func(tr *record.Trial) { tr.Restart = &record.Restart{Errno: "EADDRINUSE"} },
			says:   "listen again a new server could not listen here again: EADDRINUSE", mute: "at once",
		},
	})
}

func TestRateAndRetriesAreTold(t *testing.T) {
	tells(t, incident, map[string]told{
		"nobody can tell": {says: "14,200/s of max load", mute: "limited"},
		"by the kernel": {
			change: func(tr *record.Trial) { tr.Rate.LimitedBy, tr.Rate.LimitedWhy = "kernel", "softirq was busy" },
			says:   "14,200/s of max limited by the kernel: softirq was busy load",
		},
		"by what is not known here": {
			change: func(tr *record.Trial) { tr.Rate.LimitedBy = "the moon" },
			says:   "limited by the moon load",
		},
		"retries": {
			change: func(tr *record.Trial) { tr.Connections.HiddenRetries = ptr(int64(100)) },
			says:   "the standard library called connect() 100 times more than it was asked to",
		},
		"one retry": {
			change: func(tr *record.Trial) { tr.Connections.HiddenRetries = ptr(int64(1)) },
			says:   "called connect() 1 time more",
		},
		"no retry": {
			change: func(tr *record.Trial) { tr.Connections.HiddenRetries = ptr(int64(0)) },
			says:   "load", mute: "standard library",
		},
	})
}

func TestStandIsTold(t *testing.T) {
	exact := func(tr *record.Trial) {
		tr.Stand.Least[record.SynRecv], tr.Stand.WorstDeviation = 348, 0
	}
	tells(t, stateMix, map[string]told{
		"exact": {
			change: exact, says: "19,902 sockets in 6 states stood as asked, to the last one, at each of 80 looks over 20.0 s.",
			mute: "off by",
		},
		"off": {says: "SYN_RECV 348 348 346 to 348 off by 2 at the worst", mute: "stood as asked, to the last"},
		"off by what only the record's sum tells": {
			change: func(tr *record.Trial) { exact(tr); tr.Stand.WorstDeviation = 9 },
			says:   "at the worst of 80 looks over 20.0 s a state was off by 9.",
		},
		"not asked for": {
			change: func(tr *record.Trial) { tr.Stand.Most[record.LastAck] = 4 },
			says:   "LAST_ACK 0 0 0 to 4 not asked for",
		},
		"not measured": {
			change: func(tr *record.Trial) {
				tr.Stand = &record.Stand{Asked: tr.Stand.Asked}
				tr.Environment.Unmeasured["stand"] = "the server was gone"
			},
			says: "Asked for were 19,902 sockets in 6 states; what stood was not measured: the server was gone.", mute: "exact",
		},
		"no load's figures": {says: "connections 19,900 opened", mute: "connect()"},
		"no close":          {says: "held for 20.0 s, 80 looks machine", mute: "close "},
	})
}

// Every word that the record may have for what limits the rate, and every cause, has a sentence or speaks for itself.
func TestEveryCauseHasAMeaning(t *testing.T) {
	for _, c := range record.Causes {
		if c != record.OK && c != record.Other && meaning[c] == "" {
			t.Errorf("%s has no meaning", c)
		}
	}
}

// A server whose sockets were asked to stand is what -o states tells of, even where the other ends hold more.
func TestStatesOfAStand(t *testing.T) {
	if got := render(t, "states", stateMix(), Options{}); !strings.HasPrefix(got, "SYN_RECV 348\n") {
		t.Errorf("got %q", got)
	}
	if got := render(t, "states", stateMix(), Options{Side: client}); got != "TIME_WAIT 19000\n" {
		t.Errorf("the client's: got %q", got)
	}
}
