package linux

import (
	"testing"

	"golang.org/x/sys/unix"
)

// What needs no newer kernel than Go itself works wherever these tests run.
func TestProbesThatEveryKernelAnswers(t *testing.T) {
	if err := ProbeSockDiag(); err != nil {
		t.Error(err)
	}
	if err := ProbeBindAddressNoPort(); err != nil {
		t.Error(err)
	}
}

func TestProbeSaysWhichCallFailed(t *testing.T) {
	if err := probeSocket(unix.AF_INET, unix.SOCK_STREAM, 9999, nil); err == nil {
		t.Error("a protocol that does not exist passed")
	}
	err := probeSocket(unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, 9999, 1)
	})
	if err == nil || err.Error() != "setsockopt: protocol not available" {
		t.Errorf("an option that does not exist: %v", err)
	}
}

// The range that the probe sets is the one that the kernel shows: low and high are not swapped.
func TestProbeLocalPortRange(t *testing.T) {
	if err := ProbeLocalPortRange(); err != nil {
		t.Skipf("%v; IP_LOCAL_PORT_RANGE needs Linux 6.3", err)
	}
	err := probeSocket(unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, 1024<<16|65000)
	})
	if err == nil {
		t.Error("the low end in the high bits passed")
	}
}
