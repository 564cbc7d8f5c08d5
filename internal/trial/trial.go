//go:build linux

// Package trial runs one scenario, once, straight through: lab, sysctls, peers, load, samples, record. It writes nothing
// and formats nothing.
package trial

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"twomsl/internal/foreign"
	"twomsl/internal/lab"
	"twomsl/internal/linux"
	"twomsl/internal/machine"
	"twomsl/internal/pairing"
	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
	"twomsl/internal/teardown"
)

// Options are what a run needs beside its scenario.
type Options struct {
	Program lab.Program
	Tool    string // name and version of this program, for the record
	Command string // what to type to repeat the run
	// Settings are written in the lab on both sides before the scenario's own; NotCopied says which could not be had.
	Settings func(lab map[string]string) ([]sysctl.Setting, []record.SysctlRefusal)
	// Recipe is written after the scenario's own settings, and overrides them. What becomes of each setting stands in the
	// record; with Strict, one that cannot be had is a StrictError.
	Recipe Recipe
	Strict bool
	// Relay is the recipe's part for a relay.
	Relay []sysctl.Setting
	// Host lends a recipe this host's own settings in topology host; nil where nobody has accepted that.
	Host *sysctl.Host
	CPUs record.SidePair[[]int]
	// Descriptors is how many a process of a side may have, where that is less than the machine's limit; 0: as many as that.
	Descriptors int
	Addresses   Addresses
	// Dial reaches the paired server of topology hosts, once for a trial; From are the addresses of this host that the client
	// opens from, and none leaves that to the kernel.
	Dial Dialer
	From []netip.Addr
	// Shard is the share of the scenario that is carried out; nil: all of it.
	Shard *Shard
	// Search, where it is set, measures what the forecast of the half-range cliff rests on. It is asked before the load, and
	// only where the load gets that far.
	Search Searcher
	// Profile, where it is set, is given a profile of each side's process during the load, as `go tool pprof` reads it.
	Profile func(side string, data []byte) error
	// Memory asks what the load and its sockets take: the kernel's caches, and the program's own processes.
	Memory bool
	// Watch, where it is set, is called about ten times a second while the load runs.
	Watch func(Moment)
	// Say, where it is set, is told what a person should know before the load starts.
	Say func(string)
}

// Dialer reaches the server that a scenario is to be run against.
type Dialer func(context.Context, scenario.Scenario) (*pairing.Link, error)

// Moment is what can be told while a run goes on.
type Moment struct {
	Phase    string // load or hold
	Elapsed  time.Duration
	Opened   int64
	OK       int64
	Failed   int64
	TimeWait record.SidePair[int64]
	PID      record.SidePair[int] // as the host sees them
	Relay    *RelayMoment         // nil where there is none
	// Standing are the server's sockets at the last look; nil where none were asked to stand.
	Standing record.Counts
}

// RelayMoment is what can be told of a relay.
type RelayMoment struct {
	PID                          int
	TowardsClient, TowardsServer int64 // TIME_WAIT
}

// Addresses are those of topology host; in a lab they are the lab's own.
type Addresses struct{ Server string }

// Known is what this program can carry out, for scenario.Check.
var Known = scenario.Known{
	Engines: engines, IOs: []string{"auto", "uring", "epoll", "blocking"}, Ring: Unchained, Close: teardown.Check, Causes: record.DiagnosedCauses,
	Servers: foreign.Servers(), Proxies: foreign.Proxies(), Passes: foreign.Passes(),
}

// Strategies lists the ways to close that this program knows.
func Strategies() []teardown.Kind { return teardown.Kinds() }

// Run carries out a resolved and checked scenario. When soft ends, the load stops, what is in flight is finished and the
// record says interrupted; when hard ends, everything is dropped at once. A record comes back for every trial whose load
// started, with status failed and the reason where it broke; else an error says what kept it from starting, which is a
// lab.UnavailableError where this machine forbids it. Settings of this host that a recipe has changed are put back when the
// sides have ended; where that fails, there is a sysctl.NotRestoredError beside the record.
func Run(soft, hard context.Context, s scenario.Scenario, opt Options) (t *record.Trial, err error) {
	if s.Server.Root, err = wholePath(s.Server.Root); err != nil {
		return nil, err
	}
	if err := installed(&s); err != nil {
		return nil, err
	}
	r := &run{scenario: s, opt: opt, hard: hard, started: time.Now()}
	r.takeShare()
	defer func() { err = errors.Join(err, r.giveBack()) }() // when the lab is closed, and in a panic, too
	defer r.hosts.close()
	l, err := r.startSides(soft)
	if err != nil {
		return nil, err
	}
	r.lab = l
	defer l.Close()
	if err := r.pair(); err != nil {
		return nil, r.explain(err)
	}
	if err := r.awaitStart(soft); err != nil {
		return nil, err
	}
	steal, stealKnown := machine.Steal("")
	began := time.Now()
	r.memory.begin(opt.Memory)
	if s.Stand.Off() {
		r.kept.slabBefore = lookAtSlab()
		r.load(soft)
		r.hold(soft)
		r.kept.slabAfter = lookAtSlab()
	} else {
		r.bringUp(soft)
		r.holdStand(soft)
	}
	r.memory.end()
	r.finish()
	if after, ok := machine.Steal(""); ok && stealKnown {
		d := after - steal
		r.steal, r.stealOver = &d, time.Since(began)
	}
	t, err = r.record()
	return t, errors.Join(err, r.profiles())
}

// run is one trial under way.
type run struct {
	scenario scenario.Scenario
	whole    scenario.Scenario // what was asked for before it was shared
	opt      Options
	hard     context.Context
	started  time.Time
	lab      *lab.Lab
	loan     *sysctl.Loan // this host's settings, where they were lent
	client   *side
	server   *side
	relay    *side // nil where there is none
	onward   *run  // what is between the relay and the server; nil where there is none

	way          way
	cpus         []int // processors, one for each worker of either side; nil where the kernel places them
	strategy     teardown.Strategy
	life         life
	sources      []netip.Addr
	destinations []netip.AddrPort
	tuples       []peer.Tuple
	stand        stand
	canaries     canaries
	half         halfOpen
	kept         kept
	hosts        hosts
	spoken       string // the protocol in which clients are served that are not ours; "" where they are
	stood        int64  // sockets at the port before the load, where no namespace is the run's own
	memory       memory
	forecast     []record.Forecast
	ranges       []record.PortRange
	warnings     []record.Warning
	steal        *float64
	stealOver    time.Duration // how long it was looked at

	epoch       int64
	loadBegan   *time.Time // the same by the wall clock, of a shard
	limit       int64      // connections allowed so far, where there is a goal
	goalReached *float64
	interrupted bool
	failure     *record.Failure
	loadSeconds float64
	loadOpened  int64
	holdSeconds float64
	stoppedBy   string
}

// side is a peer with what it has told so far.
type side struct {
	name      string
	remote    *peer.Remote
	lab       *lab.Peer // nil where the side is on another host
	far       bool      // on another host
	absent    string    // why the side is not ours; "" where it is
	hello     peer.Hello
	ready     peer.Ready
	addresses []string
	sysctls   record.Sysctls
	progress  peer.Progress
	samples   []record.Sample
	onward    []record.Sample // a relay's, of the sockets that face the server
	result    *peer.Result
	err       error // the peer can no longer be asked
}

// explain says whose end an error comes from, and adds a dead peer's last words.
func (r *run) explain(err error) error {
	if e, ended := r.whoEnded(errors.Join(err, r.lost())); ended {
		err = fmt.Errorf("%s (%w)", said(e), err)
	}
	for _, p := range r.lab.Peers() {
		if words := p.LastWords(); words != "" {
			err = fmt.Errorf("%w; the %s's last words: %s", err, p.Name, words)
		}
	}
	return err
}

// lost is peer.ErrLost where a side does not answer any more. A side that dies takes the link along, and the other may be
// the first to fail, with an error that is not about itself.
func (r *run) lost() error {
	ctx, cancel := context.WithTimeout(r.hard, lostLimit)
	defer cancel()
	for _, s := range r.sides() {
		if _, err := s.remote.Hello(ctx); errors.Is(err, peer.ErrLost) {
			return err
		}
	}
	return nil
}

// lostLimit is how long a side may take to show that it lives; one whose process has ended is known at once.
const lostLimit = 5 * time.Second

// id names a trial: scenario, start and four random digits against two in the same second.
func (r *run) id() string {
	var b [2]byte
	rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	return fmt.Sprintf("%s-%s-%s", r.scenario.Name, r.started.UTC().Format("20060102-150405"), hex.EncodeToString(b[:]))
}

// elapsed is the time since the first intended start, which lies a moment ahead when a side dies at once.
func (r *run) elapsed() time.Duration { return max(0, time.Duration(linux.Nano()-r.epoch)) }

func (r *run) warn(w record.Warning) { r.warnings = append(r.warnings, w) }
