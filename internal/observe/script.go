package observe

import (
	_ "embed"
	"math"
	"strconv"
	"strings"
	"time"

	"twomsl/internal/look"
	"twomsl/internal/record"
)

//go:embed script.sh
var script string

// What of a process's descriptors makes it worth telling.
const (
	fewDescriptors  = 32  // are not worth a look at the limit
	manyDescriptors = 100 // are told whatever the limit
)

// Script is a POSIX shell script that collects the text of twomsl snapshot where nothing may be installed: two looks, with as
// many whole seconds between them as watch has, rounded up.
func Script(watch time.Duration) string {
	gap := func(g record.Gap) string { return look.MarkGap + " " + g.What + ": " + g.Why }
	return strings.NewReplacer(
		"@SECONDS@", strconv.Itoa(int(math.Ceil(watch.Seconds()))),
		"@SYSCTLS@", "\t\t"+strings.Join(look.Sysctls, " \\\n\t\t"),
		"@FEW@", strconv.Itoa(fewDescriptors), "@MANY@", strconv.Itoa(manyDescriptors),
		"@SNAPSHOT@", look.MarkSnapshot, "@LOOK@", look.MarkLook, "@SOCKETS@", look.MarkSockets, "@END@", look.MarkEnd,
		"@GAP_DIAG@", gap(look.GapDiag), "@GAP_OTHERS@", gap(look.GapOthers), "@GAP_DESCRIPTORS@", gap(look.GapDescriptors),
	).Replace(script)
}
