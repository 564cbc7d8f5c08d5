package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// hierarchy is a mounted cgroup tree and this process's place in it.
type hierarchy struct {
	mount string // folder of the mount
	place string // folder of this process's group: mount or below it
	v2    bool
}

// hierarchies finds the trees that can limit one controller: the version 1 tree that has it and the version 2 tree.
func (r reader) hierarchies(controller string) ([]hierarchy, error) {
	groups, err := r.file("proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	mounts, err := r.file("proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var found []hierarchy
	for line := range strings.Lines(groups) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, ok := strings.Cut(rest, ":")
		v2 := id == "0" && controllers == ""
		if !ok || !v2 && !slices.Contains(strings.Split(controllers, ","), controller) {
			continue
		}
		if mount, below, ok := findMount(mounts, controller, v2); ok {
			mount = filepath.Join(r.root, "/", mount)
			found = append(found, hierarchy{mount: mount, place: filepath.Join(mount, inside(group, below)), v2: v2})
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no cgroup tree with the controller %s is mounted here", controller)
	}
	return found, nil
}

// findMount looks through mountinfo (proc_pid_mountinfo(5)): "ID PARENT MAJ:MIN ROOT MOUNT OPTIONS ... - TYPE SOURCE
// SUPEROPTIONS". Root is the group that the mount starts at.
func findMount(mountinfo, controller string, v2 bool) (mount, root string, ok bool) {
	for line := range strings.Lines(mountinfo) {
		left, right, _ := strings.Cut(line, " - ")
		l, f := strings.Fields(left), strings.Fields(right)
		if len(l) < 5 || len(f) < 3 {
			continue
		}
		if v2 && f[0] == "cgroup2" || !v2 && f[0] == "cgroup" && slices.Contains(strings.Split(f[2], ","), controller) {
			return l[4], l[3], true
		}
	}
	return "", "", false
}

// inside gives a group's path below a mount that starts at the group root. In a container whose mount starts elsewhere
// the mount's own folder is the nearest that can be seen.
func inside(group, root string) string {
	below, err := filepath.Rel(root, group)
	if err != nil || below == ".." || strings.HasPrefix(below, "../") {
		return "."
	}
	return below
}

// lowest walks from this process's group up to the top of each tree and gives the smallest limit that limitOf reads
// from a folder. Nil: no limit anywhere.
func (r reader) lowest(controller string, limitOf func(folder string, v2 bool) (float64, bool)) (*float64, error) {
	trees, err := r.hierarchies(controller)
	if err != nil {
		return nil, err
	}
	var least *float64
	for _, h := range trees {
		for folder := h.place; ; folder = filepath.Dir(folder) {
			if n, ok := limitOf(folder, h.v2); ok && (least == nil || n < *least) {
				least = &n
			}
			if folder == h.mount || len(folder) <= len(h.mount) {
				break
			}
		}
	}
	return least, nil
}

// cpuQuota is how many processors' time this process's groups allow, the tightest of them; nil where none limits it.
func (r reader) cpuQuota() (*float64, error) {
	return r.lowest("cpu", func(folder string, v2 bool) (float64, bool) {
		quota, period := "", ""
		if v2 {
			f := strings.Fields(content(filepath.Join(folder, "cpu.max"))) // "max 100000" or "50000 100000", in µs
			if len(f) != 2 {
				return 0, false
			}
			quota, period = f[0], f[1]
		} else {
			quota = content(filepath.Join(folder, "cpu.cfs_quota_us")) // -1: none
			period = content(filepath.Join(folder, "cpu.cfs_period_us"))
		}
		q, errQ := strconv.ParseFloat(quota, 64)
		p, errP := strconv.ParseFloat(period, 64)
		return q / p, errors.Join(errQ, errP) == nil && q > 0 && p > 0
	})
}

// unlimited is what version 1 shows for no limit: the largest number of pages, in bytes.
const unlimited = 1 << 62

// cgroupLimit is the smallest number in the files named, of this process's groups; nil where none limits it.
func (r reader) cgroupLimit(controller, v1File, v2File string) (*float64, error) {
	return r.lowest(controller, func(folder string, v2 bool) (float64, bool) {
		name := v1File
		if v2 {
			name = v2File
		}
		n, err := strconv.ParseUint(content(filepath.Join(folder, name)), 10, 64) // "max" is no number
		return float64(n), err == nil && n < unlimited
	})
}

func content(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
