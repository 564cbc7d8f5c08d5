package record

// kept checks what was seen of connections that were left open.
func (c *checker) kept(k *Kept) {
	if k == nil {
		return
	}
	c.secondsPtr("kept.vanished_seconds", k.VanishedSeconds)
	c.countPtr("kept.stood_then", k.StoodThen)
	c.countPtr("kept.ended", k.Ended)
	c.secondsPtr("kept.found_first_seconds", k.FoundFirstSeconds)
	c.secondsPtr("kept.found_last_seconds", k.FoundLastSeconds)
	if a := k.KeepAlive; a != nil {
		c.seconds("kept.keep_alive.idle_seconds", a.IdleSeconds)
		c.seconds("kept.keep_alive.interval_seconds", a.IntervalSeconds)
		c.count("kept.keep_alive.probes", int64(a.Probes))
	}
	if h := k.Heartbeat; h != nil {
		c.seconds("kept.heartbeat.every_seconds", h.EverySeconds)
		c.seconds("kept.heartbeat.limit_seconds", h.LimitSeconds)
		c.count("kept.heartbeat.sent", h.Sent)
		c.count("kept.heartbeat.answered", h.Answered)
	}
}

// stalled checks a sample's count of who waits.
func (c *checker) stalled(path string, s *Stalled) {
	if s == nil {
		return
	}
	c.count(path+".retransmitting", s.Retransmitting)
	c.count(path+".kept_alive", s.KeptAlive)
	c.count(path+".unanswered", s.Unanswered)
}

// memory checks what a side's kept connections take.
func (c *checker) memory(path string, m *Memory) {
	if m == nil {
		return
	}
	c.count(path+".processes", int64(m.Processes))
	c.countPtr(path+".resident_before", m.ResidentBefore)
	c.countPtr(path+".resident_bytes", m.ResidentBytes)
	c.countPtr(path+".socket_bytes", m.SocketBytes)
}
