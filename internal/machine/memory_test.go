package machine

import "testing"

// What is free, or the whole of a cgroup's limit where that is less.
func TestMemoryAvailable(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  int64 // 0: an error
	}{
		"free":     {map[string]string{"proc/meminfo": "MemTotal: 2000 kB\nMemAvailable:   1500 kB\n"}, 1500 << 10},
		"no field": {map[string]string{"proc/meminfo": "MemTotal: 2000 kB\n"}, 0},
		"no file":  {map[string]string{"proc/meminfo": "-"}, 0},
		"garbage":  {map[string]string{"proc/meminfo": "MemAvailable: many kB\n"}, 0},
	} {
		got, err := MemoryAvailable(fakeRoot(t, c.files))
		if got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
}
