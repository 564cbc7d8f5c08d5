package sample

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// ErrSlabMerged says that the kernel keeps TIME_WAIT sockets in a slab of another name, together with other objects.
var ErrSlabMerged = errors.New("the kernel has no slab of that name of its own (slab merging)")

// TimeWaitBytes is what one TIME_WAIT socket takes, in bytes: the size of a slot in slab tw_sock_TCP or tw_sock_TCPv6,
// padding included, from /proc/slabinfo or else /sys/kernel/slab (mm/slub.c). Both are readable by root only.
func TimeWaitBytes(ipv6 bool) (int64, error) { return timeWaitBytes(os.DirFS("/"), ipv6) }

// SocketBytes is the same of one TCP socket of full size: slab TCP or TCPv6.
func SocketBytes(ipv6 bool) (int64, error) { return slabSize(os.DirFS("/"), protocol("TCP", ipv6)) }

// TimeWaitObjects is how many TIME_WAIT sockets of IPv4 the machine holds, in all namespaces together: the objects in use of
// slab tw_sock_TCP, some that are kept ready among them.
func TimeWaitObjects() (int64, error) {
	text, err := readSlab(os.DirFS("/"), "proc/slabinfo")
	if err != nil {
		return 0, err
	}
	return parseActive(text, "tw_sock_TCP")
}

// parseActive finds <active_objs>, the second column.
func parseActive(text, name string) (int64, error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != name {
			continue
		}
		n, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("/proc/slabinfo: %q is no number of objects", fields[1])
		}
		return n, nil
	}
	return 0, fmt.Errorf("/proc/slabinfo: %s: %w", name, ErrSlabMerged)
}

func timeWaitBytes(root fs.FS, ipv6 bool) (int64, error) {
	return slabSize(root, protocol("tw_sock_TCP", ipv6))
}

func protocol(name string, ipv6 bool) string {
	if ipv6 {
		return name + "v6"
	}
	return name
}

func slabSize(root fs.FS, name string) (int64, error) {
	size, err := slabinfoSize(root, name)
	if err == nil {
		return size, nil
	}
	size, sysErr := sysSlabSize(root, name)
	if sysErr == nil {
		return size, nil
	}
	return 0, fmt.Errorf("size of %s is not readable: %w; %w", name, err, sysErr)
}

// readSlab names files from the root, and says what refuses an ordinary user.
func readSlab(root fs.FS, path string) (string, error) {
	text, err := fs.ReadFile(root, path)
	if refusal := new(fs.PathError); errors.As(err, &refusal) {
		err = refusal.Err
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("/%s: %w (only root may read it)", path, err)
	case err != nil:
		return "", fmt.Errorf("/%s: %w", path, err)
	}
	return string(text), nil
}

func slabinfoSize(root fs.FS, name string) (int64, error) {
	text, err := readSlab(root, "proc/slabinfo")
	if err != nil {
		return 0, err
	}
	size, err := parseSlabinfo(text, name)
	if err != nil {
		return 0, fmt.Errorf("/proc/slabinfo: %w", err)
	}
	return size, nil
}

// sysSlabSize reads slab_size, not object_size: the latter leaves out the padding that slabinfo counts.
func sysSlabSize(root fs.FS, name string) (int64, error) {
	text, err := readSlab(root, "sys/kernel/slab/"+name+"/slab_size")
	if err != nil {
		return 0, err
	}
	return parseSlabSize(strings.TrimSpace(text))
}

// parseSlabinfo finds <objsize>, the fourth column, which counts the padding (slabinfo(5), format 2.1).
func parseSlabinfo(text, name string) (int64, error) {
	if !strings.HasPrefix(text, "slabinfo - version: 2.") {
		return 0, errors.New("not in format 2")
	}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) >= 4 && fields[0] == name {
			return parseSlabSize(fields[3])
		}
	}
	return 0, fmt.Errorf("%s: %w", name, ErrSlabMerged)
}

func parseSlabSize(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not a size in bytes", s)
	}
	return n, nil
}
