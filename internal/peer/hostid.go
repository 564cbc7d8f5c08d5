//go:build linux

package peer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"twomsl/internal/linux"
)

// hostID tells this process's host and network namespace from every other: counters of one are counters of all that is in
// it. A hash, since what a machine is called is nobody's business.
func hostID() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "" // not known, and so nobody else's
	}
	name, _ := os.ReadFile("/proc/sys/kernel/hostname") // tells clones of one snapshot apart that go on with its boot
	cookie, err := linux.NetNSCookie()
	namespace := fmt.Sprintf("cookie %d", cookie)
	if err != nil { // before Linux 5.14; the number of a namespace that is gone may come again
		inode, err := os.Readlink(procSelf + "/ns/net")
		if err != nil {
			return ""
		}
		namespace = inode
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{string(boot), string(name), namespace}, "\n")))
	return hex.EncodeToString(sum[:8])
}
