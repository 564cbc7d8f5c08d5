package sample

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// CountOptions says what a count of a whole namespace leaves out.
type CountOptions struct {
	// NoListen leaves listeners out, as netstat -n does; with them it is netstat -an.
	NoListen bool
}

// CountHere counts every TCP socket, IPv4 and IPv6, of the calling thread's network namespace: what
// `netstat -ant | awk '{print $6}'` counts. It asks sock_diag, and reads /proc/net/tcp where that is denied.
func CountHere(opt CountOptions) (record.Counts, error) {
	counts, err := countDiag(opt)
	if err == nil {
		return counts, nil
	}
	counts, procErr := countProc(Here, opt)
	if procErr != nil {
		return nil, errors.Join(err, procErr)
	}
	return counts, nil
}

// CountPID counts as CountHere does, in the network namespace of a process (of its main thread). It enters that
// namespace, which takes root; where that is not allowed it reads /proc/PID/net/tcp, which is open to everybody.
func CountPID(pid int, opt CountOptions) (record.Counts, error) {
	if pid <= 0 {
		return nil, fmt.Errorf("%d is not a process", pid)
	}
	proc := "/proc/" + strconv.Itoa(pid)
	if sameNetNS(proc, Here) {
		return CountHere(opt)
	}
	var counts record.Counts
	err := linux.InNetNS(proc+"/ns/net", func() (err error) {
		counts, err = countDiag(opt)
		return err
	})
	if err == nil {
		return counts, nil
	}
	if _, gone := os.Stat(proc); errors.Is(gone, fs.ErrNotExist) {
		return nil, err // a process that is not there is not to be read either
	}
	counts, procErr := countProc(proc, opt)
	if procErr != nil {
		return nil, errors.Join(err, procErr)
	}
	return counts, nil
}

// sameNetNS is false also where it cannot be told.
func sameNetNS(proc, other string) bool {
	a, err := os.Readlink(proc + "/ns/net")
	if err != nil {
		return false
	}
	b, err := os.Readlink(other + "/ns/net")
	return err == nil && a == b
}

func countDiag(opt CountOptions) (record.Counts, error) {
	states, err := NewStates()
	if err != nil {
		return nil, err
	}
	defer func() { _ = states.Close() }()
	var split Split
	if err := states.Split(Filter{BothFamilies: true, CountsOnly: true}, &split); err != nil {
		return nil, err
	}
	return opt.apply(split.Counts), nil
}

func countProc(proc string, opt CountOptions) (record.Counts, error) {
	var split Split
	split.begin(true, false)
	if err := visitProcTCP(proc, split.add); err != nil {
		return nil, err
	}
	if err := split.end(); err != nil {
		return nil, err
	}
	return opt.apply(split.Counts), nil
}

func (o CountOptions) apply(counts record.Counts) record.Counts {
	if o.NoListen {
		delete(counts, record.Listen)
	}
	return counts
}
