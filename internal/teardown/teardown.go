// Package teardown is how a connection is taken down: each strategy is data, a short list of operations for either side
// that every engine carries out, and what the kernel must show afterwards. One file per strategy; nothing else needs to
// know of a new one. Pure.
package teardown

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// Op is one operation of a side once the application's bytes are through.
type Op uint8

// The operations.
const (
	Linger    Op = iota + 1 // set SO_LINGER {1, Seconds}; below 0: {0, 0}
	Linger2                 // set TCP_LINGER2 to Seconds
	Shutdown                // shutdown(SHUT_WR): FIN, and the reading half stays
	Say                     // write Bytes more than the exchange has
	AwaitData               // wait until there is something to read, and leave it there
	ReadEOF                 // read until the peer's FIN, for Within at most where that is set
	Gate                    // wait until connections up to this one are let through
	Close                   // close(): FIN, or what SO_LINGER makes of it
	Stay                    // leave it open for as long as the run lasts, and never look at it again
	Idle                    // leave it open, and take note of what comes of it
)

// Step is one operation with its argument.
type Step struct {
	Op      Op                `json:"op"`
	Seconds int               `json:"seconds"`
	Bytes   int               `json:"bytes"`
	Within  scenario.Duration `json:"within"`
}

// Ends tells whether the step is a side's last one.
func (s Step) Ends() bool { return s.Op == Close || s.Keeps() }

// Keeps tells whether the step leaves the connection open.
func (s Step) Keeps() bool { return s.Op == Stay || s.Op == Idle }

// Keeps tells whether a side that takes these steps leaves its connections open.
func Keeps(steps []Step) bool { return len(steps) > 0 && steps[len(steps)-1].Keeps() }

// Strategy is a way to take connections down.
type Strategy struct {
	How            scenario.How
	Client, Server []Step
	Expect         Expect
	// Settle is how long after the last connection the picture is final, where that takes longer than an acknowledgement.
	Settle time.Duration
	// FINsHeld asks for a lab that keeps either side's FINs back until all connections are closed, so that both have closed
	// before either knows.
	FINsHeld bool
}

// Expect is what the kernel must show on each side when every connection is taken down.
type Expect = record.SidePair[record.Declared]

// Leaves tells whether a side of the strategy ends in TIME_WAIT at all.
func Leaves(d record.Declared) bool {
	return cmp.Or(d.States[record.TimeWait], record.None) != record.None
}

// Kind is a family of strategies, as a scenario's close.how names it.
type Kind struct {
	Name  string
	Usage string // how it is written, with its argument: linger=N
	About string // one line: what the side does
	// Samples are the arguments that a matrix tries: "" for none.
	Samples []string
	// Sides that can do it.
	Sides []scenario.Side
	// Make builds the strategy. argument is what stands after the =, "" for nothing. The error says what may stand there.
	Make func(side scenario.Side, argument string) (Strategy, error)
}

// How is what a scenario writes for this kind with an argument.
func How(k Kind, argument string) scenario.How {
	if argument == "" {
		return scenario.How(k.Name)
	}
	return scenario.How(k.Name + "=" + argument)
}

var kinds []Kind

// register makes a strategy known. Called by each strategy's file.
func register(k Kind) { kinds = append(kinds, k) }

// Kinds lists the strategies by name.
func Kinds() []Kind {
	return slices.SortedFunc(slices.Values(kinds), func(a, b Kind) int { return strings.Compare(a.Name, b.Name) })
}

// For gives the strategy that a scenario's close block asks for. The error says which block has none, and which there
// are.
func For(c scenario.Close) (Strategy, error) {
	c = scenario.Scenario{Close: c}.Resolve().Close // what was not said is fin by the client, or close.linger's way
	name, argument := c.How.Split()
	all := Kinds()
	i := slices.IndexFunc(all, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		var usages []string
		for _, k := range all {
			usages = append(usages, k.Usage)
		}
		return Strategy{}, fmt.Errorf("%q is no way to close; there are: %s", c.How, strings.Join(usages, ", "))
	}
	k := all[i]
	if !slices.Contains(k.Sides, c.Side) {
		return Strategy{}, fmt.Errorf("%q cannot be done by %q; allowed for close.side: %s", c.How, c.Side, sideNames(k.Sides))
	}
	if argument == "" && strings.Contains(string(c.How), "=") {
		return Strategy{}, fmt.Errorf("%q has nothing after the =; it is written %s", c.How, k.Usage)
	}
	s, err := k.Make(c.Side, argument)
	if err != nil {
		return Strategy{}, fmt.Errorf("%q: %w; it is written %s", c.How, err, k.Usage)
	}
	s.How = c.How
	return s, nil
}

// Check is For without its strategy, for scenario.Known.
func Check(c scenario.Close) error {
	_, err := For(c)
	return err
}

func sideNames(sides []scenario.Side) string {
	words := make([]string, len(sides))
	for i, s := range sides {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

var (
	oneSide = []scenario.Side{scenario.ClientSide, scenario.ServerSide}
	anySide = []scenario.Side{scenario.ClientSide, scenario.ServerSide, scenario.BothSides}
)

// part is what one side does, and what is then declared of it.
type part struct {
	steps    []Step
	declared record.Declared
}

// shareOut gives the parts to the sides: the one named does the first, the other the second.
func shareOut(side scenario.Side, does, other part) Strategy {
	if side == scenario.ServerSide {
		return Strategy{
			Client: other.steps, Server: does.steps,
			Expect: Expect{Client: other.declared, Server: does.declared},
		}
	}
	return Strategy{
		Client: does.steps, Server: other.steps,
		Expect: Expect{Client: does.declared, Server: other.declared},
	}
}

// readThenClose is what the other side usually does: it reads to the end of the stream before it closes. Without that
// read, unread data would turn its FIN into an RST (RFC 9293, 3.6.1; tcp_close) and spoil what is measured.
func readThenClose(d record.Declared) part { return part{[]Step{{Op: ReadEOF}, {Op: Close}}, d} }

// standing declares one state for a share of the connections.
func standing(s record.State, share record.Share) map[record.State]record.Share {
	return map[record.State]record.Share{s: share}
}

// counted declares one counter for all connections.
func counted(name string) map[string]record.Share {
	return map[string]record.Share{name: record.All}
}

// closers is the usual shape: steps that end in a FIN, by one side or by both.
func closers(side scenario.Side, steps []Step, eof record.Share) Strategy {
	if side == scenario.BothSides {
		p := part{steps, record.Declared{States: standing(record.TimeWait, record.Some), EOF: eof}}
		return shareOut(side, p, p)
	}
	does := part{steps, record.Declared{States: standing(record.TimeWait, record.All), EOF: eof}}
	return shareOut(side, does, readThenClose(record.Declared{EOF: record.All}))
}

func noArgument(argument string) error {
	if argument != "" {
		return fmt.Errorf("it takes no argument")
	}
	return nil
}
