package report

import (
	"maps"

	"twomsl/internal/record"
)

func reproductions() []*record.Reproduction {
	return []*record.Reproduction{squidRebuilt(), scaledRebuilt(), cutOffRebuilt()}
}

// heldBy are the words that a trial has for how each state is held.
var heldBy = map[record.State]string{
	record.Listen: "it listens", record.SynRecv: "the client's last ACK is withheld", record.Established: "nobody closes",
	record.FinWait1: "the server's FIN is withheld", record.FinWait2: "the server closed, the client does not",
	record.Closing: "both closed, the server's FIN is withheld", record.TimeWait: "the server closed first",
	record.LastAck: "the client closed first, the server's FIN is withheld",
}

// standingTrial is the trial of a mix that stood as asked at each of 290 looks, but for the state that came short.
func standingTrial(name string, asked record.Counts) *record.Trial {
	t := stateMix()
	t.ID = name + "-20261121-101500-ab12"
	t.Scenario.Name, t.Scenario.Title = name, "the table of states, rebuilt"
	st := &record.Stand{
		Asked: maps.Clone(asked), Looks: 290, HeldSeconds: 30, Reached: ptr(1.4), How: heldBy,
		Standing: maps.Clone(asked), Least: maps.Clone(asked), Most: maps.Clone(asked),
	}
	st.Standing[record.Listen] = 1
	t.Stand = st
	t.Sides.Server.States = record.SideStates{Peak: maps.Clone(st.Standing), End: maps.Clone(st.Standing)}
	return t
}

func rebuiltFrom(source record.Pasted, scale float64, t *record.Trial) *record.Reproduction {
	asked := record.ScaledCounts(source.Counts, scale)
	clients := int(asked[record.TimeWait]/5000) + 1
	r := &record.Reproduction{
		Schema: record.ReproductionSchema, ID: t.ID, Tool: t.Tool, StartedAt: t.StartedAt,
		Command: "twomsl reproduce " + source.Name, Source: source, Scale: scale, Clients: clients, Closer: server, Asked: asked,
		HoldSeconds: 30,
	}
	r.Reproduced(t)
	return r
}

// squidRebuilt is the published table, to the last socket.
func squidRebuilt() *record.Reproduction {
	asked := record.Counts{
		record.LastAck: 14, record.SynRecv: 348, record.Established: 70, record.FinWait1: 229, record.FinWait2: 30,
		record.Closing: 33, record.TimeWait: 18_122,
	}
	return rebuiltFrom(record.Pasted{
		Name: "squid-18122", Title: "a busy Squid host: the \"18000 TIME_WAIT\" picture", Kind: "counts by state", Counts: asked,
	}, 1, standingTrial("reproduce-squid-18122", asked))
}

// scaledRebuilt is a tenth of a listing, in which one state was off within bounds, one beyond them, and one was there
// that nobody had asked for; some sockets and lines were left out.
func scaledRebuilt() *record.Reproduction {
	source := record.Pasted{
		Name: "/home/x/My tables/proxy01.txt", Kind: "a listing of ss", Closed: 4, PassedOver: 2, Counts: record.Counts{
			record.TimeWait: 181_220, record.SynRecv: 3_480, record.Established: 70, record.LastAck: 1, record.Listen: 20,
		},
	}
	t := standingTrial("reproduce-proxy01", record.ScaledCounts(source.Counts, 0.1))
	st := t.Stand
	st.Least[record.TimeWait], st.Least[record.SynRecv], st.Standing[record.SynRecv] = 18_100, 12, 300
	st.Most[record.CloseWait] = 2
	t.Warnings = []record.Warning{{
		Code: "stand-not-reached", Text: "the states were up to 336 sockets off what was asked for during the hold",
		Advice: "what expires is opened again a moment later", Spoils: []string{"stand"},
	}}
	r := rebuiltFrom(source, 0.1, t)
	r.Closer, r.Command = client, "twomsl reproduce '/home/x/My tables/proxy01.txt' --scale 10% --closer client"
	return r
}

// cutOffRebuilt was interrupted before anything was counted.
func cutOffRebuilt() *record.Reproduction {
	asked := record.Counts{record.TimeWait: 5, record.SynSent: 1}
	t := standingTrial("reproduce-cut-off", asked)
	t.Status, t.Stand = record.Interrupted, &record.Stand{Asked: asked}
	return rebuiltFrom(record.Pasted{Name: "-", Kind: "counts by state", Counts: asked}, 1, t)
}
