package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/trial"
)

const (
	// furthestStart is how far ahead a common start may lie: further off is rather a mistake in the date.
	furthestStart = time.Hour
	// latestStart is how long a common start may be over when a shard is started. Its load then begins behind the others',
	// which is told.
	latestStart = 10 * time.Second
)

// shardFlags make a run one share of it.
type shardFlags struct {
	shard, runID, startAt string
}

func (f *shardFlags) flags(fs *pflag.FlagSet) {
	fs.StringVar(&f.shard, "shard", "", "carry out one share of the run, beside other machines: `K/N`, or index:K/N with K from 0 (report --merge joins the records)")
	fs.StringVar(&f.runID, "run-id", "", "the run that the shards belong to: `NAME` (default: made of the scenario and --start-at)")
	fs.StringVar(&f.startAt, "start-at", "", "begin the shards' loads together: `TIME`, like 2026-05-01T12:00:00Z, up to an hour ahead")
}

// of gives the share of a scenario that is asked for; nil: all of it.
func (f *shardFlags) of(s scenario.Scenario, now time.Time) (*trial.Shard, error) {
	if f.shard == "" {
		if f.runID != "" || f.startAt != "" {
			return nil, usage("--run-id and --start-at are for a run in shares: say which with --shard K/N")
		}
		return nil, nil
	}
	number, shardErr := scenario.ParseShard(f.shard)
	if shardErr != nil {
		shardErr = usage("--shard %w", shardErr)
	}
	start, startErr := f.start(now)
	var wrong error
	if shardErr == nil {
		wrong = canShare(s, number)
	}
	if err := allOf(shardErr, startErr, f.checkID(), wrong); err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, failed(fmt.Errorf("this machine's name: %w", err))
	}
	d := &trial.Shard{Shard: number, RunID: f.runID, StartAt: start, Host: host, Command: wholeCommand(os.Args[1:])}
	if d.RunID == "" {
		d.RunID, err = madeRunID(s, number.Of, start)
	}
	return d, err
}

func canShare(s scenario.Scenario, d scenario.Shard) error {
	if err := s.CheckShard(d, trial.Known); err != nil {
		return usage("--shard %s: %w", d, err)
	}
	return nil
}

// start reads --start-at; zero where there is none.
func (f *shardFlags) start(now time.Time) (time.Time, error) {
	if f.startAt == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, f.startAt)
	if err != nil {
		return at, usage("--start-at %q: write date, time and zone, like %s (date -u +%%FT%%TZ -d '+1 minute')", f.startAt,
			now.UTC().Add(time.Minute).Format(time.RFC3339))
	}
	switch ahead := at.Sub(now); {
	case ahead > furthestStart:
		return at, usage("--start-at %s is further ahead of this machine's clock (%s) than is waited for, %v", f.startAt,
			now.UTC().Format(time.RFC3339), furthestStart)
	case ahead < -latestStart:
		return at, usage("--start-at %s is over by this machine's clock (%s): choose a moment ahead, or leave it out",
			f.startAt, now.UTC().Format(time.RFC3339))
	}
	return at, nil
}

func (f *shardFlags) checkID() error {
	if f.runID == "" {
		return nil
	}
	if err := record.CheckID(f.runID); err != nil {
		return usage("--run-id: %w", err)
	}
	return nil
}

// madeRunID names a run by what is asked for, so that shards that are started by hand find each other.
func madeRunID(s scenario.Scenario, of int, start time.Time) (string, error) {
	text, err := s.JSON()
	if err != nil {
		return "", failed(err)
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n", text, of)
	if !start.IsZero() {
		fmt.Fprintln(h, start.UTC().Format(time.RFC3339Nano))
	}
	return s.Name + "-" + hex.EncodeToString(h.Sum(nil)[:6]), nil
}

// sayShard tells before the load which share this is, and what is assumed where no common start was said.
func sayShard(d *trial.Shard, stderr io.Writer) {
	if d == nil {
		return
	}
	text := fmt.Sprintf("this is shard %s of the run %s", d.Shard, d.RunID)
	switch {
	case d.StartAt.IsZero():
		text += "; its load begins when it is ready, and the run is taken for one whose loads began together: --start-at sees to that"
	default:
		text += fmt.Sprintf("; its load begins at %s", d.StartAt.UTC().Format(time.RFC3339Nano))
	}
	fmt.Fprintln(stderr, "twomsl:", text)
}

// wholeCommand is what to type to run all of it on one machine: the same without the flags of a share.
func wholeCommand(args []string) string {
	words := []string{"twomsl"}
	for i := 0; i < len(args); i++ {
		name, _, joined := strings.Cut(args[i], "=")
		switch name {
		case "--shard", "--run-id", "--start-at":
			if !joined {
				i++ // its value
			}
			continue
		}
		words = append(words, quoted(args[i]))
	}
	return strings.Join(words, " ")
}
