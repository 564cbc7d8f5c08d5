package claims

import (
	"slices"

	"twomsl/internal/record"
)

// peerStays makes the assay life time FIN_WAIT2.
const peerStays = "peer=stays"

func assay(name string, arguments ...string) record.Try {
	return record.Try{Assay: name, Arguments: list(arguments), Set: []string{}, Sysctl: []string{}}
}

func trial(scenario string, set ...string) record.Try {
	return record.Try{Scenario: scenario, Set: list(set), Sysctl: []string{}, Arguments: []string{}}
}

// with gives the same trial with settings written after its own, as --sysctl takes them.
func with(t record.Try, sysctl ...string) record.Try {
	t.Sysctl = slices.Concat(t.Sysctl, sysctl)
	return t
}

func list(in []string) []string { return append([]string{}, in...) }

// closed is 200 connections that a side takes down in some way.
func closed(side, how string, set ...string) record.Try {
	return trial("close-matrix", slices.Concat([]string{"close.side=" + side, "close.how=" + how}, set)...)
}

// narrow is 400 connections, 100 a second, from 200 ports: the client closes first.
func narrow(set ...string) record.Try {
	return closed(client, "fin", slices.Concat([]string{
		"sysctl.client.net.ipv4.ip_local_port_range=40000 40199", "load.rate=100/s", "load.stop.connections=400",
	}, set)...)
}

// wide fills every port of a range, each socket with that range of its own so that connect() stays quick.
func wide(low, high string) record.Try {
	return trial("port-exhaustion", "sysctl.client.net.ipv4.ip_local_port_range="+low+" "+high, "client.local_port_range="+low+"-"+high)
}

// many is 1,500 connections, 1,000 a second.
func many(side string, set ...string) record.Try {
	return closed(side, "fin", slices.Concat([]string{"load.rate=1000/s", "load.stop.connections=1500", inTurn}, set)...)
}

// inTurn has the client take its ports one after the other: a port that comes back would replace the server's TIME_WAIT.
const inTurn = "client.bind=10000-29999"
