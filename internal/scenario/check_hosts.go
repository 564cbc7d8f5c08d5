package scenario

// hosts: between two hosts of the user's there is no lab that could hold packets back, track, or take a host away, and
// nothing of a scenario's text is executed on the other host.
func (c *checker) hosts() {
	s := c.s
	if s.Topology != Hosts {
		return
	}
	c.impossible([]impossible{
		{s.Engine == Paired, "engine", "paired drives both ends from one thread: over two hosts use split or net"},
	})
	if name, _ := s.Close.How.Split(); name == simultaneous {
		c.add("close.how", "%s needs a lab, where packets can be held back: leave --server out, or set another close.how", s.Close.How)
	}
}
