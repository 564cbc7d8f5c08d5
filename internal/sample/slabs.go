package sample

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// SlabCache is one of the kernel's caches of small objects, as /proc/slabinfo shows it: of the whole host.
type SlabCache struct {
	Name string
	// Also are the other names of the cache, sorted: the kernel merges caches of like objects (mm/slab_common.c,
	// slab_unmergeable), and shows them under the name of the first.
	Also []string
	// ObjectBytes is the size of one object's slot, padding included.
	ObjectBytes int64
	// Objects are those in use. The kernel counts every slot of a slab that a processor works with as used.
	Objects int64
	// Bytes is what all slabs of the cache take, in whole pages.
	Bytes int64
}

// SlabCaches reads all of them, by name. Only root may.
func SlabCaches() (map[string]SlabCache, error) {
	caches, err := slabCaches(os.DirFS("/"), int64(os.Getpagesize()))
	if err != nil {
		return nil, err
	}
	merged, err := os.ReadDir(slabLinks)
	if err != nil {
		return caches, nil // without sysfs merged caches have the one name that slabinfo shows
	}
	links := map[string]string{}
	for _, entry := range merged {
		if target, err := os.Readlink(path.Join(slabLinks, entry.Name())); err == nil {
			links[entry.Name()] = target
		}
	}
	nameMerged(caches, links)
	return caches, nil
}

// slabLinks has a directory for each cache, and a link to it for each of its names where there are several.
const slabLinks = "/sys/kernel/slab"

func slabCaches(root fs.FS, page int64) (map[string]SlabCache, error) {
	text, err := readSlab(root, "proc/slabinfo")
	if err != nil {
		return nil, err
	}
	caches, err := parseSlabCaches(text, page)
	if err != nil {
		return nil, fmt.Errorf("/proc/slabinfo: %w", err)
	}
	return caches, nil
}

// parseSlabCaches reads slabinfo(5), format 2.1: name, objects in use, objects, size, objects and pages of a slab, and at
// the end slabs in use, slabs, and slabs shared.
func parseSlabCaches(text string, page int64) (map[string]SlabCache, error) {
	if !strings.HasPrefix(text, "slabinfo - version: 2.") {
		return nil, errors.New("not in format 2")
	}
	caches := map[string]SlabCache{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" || f[0] == "slabinfo" {
			continue
		}
		if len(f) < 16 || f[12] != "slabdata" {
			return nil, fmt.Errorf("%q is no line of a cache", strings.TrimSpace(line))
		}
		var n [4]int64
		for i, column := range []int{1, 3, 5, 14} {
			var err error
			if n[i], err = strconv.ParseInt(f[column], 10, 64); err != nil || n[i] < 0 {
				return nil, fmt.Errorf("%s: %q is no count", f[0], f[column])
			}
		}
		caches[f[0]] = SlabCache{Name: f[0], Also: []string{}, Objects: n[0], ObjectBytes: n[1], Bytes: n[2] * n[3] * page}
	}
	return caches, nil
}

// nameMerged tells each cache its other names. links has the cache's directory by each name that it is known by.
func nameMerged(caches map[string]SlabCache, links map[string]string) {
	names := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		names[links[name]] = append(names[links[name]], name)
	}
	for _, all := range names {
		i := slices.IndexFunc(all, func(name string) bool { _, shown := caches[name]; return shown })
		if i < 0 {
			continue
		}
		c := caches[all[i]]
		c.Also = slices.Delete(slices.Clone(all), i, i+1)
		caches[c.Name] = c
	}
}
