package main

import (
	"errors"
	"strings"
	"testing"

	"twomsl/internal/lab"
	"twomsl/internal/record"
)

// What has no room is refused before anything starts, with what it would need: exit code 6.
func TestScaleRefusesWhatHasNoRoom(t *testing.T) {
	sizes := []scaleSize{{kind: timeWaitIn, n: 1_000_000}, {kind: established, n: 100_000}}
	if err := (scaleRoom{memory: 8 << 30, descriptors: 20_000, files: 1 << 20}).refuse(sizes); err != nil {
		t.Errorf("8 GB: %v", err)
	}
	if err := (scaleRoom{}).refuse(sizes); err != nil {
		t.Errorf("where nothing can be read: %v", err)
	}
	err := scaleRoom{memory: 512 << 20, descriptors: 1024, files: 50_000}.refuse(sizes)
	var unavailable *lab.UnavailableError
	if !errors.As(err, &unavailable) {
		t.Fatalf("512 MB: %v", err)
	}
	for _, want := range []string{
		"--time-wait 1000000 needs about 566 MB, and 512 MB are available", "--established 100000 needs about",
		"in 210 processes, as one may have 1024 descriptors", "needs 210000 open files, and the host may open 50000 more",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	var exit *exitError
	if !errors.As(startError(err), &exit) || exit.code != exitCannot {
		t.Errorf("exit %+v", exit)
	}
}

// A round's memory is told only where the sockets' own cache grew by them; all of it is what belongs to sockets.
func TestScaleFigures(t *testing.T) {
	standing := func(objects int64) *record.Trial {
		return &record.Trial{
			Stand: &record.Stand{Standing: record.Counts{record.TimeWait: 10_000}},
			KernelMemory: &record.KernelMemory{Caches: []record.CacheGrowth{
				{Name: "eventpoll_epi", Also: []string{"fib6_node", "tcp_bind_bucket"}, ObjectBytes: 128, Objects: 5_000, Bytes: 640_000},
				{Name: "ext4_inode_cache", ObjectBytes: 1128, Objects: 90_000, Bytes: 9 << 20},
				{Name: "filp", ObjectBytes: 192, Objects: 20, Bytes: 4096},
				{Name: "tw_sock_TCP", ObjectBytes: 256, Objects: objects, Bytes: 2_560_000},
			}, SlabBytes: new(int64(5_000_000))},
			Processes: []record.ProcessMemory{{PeakBytes: 30_000_000}, {PeakBytes: 12_000_000}},
		}
	}
	s := scaleSize{kind: timeWaitOut, n: 10_000}
	quiet := s.measured(standing(10_010))
	got := map[string]float64{}
	for _, m := range quiet.metrics(nil) {
		got[m.Name] = m.Values[0]
	}
	if got["bytes_per_socket"] != 320 || got["slab_per_socket"] != 500 || got["own_memory"] != 42 || got["sockets"] != 10_000 {
		t.Errorf("%v", got)
	}
	note := (&scaleFamily{"row", quiet}).note()
	if want := "0.50 tcp_bind_bucket or eventpoll_epi of 128 B (64 B) + 1.00 tw_sock_TCP of 256 B (256 B)"; !strings.Contains(note, want) {
		t.Errorf("%q", note)
	}
	for _, objects := range []int64{12_000, 8_000, 0} {
		disturbed := s.measured(standing(objects))
		if !disturbed.disturbed() || disturbed.metrics(nil)[0].Name == "bytes_per_socket" {
			t.Errorf("%d objects for 10,000 sockets: %+v", objects, disturbed)
		}
	}
}

// Who looks at the descriptors of all processes makes a dentry and an inode for each: those are not the socket's.
func TestScaleLeavesOnLookersOut(t *testing.T) {
	caches, lookedAt := scaleCaches([]record.CacheGrowth{
		{Name: "dentry", ObjectBytes: 192, Objects: 20_000, Bytes: 4_000_000},
		{Name: "proc_inode_cache", ObjectBytes: 696, Objects: 10_000, Bytes: 7_000_000},
	}, 10_000)
	if len(caches) != 1 || caches[0].objects != 1 || caches[0].bytes != 200 || lookedAt != 1 {
		t.Errorf("%+v, %v", caches, lookedAt)
	}
}

// Every row's command repeats that row and no other.
func TestScaleCommands(t *testing.T) {
	f := scaleFlags{timeWait: []int{3000, 3000, 0}, timeWaitOut: []int{0}, established: []int{500}, hold: "2s"}
	sizes, err := f.sizes()
	if err != nil || len(sizes) != 2 {
		t.Fatalf("%v, %v", sizes, err)
	}
	if got, want := sizes[1].command("2s"), "twomsl bench scale --time-wait 0 --time-wait-out 0 --established 500 --hold 2s"; got != want {
		t.Errorf("%q", got)
	}
	if a := sizes[0].scenario.Client.Addresses; a != 1 {
		t.Errorf("%d addresses for 3,000", a)
	}
}
