package main

import (
	"errors"
	"fmt"
)

// The exit codes that scripts rely on.
const (
	exitDone        = 0
	exitFailed      = 1 // the run failed
	exitUsage       = 2 // wrong usage or scenario
	exitRefused     = 5 // a risk that was not accepted, a target that is not allowed
	exitCannot      = 6 // this machine cannot do it
	exitContradicts = 7 // the kernel showed something else than was declared
	exitInterrupted = 130
)

// exitError carries an exit code to main. A nil err has been told already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage is wrong input: exit code 2.
func usage(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// refused is what twomsl does not do without being told so by name: exit code 5.
func refused(format string, args ...any) error {
	return &exitError{code: exitRefused, err: fmt.Errorf(format, args...)}
}

// failed is a run that broke: exit code 1.
func failed(err error) error { return &exitError{code: exitFailed, err: err} }

// allOf gives everything that is wrong with a command line at once. What is wrong comes before what is refused: a risk
// is not worth accepting for a command that cannot run.
func allOf(errs ...error) error {
	var wrong []error
	var first error
	for _, err := range errs {
		if e := (*exitError)(nil); errors.As(err, &e) && e.code == exitUsage {
			wrong = append(wrong, e.err)
		} else if first == nil {
			first = err
		}
	}
	if len(wrong) > 0 {
		return &exitError{code: exitUsage, err: errors.Join(wrong...)}
	}
	return first
}
