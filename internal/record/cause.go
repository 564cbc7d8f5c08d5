package record

// Cause is the closed set of ways in which a connection ends.
type Cause string

// The causes. Each but OK is a failure; which errno means which cause stands in CauseOf.
const (
	OK                Cause = "ok"
	AddrNotAvailable  Cause = "address-not-available"
	AddrInUse         Cause = "address-in-use"
	Refused           Cause = "refused"
	Reset             Cause = "reset"
	TimedOut          Cause = "timed-out"
	Unreachable       Cause = "unreachable"
	OutOfDescriptors  Cause = "out-of-descriptors"
	OutOfMemory       Cause = "out-of-memory"
	NotPermitted      Cause = "not-permitted"
	OptionUnsupported Cause = "option-unsupported"
	ShortRead         Cause = "short-read"
	WrongBytes        Cause = "wrong-bytes"
	SelfConnect       Cause = "self-connect" // a socket that was connected to itself (RFC 9293, 3.5: both SYNs cross)
	Other             Cause = "other"
)

// Causes lists every cause in the order in which reports name them.
var Causes = []Cause{
	OK, AddrNotAvailable, AddrInUse, Refused, Reset, TimedOut, Unreachable, OutOfDescriptors, OutOfMemory,
	NotPermitted, OptionUnsupported, ShortRead, WrongBytes, SelfConnect, Other,
}

var causeOf = map[string]Cause{
	"": OK, "EADDRNOTAVAIL": AddrNotAvailable, "EADDRINUSE": AddrInUse, "ECONNREFUSED": Refused,
	"ECONNRESET": Reset, "EPIPE": Reset, "ECONNABORTED": Reset, "ETIMEDOUT": TimedOut,
	"EHOSTUNREACH": Unreachable, "ENETUNREACH": Unreachable, "EMFILE": OutOfDescriptors, "ENFILE": OutOfDescriptors,
	"ENOMEM": OutOfMemory, "ENOBUFS": OutOfMemory, "EPERM": NotPermitted, "EACCES": NotPermitted,
	"ENOPROTOOPT": OptionUnsupported, "EOPNOTSUPP": OptionUnsupported,
}

// CauseOf names the cause that an errno stands for; Other for those it does not know.
func CauseOf(errno string) Cause {
	if c, ok := causeOf[errno]; ok {
		return c
	}
	return Other
}
