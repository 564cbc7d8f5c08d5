package record

import "fmt"

// host wants one of the hosts of a trial, where there may be a relay.
func (c *checker) host(path, host string) {
	c.oneOf(path, host, []string{"client", "server", "relay"})
}

// relay: its two faces are held to what a side is held to.
func (c *checker) relay(r *Relay) {
	if r == nil {
		return
	}
	c.oneOf("relay.close", r.Close, []string{"relay", "server"})
	c.count("relay.pool", int64(r.Pool))
	c.count("relay.accepted", r.Accepted)
	if n := r.Relayed; n != nil {
		c.count("relay.relayed", *n)
		if *n > r.Accepted {
			c.add("relay.relayed", "is %d, more than the %d that it took", *n, r.Accepted)
		}
	}
	// The faces share a host: what is of the host is checked with the first of them.
	c.sideSeen("relay.client", &Side{
		States: r.Client.States, TimeWait: r.Client.TimeWait, Samples: r.Client.Samples,
		Sysctls: r.Sysctls, CPU: r.CPU, Sampler: r.Sampler, Sampling: r.Client.Sampling,
	}, 0)
	c.sideSeen("relay.server", &Side{
		States: r.Server.States, TimeWait: r.Server.TimeWait, Samples: r.Server.Samples, Sampling: r.Server.Sampling,
	}, len(r.Ports))
	for i := range r.Ports {
		c.tuple(fmt.Sprintf("relay.ports[%d]", i), &r.Ports[i])
	}
	for i, o := range r.Outcomes {
		p := fmt.Sprintf("relay.outcomes[%d]", i)
		if o.Side != "relay" {
			c.add(p+".side", "is %q, not relay", o.Side)
		}
		c.count(p+".count", o.Count)
		if o.Cause == "" {
			c.add(p+".cause", "is empty")
		}
	}
}
