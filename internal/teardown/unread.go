package teardown

import (
	"twomsl/internal/record"
	"twomsl/internal/scenario"
)

// trailing is how many bytes the peer says that the closer never reads.
const trailing = 64

// unread is close() with bytes still to be read: an RST instead of a FIN, whatever SO_LINGER says (RFC 2525, 2.17;
// tcp_close counts it in TCPAbortOnClose). What the closer had sent and the peer had not got is lost with it.
func init() {
	register(Kind{
		Name: "unread", Usage: "unread", About: "close() with data unread, which the peer has sent on top",
		Samples: []string{""}, Sides: oneSide,
		Make: func(side scenario.Side, argument string) (Strategy, error) {
			does := part{
				[]Step{{Op: AwaitData}, {Op: Close}},
				record.Declared{Counters: counted("TcpExt.TCPAbortOnClose"), MayLose: true},
			}
			other := part{
				[]Step{{Op: Say, Bytes: trailing}, {Op: ReadEOF}, {Op: Close}},
				record.Declared{Reset: record.All, LostEach: trailing},
			}
			return shareOut(side, does, other), noArgument(argument)
		},
	})
}
