package record

// KernelMemory is what the kernel's caches of small objects grew by from before the load to the end of the hold: of the
// whole host, whatever else ran there.
type KernelMemory struct {
	Caches []CacheGrowth `json:"caches"` // those that grew, by name
	// SlabBytes is the growth of all of them together by another count (Slab of /proc/meminfo); nil where it cannot be read.
	SlabBytes *int64 `json:"slab_bytes"`
}

// CacheGrowth is one cache's.
type CacheGrowth struct {
	Name        string   `json:"name"` // as slabinfo shows it
	Also        []string `json:"also"` // its other names, where the kernel has merged caches
	ObjectBytes int64    `json:"object_bytes"`
	Objects     int64    `json:"objects"` // more in use
	Bytes       int64    `json:"bytes"`   // more taken, in whole pages
}

// ProcessMemory is the most memory that one of this program's own processes held at once (VmHWM), in bytes.
type ProcessMemory struct {
	Role      string `json:"role"` // conductor, lab-init, client, server, client-2, ...
	PID       int    `json:"pid"`  // as the host knows it
	PeakBytes int64  `json:"peak_bytes"`
}
