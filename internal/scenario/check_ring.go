package scenario

// ring judges io: uring, which insists, where all else is in order.
func (c *checker) ring(known Known) {
	if c.s.IO != "uring" || known.Ring == nil || len(c.problems) > 0 {
		return
	}
	if why := known.Ring(c.s); why != "" {
		c.add("io", "uring is not possible here: %s; io=auto would choose epoll", why)
	}
}
