package machine

import (
	"fmt"
	"strconv"
	"strings"
)

// MemoryAvailable is how many bytes can be taken without paging (MemAvailable), or fewer where a cgroup allows fewer in
// all. Root is as in Options.
func MemoryAvailable(root string) (int64, error) {
	r := reader{root: root, gaps: map[string]string{}}
	text, err := r.field("proc/meminfo", "MemAvailable")
	if err != nil {
		return 0, err
	}
	kib, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("MemAvailable is %q: %w", text, err)
	}
	bytes := kib << 10
	if limit, err := r.cgroupLimit("memory", "memory.limit_in_bytes", "memory.max"); err == nil && limit != nil {
		bytes = min(bytes, int64(*limit))
	}
	return bytes, nil
}
