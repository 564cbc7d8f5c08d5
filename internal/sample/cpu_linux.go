package sample

import (
	"time"

	"twomsl/internal/linux"
	"twomsl/internal/record"
)

// ThreadCPU is the processor time of the calling thread, which must be locked to its goroutine to mean anything.
func ThreadCPU() record.CPU { return cpu(linux.ThreadCPU()) }

// ProcessCPU is the processor time of the whole process.
func ProcessCPU() record.CPU { return cpu(linux.ProcessCPU()) }

func cpu(user, sys time.Duration) record.CPU {
	return record.CPU{UserSeconds: user.Seconds(), SystemSeconds: sys.Seconds()}
}
