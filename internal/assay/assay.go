//go:build linux

// Package assay has small experiments on the kernel that no scenario can express: one file each, made of real sockets in
// private network namespaces. Each gives measured numbers; what they mean is for others to say.
//
// An assay is a process of its own in a lab (Run starts it, Serve is what it does), with two hosts on a link that it
// makes itself, so that it can hold packets, lose the link and set limits without anybody else noticing.
package assay

import (
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// experiment is one of them, with the arguments that it knows and their defaults.
type experiment struct {
	run       func(*bench)
	arguments map[string]string
}

var experiments = map[string]experiment{}

func register(name string, arguments map[string]string, run func(*bench)) {
	experiments[name] = experiment{run: run, arguments: arguments}
}

// Names lists the assays that there are.
func Names() []string { return slices.Sorted(maps.Keys(experiments)) }

// Check tells what of a Try is no assay of this program, or an argument that it does not know.
func Check(t record.Try) error {
	_, err := argumentsOf(t)
	return err
}

func argumentsOf(t record.Try) (map[string]string, error) {
	e, known := experiments[t.Assay]
	if !known {
		return nil, fmt.Errorf("there is no assay %q%s; known: %s", t.Assay, scenario.DidYouMean(t.Assay, Names()),
			strings.Join(Names(), ", "))
	}
	arguments := maps.Clone(e.arguments)
	for _, a := range t.Arguments {
		key, value, ok := strings.Cut(a, "=")
		if _, known := arguments[key]; !ok || !known {
			names := slices.Sorted(maps.Keys(e.arguments))
			return nil, fmt.Errorf("assay %s has no argument %q; known: %s", t.Assay, a, strings.Join(names, ", "))
		}
		arguments[key] = value
	}
	return arguments, nil
}

// bench is where one experiment is made. Its methods end the experiment where something cannot be (see failure).
type bench struct {
	arguments map[string]string
	out       Result
	leave     []func()
}

// Result is what an experiment measured.
type Result struct {
	Figures []record.Figure `json:"figures"`
	Texts   []string        `json:"texts"`
	Parts   []Part          `json:"parts"`   // of connect-cost
	Cannot  string          `json:"cannot"`  // why this machine or kernel cannot do it
	Failure string          `json:"failure"` // why it broke
}

// failure ends an experiment from any depth; carryOut turns it into the result's.
type failure struct {
	err    error
	cannot bool
}

// carryOut makes the experiment on a thread of its own.
func carryOut(t record.Try) (out Result) {
	arguments, err := argumentsOf(t)
	if err != nil {
		return Result{Failure: err.Error()}
	}
	b := &bench{arguments: arguments}
	err = linux.OnOwnThread(func() (err error) {
		defer func() {
			for _, f := range slices.Backward(b.leave) {
				f()
			}
		}()
		defer func() {
			switch p := recover().(type) {
			case nil:
			case failure:
				if p.cannot {
					b.out.Cannot = p.err.Error()
					return
				}
				err = p.err
			default:
				err = fmt.Errorf("%v\n%s", p, debug.Stack())
			}
		}()
		experiments[t.Assay].run(b)
		return nil
	})
	if err != nil {
		b.out.Failure = err.Error()
	}
	return b.out
}

// put notes a figure.
func (b *bench) put(name string, value float64, unit string) {
	b.out.Figures = append(b.out.Figures, record.Figure{Name: name, Value: value, Unit: unit})
}

func (b *bench) count(name string, n int, unit string) { b.put(name, float64(n), unit) }

func (b *bench) text(format string, args ...any) {
	b.out.Texts = append(b.out.Texts, fmt.Sprintf(format, args...))
}

// is tells whether an argument has a value; number reads one.
func (b *bench) is(argument, value string) bool { return b.arguments[argument] == value }

func (b *bench) number(argument string) int {
	n, err := strconv.Atoi(b.arguments[argument])
	if err != nil {
		b.fail("argument %s: %v", argument, err)
	}
	return n
}

func (b *bench) fail(format string, args ...any) {
	panic(failure{err: fmt.Errorf(format, args...)})
}

// cannot ends an experiment that this machine or kernel does not allow.
func (b *bench) cannot(format string, args ...any) {
	panic(failure{err: fmt.Errorf(format, args...), cannot: true})
}

func (b *bench) must(what string, err error) {
	if err != nil {
		b.fail("%s: %w", what, err)
	}
}

func (b *bench) ok(what string, e linux.Errno) {
	if e != 0 {
		b.fail("%s: %s (%w)", what, linux.ErrnoName(e), e)
	}
}

// patience bounds every wait for the kernel. It decides nothing: whoever runs into it, fails.
const patience = 20 * time.Second

// until asks again and again until the answer is yes; no when patience has ended.
func until(f func() bool) bool {
	for start, pause := time.Now(), 50*time.Microsecond; time.Since(start) < patience; {
		if f() {
			return true
		}
		time.Sleep(pause)
		pause = min(2*pause, 5*time.Millisecond)
	}
	return f()
}

// wait is until that must be.
func (b *bench) wait(what string, f func() bool) {
	if !until(f) {
		b.fail("%s: that did not come within %v", what, patience)
	}
}

var errPeerGone = errors.New("the assay's process is gone")
