//go:build linux

package trial

import (
	"fmt"
	"path/filepath"

	"twomsl/client"
	"twomsl/internal/foreign"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/teardown"
)

// A server that nobody here wrote is asked for what is wanted of it by what the client says: `Connection: close` makes it
// close first, and the client's FIN makes it close second. What it counts is not known.

// foreignAtOnce is how many connections a group opens at once to somebody else's server, whose accept queue may be short
// (busybox httpd: 9): a last ACK that finds it full is dropped, and the connection stands in SYN_RECV for seconds
// (tcp_v4_syn_recv_sock, tcp_conn_request).
const foreignAtOnce = 4

func (r *run) foreign() bool { return r.scenario.Theirs() }

func (r *run) foreignServer() *peer.Foreign {
	return &peer.Foreign{
		Name: "server.command", Command: r.scenario.Server.Command, Listen: r.destinations[0], Root: r.scenario.Server.Root,
		Program: peer.Program{Path: r.opt.Program.Path, Args: r.opt.Program.Root},
	}
}

// wholePath is server.root as a record has it: whoever reads that may be somewhere else.
func wholePath(root string) (string, error) {
	if root == "" {
		return "", nil
	}
	return filepath.Abs(root)
}

// learn fills in what a connection says and hears.
func (r *run) learn(plan *client.Plan) error {
	e, err := r.exchange(r.asks(r.scenario.Close.Side == clientSide))
	if err != nil {
		return err
	}
	r.saysTo(plan, &e)
	return nil
}

// asks is what the scenario has said to the server; keep tells that HTTP is to keep the connection.
func (r *run) asks(keep bool) foreign.Ask {
	p := &r.scenario.Payload
	if p.Protocol == scenario.Raw {
		return foreign.Ask{Raw: &foreign.Raw{
			Request: []byte(p.Send), EOF: p.Until.EOF, Bytes: int64(p.Until.Bytes), Match: []byte(p.Until.Match),
		}}
	}
	page := foreign.Page{Version: "1.1", Path: p.Path, Host: p.Host, Keep: keep}
	if p.Preset == scenario.HTTP10 {
		page.Version = "1.0"
	}
	return foreign.Ask{HTTP: &page}
}

// saysTo has the client's connections say and hear it.
func (r *run) saysTo(plan *client.Plan, e *foreign.Exchange) {
	plan.Say, plan.Response, plan.Begins = e.Request, scenario.Size(e.Response), e.Begins
	if plan.Say == nil {
		plan.Say = []byte{} // nothing, and the server's own words all the same
	}
	if e.Open {
		plan.Match = []byte(r.scenario.Payload.Until.Match)
		plan.EOF = len(plan.Match) == 0
	}
}

// exchange asks from the client's first address, for which nothing is ever held back.
func (r *run) exchange(ask foreign.Ask) (foreign.Exchange, error) {
	e, err := r.client.remote.Learn(r.hard, peer.Learn{From: r.sources[0], To: r.destinations[0], Ask: ask})
	if err != nil {
		return e, fmt.Errorf("%s: %w", r.asked(), err)
	}
	return e, nil
}

// asked names what the client speaks with by the field that says so.
func (r *run) asked() string {
	switch {
	case r.proxied():
		return "relay.command"
	case r.scenario.Server.Running.IsOn():
		return "--target"
	}
	return "server.command"
}

// learnForGroups does so for the groups that the client opens: where the server is to close first, they ask it to.
func (r *run) learnForGroups(plans []client.Plan) error {
	var known [2]*foreign.Exchange
	for _, g := range r.stand.groups {
		if g.recipe.FromServer || g.recipe.Silent {
			continue
		}
		way := 0
		if !g.serverFirst() {
			way = 1
		}
		if known[way] == nil {
			e, err := r.exchange(r.asks(way == 1))
			switch {
			case err != nil && way == 1: // a server that never keeps a connection waits for the rest of a request all the same
				e = foreign.Half(r.destinations[0])
			case err != nil:
				return err
			}
			known[way] = &e
		}
		r.saysTo(&plans[g.number], known[way])
	}
	return nil
}

// serverFirst tells whether the server ends the group's connections before the client does.
func (g *group) serverFirst() bool {
	op := g.recipe.Server[0].Op
	return op == teardown.Shutdown || op == teardown.Close
}

// foreignHasClosed tells whether the server's FINs that are held back are as many as were asked for: what is to stand in
// FIN_WAIT1, and what waits there for its gate. What comes to FIN_WAIT2 or TIME_WAIT is there in passing, too, so it must be
// so for a while: a client that closes before its server did leaves LAST_ACK instead.
func (r *run) foreignHasClosed() bool {
	var want int64
	for _, g := range r.stand.groups {
		switch g.recipe.State {
		case record.FinWait1:
			want += g.asked
		case record.Closing:
			want += g.limit - g.gate
		}
	}
	if r.stand.record.Standing[record.FinWait1] < want {
		r.stand.finsSince = nil
		return false
	}
	if now := r.elapsed(); r.stand.finsSince == nil {
		r.stand.finsSince = &now
	}
	return r.elapsed()-*r.stand.finsSince >= quietFor
}
