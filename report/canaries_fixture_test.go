package report

import "twomsl/internal/record"

// calledAgain gives a canary its calls, every quarter of a second from half a second before the load on, each as slow as us says;
// from the time failing on, in seconds, they fail in that way. A failing of 0 is never.
func calledAgain(c record.Canary, end, failing, us float64, how record.CanaryFailure) record.Canary {
	for at := -0.5; at < end; at += 0.25 {
		p := record.CanaryPoint{AtMS: at * 1e3}
		c.Calls++
		if failing != 0 && at >= failing {
			if c.FirstFailureSeconds == nil {
				c.FirstFailureSeconds = ptr(at)
			}
			p.Phase, p.Errno = how.Phase, how.Errno
			how.Count++
		} else {
			c.Answered++
			p.LatencyUS = ptr(us + 3*float64(c.Calls%7))
		}
		c.Points = append(c.Points, p)
	}
	c.Failures = []record.CanaryFailure{}
	if how.Count > 0 {
		c.Failures = append(c.Failures, how)
	}
	if c.Answered > 0 {
		c.Latency = &record.Quantiles{Count: c.Answered, P50US: us + 9, P90US: us + 15, P99US: us + 18, P999US: us + 18, MaxUS: us + 18}
	}
	return c
}

// all6 are the canaries of a struck client, all of them answered.
func all6(end float64) []record.Canary {
	one := func(name, from, source, target string, us float64) record.Canary {
		return calledAgain(record.Canary{Name: name, From: from, Source: source, Target: target}, end, 0, us, record.CanaryFailure{})
	}
	return []record.Canary{
		one("ssh", "outside", "10.99.0.253", "10.99.0.1:22", 190), one("ssh", "host", "10.99.0.1", "10.99.0.1:22", 160),
		one("dns", "outside", "10.99.0.253", "10.99.0.1:53", 120), one("dns", "host", "10.99.0.1", "10.99.0.1:53", 95),
		one("second-destination", "host", "10.99.0.1", "10.99.0.254:9", 44),
		one("same-tuple", "host", "10.99.0.1", "10.99.0.254:8080", 48),
	}
}

// failing has one canary fail from a moment on.
func failing(c *record.Canary, end, from float64, phase, errno string) {
	fresh := record.Canary{Name: c.Name, From: c.From, Source: c.Source, Target: c.Target}
	*c = calledAgain(fresh, end, from, c.Latency.P50US-9, record.CanaryFailure{Phase: phase, Errno: errno})
}

// canariesSmall is the exhaustion of 1,000 ports: nothing but the load's own tuple is the worse for it.
func canariesSmall() *record.Trial {
	t := exhaustionSmall()
	t.ID, t.Scenario.Name, t.Scenario.Struck = "port-exhaustion-canaries-20261121-101500-ab12", "port-exhaustion-canaries", client
	t.Canaries = all6(12)
	failing(&t.Canaries[5], 12, 5.25, "connect", "EADDRNOTAVAIL")
	return t
}

// canariesBound has ports that bind() took from every destination: SSH on the host itself finds none either, and the
// server's names are not answered.
func canariesBound() *record.Trial {
	t := canariesSmall()
	t.ID, t.Scenario.Name = "explicit-bind-canaries-20261121-101500-ab12", "explicit-bind-canaries"
	failing(&t.Canaries[1], 12, 5, "connect", "EADDRNOTAVAIL")
	failing(&t.Canaries[2], 12, 6, "read", "ETIMEDOUT")
	failing(&t.Canaries[4], 12, 5, "bind", "EADDRINUSE")
	failing(&t.Canaries[5], 12, 5, "bind", "EADDRINUSE")
	return t
}
