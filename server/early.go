//go:build linux

package server

// early learns whether requests are there by the time their connections are accepted, as they are under load. Such a
// request is read at once, and the connection of a server that closes first is over before it was ever watched.
type early struct {
	luck   int // found less missed, within lately
	waited int // connections since the last try
}

const (
	// lately is how many misses in a row it takes to stop trying, and how many finds to go on.
	lately = 8
	// tryAgain is how many connections are then let pass before the next try.
	tryAgain = 32
)

// tries tells whether the next request is looked for at once.
func (e *early) tries() bool {
	e.waited++
	return e.luck > -lately || e.waited > tryAgain
}

// tried takes note of what came of it.
func (e *early) tried(found bool) {
	e.waited = 0
	if found {
		e.luck = min(e.luck+1, lately)
	} else {
		e.luck = max(e.luck-1, -lately)
	}
}
