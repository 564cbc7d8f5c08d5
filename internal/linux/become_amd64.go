package linux

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_X86_64

// chowns are there on older architectures beside fchownat.
var chowns = []uint32{unix.SYS_CHOWN, unix.SYS_LCHOWN}
