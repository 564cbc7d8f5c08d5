package scenario

import (
	"fmt"
	"testing"
)

func closeBy(side Side, how How) func(*Scenario) {
	return func(s *Scenario) { s.Close.Side, s.Close.How = side, how }
}

func TestCheckClose(t *testing.T) {
	said(t, []tell{
		{`close.how: "fni" is no way to close`, closeBy("", "fni")},
		{`close.how: "fni" is no way to close`, closeBy(BothSides, "fni")},
		{`close.side: "sever" is not known here; did you mean server? allowed: client, server, both`, closeBy("sever", "")},
		{"close.linger: says 5 and close.how says linger=0: leave one of them out", func(s *Scenario) {
			s.Close = Close{How: "linger=0", Linger: Linger{true, 5}}
		}},
		{"close.linger: says 0 and close.how says fin: leave one of them out", func(s *Scenario) {
			s.Close = Close{How: "fin", Linger: Linger{On: true}}
		}},
		{"close.linger: says 5 and close.how says linger=-1: leave one of them out", func(s *Scenario) {
			s.Close = Close{How: "linger=-1", Linger: Linger{true, 5}}
		}},
		{"close.linger: says 5 and close.how says linger2=5: leave one of them out", func(s *Scenario) {
			s.Close = Close{How: "linger2=5", Linger: Linger{true, 5}}
		}},
		{"", func(s *Scenario) { s.Close = Close{How: "linger=5", Linger: Linger{true, 5}} }},
		{"", func(s *Scenario) { s.Close = Close{Linger: Linger{true, 5}} }},
		{"", func(s *Scenario) { s.Close = Close{Linger: Linger{On: true}} }},

		{"", closeBy("", "simultaneous")},
		{"", closeBy(BothSides, "simultaneous")},
		{"", func(s *Scenario) { s.Topology, s.Close.How = Loopback, "simultaneous" }},
		{
			"close.how: simultaneous needs a lab, where packets can be held back: set topology=veth, or another close.how",
			func(s *Scenario) { s.Topology, s.Close.How = Host, "simultaneous" },
		},
		{
			"close.side: the client cannot close simultaneously alone: set close.side=both, or leave it out",
			closeBy(ClientSide, "simultaneous"),
		},
	})
}

func TestCheckCloseByBoth(t *testing.T) {
	for _, how := range []How{"fin", "graceful", "graceful=5s", "linger=0", "linger=5", "linger=-1"} {
		said(t, []tell{{"", closeBy(BothSides, how)}})
	}
	for _, how := range []How{"unread", "half", "leak", "linger2=5"} {
		want := fmt.Sprintf("close.side: both cannot do %s, which needs a side that does not: set close.side=client or "+
			"close.side=server", how)
		said(t, []tell{{want, closeBy(BothSides, how)}, {"", closeBy(ServerSide, how)}})
	}
}

// A FIN that is held takes the data along that it carries.
func TestCheckSimultaneousSaysAllBefore(t *testing.T) {
	const held = "close.how: simultaneous holds back each FIN with the data it carries, so all that is said must be sent by " +
		"then: leave link.rate out and keep payload.request and payload.response at 8KiB, or set another close.how"
	with := func(change func(*Scenario)) func(*Scenario) {
		return func(s *Scenario) { s.Close.How = "simultaneous"; change(s) }
	}
	said(t, []tell{
		{held, with(func(s *Scenario) { s.Link.Rate = 20_000_000 })},
		{held, with(func(s *Scenario) { s.Payload.Response = 8193 })},
		{held, with(func(s *Scenario) { s.Payload.Request = 8193 })},
		{"", with(func(s *Scenario) { s.Payload = Payload{Request: 8192, Response: 8192} })},
	})
}

// A goal of TIME_WAIT and a way to close that leaves none.
func TestCheckGoalNeverReached(t *testing.T) {
	goal := func(c Close) func(*Scenario) {
		return func(s *Scenario) { s.Close, s.Load.Stop.TimeWait = c, goalOf("", 5000) }
	}
	never := func(how, why, side string) string {
		return fmt.Sprintf("close.how: %s leaves no TIME_WAIT (%s), so the goal of 5,000 on the %s is never reached; set "+
			"close.how=fin and close.linger=off, or drop the goal with load.stop.time_wait=off", how, why, side)
	}
	const unread = "closing over unread data resets the connection"
	const reset = "SO_LINGER {1,0} resets the connection"
	said(t, []tell{
		{never("linger=0", reset, "client"), goal(Close{How: "linger=0"})},
		{never("linger=0", reset, "client"), goal(Close{Linger: Linger{On: true}})},
		{never("unread", unread, "server"), goal(Close{ServerSide, "unread", Linger{}})},
		{never("half", "both sides stay half open", "client"), goal(Close{How: "half"})},
		{never("never", "neither side closes", "client"), func(s *Scenario) {
			s.Close.How, s.Load.Rate = "never", 10
			s.Load.Stop.TimeWait = goalOf(ClientSide, 5000)
		}},
		{never("leak", "one side never closes", "client"), goal(Close{How: "leak"})},
		{never("linger2=5", "the other side never closes", "client"), goal(Close{How: "linger2=5"})},
		{"", goal(Close{How: "fin"})},
		{"", goal(Close{How: "graceful=5s"})},
		{"", goal(Close{How: "linger=-1"})},
		{"", goal(Close{Linger: Linger{true, 1}})},
		{never("simultaneous", "its FINs are held back until the load is over", "server"), func(s *Scenario) {
			s.Close.How, s.Load.Stop.TimeWait = "simultaneous", goalOf(ServerSide, 5000)
		}},
		{"", closeBy("", "linger=0")}, // no goal
	})
}
