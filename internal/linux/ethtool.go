package linux

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// offloads are the queries of include/uapi/linux/ethtool.h that answer with one value, under ethtool -k's names.
var offloads = []struct {
	name    string
	command uint32
	bit     uint32 // which bit of the answer
}{
	{"rx-checksumming", unix.ETHTOOL_GRXCSUM, 1},
	{"tx-checksumming", unix.ETHTOOL_GTXCSUM, 1},
	{"scatter-gather", unix.ETHTOOL_GSG, 1},
	{"tcp-segmentation-offload", unix.ETHTOOL_GTSO, 1},
	{"generic-segmentation-offload", unix.ETHTOOL_GGSO, 1},
	{"generic-receive-offload", unix.ETHTOOL_GGRO, 1},
	{"large-receive-offload", unix.ETHTOOL_GFLAGS, 1 << 15}, // ETH_FLAG_LRO
}

// struct ethtool_value of include/uapi/linux/ethtool.h.
type ethtoolValue struct{ command, data uint32 }

// struct ifreq of include/uapi/linux/if.h with ifr_data; the kernel copies all 40 bytes (32 on 32-bit).
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// Offloads tells which work a link of the calling thread's network namespace takes off the protocol stack, under the
// names that ethtool -k prints. A feature that the link's driver does not know is left out.
func Offloads(ifname string) (map[string]bool, error) {
	if ifname == "" || len(ifname) >= unix.IFNAMSIZ {
		return nil, fmt.Errorf("%q is not the name of a link", ifname)
	}
	on := make(map[string]bool, len(offloads))
	for _, o := range offloads {
		data, err := ethtool(ifname, o.command, 0)
		switch {
		case err == nil:
			on[o.name] = data&o.bit != 0
		case !errors.Is(err, unix.EOPNOTSUPP):
			return nil, fmt.Errorf("offloads of %s: %w", ifname, err)
		}
	}
	return on, nil
}

// ethtool sends one command that carries one value, and gives the value that the kernel left there.
func ethtool(ifname string, command, data uint32) (uint32, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) // any socket carries the request
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	value := ethtoolValue{command: command, data: data}
	request := ifreqData{data: unsafe.Pointer(&value)}
	copy(request.name[:], ifname)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return 0, errno
	}
	return value.data, nil
}
