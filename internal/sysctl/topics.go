package sysctl

// topics are the settings that recipes name. A new one takes its facts into docs/FACTS.md, each with a test.
var topics = []Topic{
	{
		Key: "net.ipv4.tcp_tw_reuse", Side: opens, Unit: "0, 1 or 2",
		Does: "Lets connect() take over a TIME_WAIT of its own side: 1 anywhere, 2 over loopback only, 0 nowhere. The " +
			"TIME_WAIT must be older than tcp_tw_reuse_delay, and its connection must have carried timestamps.",
		Clause: "only connect() takes a TIME_WAIT over; a server accepts",
		Not: "It takes nothing away from a server that closes first: that one only accepts. A port that bind() chose is not " +
			"taken over either.",
		Costs: "It takes timestamps on both sides.",
		price: "needs timestamps on both sides", costly: becomes("1"),
	},
	{
		Key: "net.ipv4.tcp_tw_reuse_delay", Side: opens, Unit: "milliseconds",
		Does:   "How old a TIME_WAIT must be before tcp_tw_reuse may take it over.",
		Clause: "the age at which tcp_tw_reuse takes a TIME_WAIT over",
		Not:    "It changes nothing where tcp_tw_reuse does not apply, and no TIME_WAIT ends sooner by it.",
	},
	{
		Key: "net.ipv4.tcp_tw_recycle", Side: either,
		Does:   "Was to end TIME_WAIT early. No kernel since Linux 4.12 has it.",
		Clause: "it was to end TIME_WAIT early",
	},
	{
		Key: "net.ipv4.tcp_fin_timeout", Side: closes, Unit: "seconds",
		Does: "How long a FIN_WAIT2 stands that no process holds any more: this side has closed, the other has not. Above 60 " +
			"it is twice what is above 60: with 61 it stands for 2 s, with 120 for 120 s.",
		Clause: "it ends FIN_WAIT2, not TIME_WAIT",
		Not: "It does not touch TIME_WAIT, whose 60 s are compiled in, nor a FIN_WAIT2 whose process has only called " +
			"shutdown().",
		Costs: "When it is lowered: a peer that is slow to close and still writes is reset sooner.",
		price: "a peer that still writes after that is reset", costly: falls,
	},
	{
		Key: "net.ipv4.tcp_max_tw_buckets", Side: closes, Unit: "sockets",
		Does: "How many TIME_WAIT this network namespace keeps. A socket that closes beyond that skips TIME_WAIT, and " +
			"TCPTimeWaitOverflow counts it.",
		Clause: "over it a closing socket skips TIME_WAIT",
		Not:    "It does not shorten TIME_WAIT: those within the limit live as long as ever, and so do those that stand already.",
		Costs:  "When it is lowered: connections over the limit have no TIME_WAIT, and nothing of what that protects from.",
		price:  "connections over the limit skip TIME_WAIT", costly: falls,
	},
	{
		Key: portRange, Side: opens, Unit: "two ports",
		Does: "The ports that connect() and bind() choose from. Each can be had once for every source address, destination " +
			"address and destination port.",
		Clause: "the ports that connect() chooses from; a server that accepts needs none",
		Not:    "It does nothing for a side that only accepts, and what a port's TIME_WAIT costs stays as it is.",
		Costs:  "From below 32768 it hands out ports that services listen on: one that starts later may find its port taken.",
		price:  "services that start later may find their port taken", costly: reachesDown,
	},
	{
		Key: reservedPorts, Side: opens, Unit: "ports, like 8080,9000-9100",
		Does:   "Ports that connect() and bind() leave out when they choose one.",
		Clause: "ports that connect() leaves out",
		Costs:  "Each of them that lies in ip_local_port_range is one outgoing port less.",
		price:  "each one in the range is one outgoing port less", costly: notEmpty,
	},
	{
		Key: unprivilegedStart, Side: opens, Unit: "port",
		Does:   "The first port that any program may take. ip_local_port_range cannot begin below it.",
		Clause: "ip_local_port_range cannot begin below it",
	},
	{
		Key: "net.ipv4.ip_autobind_reuse", Side: opens, Unit: "0 or 1",
		Does:   "With 1 bind() to port 0 shares a port among destinations, where both sockets set SO_REUSEADDR.",
		Clause: "bind() to port 0 shares ports under SO_REUSEADDR; connect() does not look",
		Not:    "A plain connect() has no use for it: it chooses a port for its own destination alone.",
		Costs:  "connect() may fail after bind() has succeeded.",
		price:  "connect() may fail after bind() has succeeded", costly: becomes("1"),
	},
	{
		Key: "net.ipv4.tcp_syncookies", Side: listens, Unit: "0, 1 or 2",
		Does: "What a listener does with a SYN when more than its backlog wait for the end of their handshake: with 1 it " +
			"answers with a cookie and keeps nothing, with 0 it drops the SYN. With 2 it answers every SYN with a cookie.",
		Clause: "a full SYN queue answers with cookies; a full accept queue drops all the same",
		Not:    "It does not help a full accept queue: a program that is slow to accept() loses SYNs with it as without.",
		Costs:  "With 0 a SYN over the backlog is dropped.",
		price:  "a SYN over the backlog is dropped", costly: becomes("0"),
	},
	{
		Key: "net.ipv4.tcp_max_syn_backlog", Side: listens, Unit: "connections",
		Does: "With tcp_syncookies=0, a listener keeps three quarters of it, and one, waiting for the end of their handshake. " +
			"With cookies on, the listener's own backlog decides, and this is not looked at.",
		Clause: "it counts with tcp_syncookies=0 only",
		Not:    "It does not widen the accept queue: that is the backlog of listen() and net.core.somaxconn.",
	},
	{
		Key: "net.core.somaxconn", Side: listens, Unit: "connections",
		Does: "The most that listen() gets as its backlog. One connection more than that waits for accept(), and one more " +
			"than that may be in SYN_RECV.",
		Clause: "the most that listen() gets as its backlog",
		Not:    "It does nothing for a program that asks listen() for less, nor for one that listens already.",
	},
	{
		Key: "net.core.netdev_max_backlog", Side: either, Unit: "packets",
		Does:   "How many received packets may wait for a processor. There is one for the whole host.",
		Clause: "room for received packets that wait for a processor",
	},
	{
		Key: "net.ipv4.tcp_keepalive_time", Side: either, Unit: "seconds",
		Does:   "After how long an idle connection asks whether its peer is still there, where its program has set SO_KEEPALIVE.",
		Clause: "idle SO_KEEPALIVE connections only",
		Not:    "It does nothing for connections without SO_KEEPALIVE, and nothing about TIME_WAIT.",
	},
	{
		Key: "net.ipv4.tcp_keepalive_intvl", Side: either, Unit: "seconds",
		Does:   "How long a connection with SO_KEEPALIVE waits for an answer before it asks again.",
		Clause: "idle SO_KEEPALIVE connections only",
		Not:    "It does nothing for connections without SO_KEEPALIVE, and nothing about TIME_WAIT.",
	},
	{
		Key: "net.ipv4.tcp_keepalive_probes", Side: either, Unit: "probes",
		Does:   "How many times a connection with SO_KEEPALIVE asks in vain before it ends with ETIMEDOUT.",
		Clause: "idle SO_KEEPALIVE connections only",
		Not:    "It does nothing for connections without SO_KEEPALIVE, and nothing about TIME_WAIT.",
		Costs:  "When it is lowered: a peer that answers late is given up.",
	},
	{
		Key: "net.ipv4.tcp_timestamps", Side: either, Unit: "0, 1 or 2",
		Does:   "Whether connections carry timestamps, where both sides want them.",
		Clause: "tcp_tw_reuse takes over only connections that had them",
		Costs:  "With 0, tcp_tw_reuse takes nothing over, neither here nor on this host's peers.",
		price:  "tcp_tw_reuse takes nothing over any more", costly: becomes("0"),
	},
	{
		Key: "net.ipv4.tcp_rfc1337", Side: closes, Unit: "0 or 1",
		Does:   "With 1 an RST does not end a TIME_WAIT; with 0 one with the expected sequence number does.",
		Clause: "with 1 an RST does not end a TIME_WAIT",
	},
	{
		Key: "net.ipv4.tcp_max_orphans", Side: closes, Unit: "sockets",
		Does:   "The limit for sockets that no process holds and that are still busy closing. There is one for the whole host.",
		Clause: "a limit for sockets that no process holds; TIME_WAIT is none of them",
		Not:    "It does not limit TIME_WAIT, which is no orphan.",
	},
	{
		Key: "net.ipv4.tcp_orphan_retries", Side: either, Unit: "times; 0 is 8",
		Does:   "How often a FIN without an answer is sent again after the program has closed the connection.",
		Clause: "how often an unanswered FIN is sent again",
		Not:    "It does nothing about FIN_WAIT2 or TIME_WAIT, whose FIN has been answered.",
	},
	{
		Key: "net.ipv4.tcp_syn_retries", Side: opens, Unit: "times",
		Does: "How often a SYN without an answer is sent again before connect() fails with ETIMEDOUT; " +
			"tcp_syn_linear_timeouts adds as many at most.",
		Clause: "how often an unanswered SYN is sent again",
	},
	{
		Key: "net.ipv4.tcp_synack_retries", Side: listens, Unit: "times",
		Does:   "How often a SYN,ACK without an answer is sent again before the SYN_RECV is given up.",
		Clause: "how often an unanswered SYN,ACK is sent again",
	},
	{
		Key: "net.ipv4.tcp_retries2", Side: either, Unit: "times",
		Does: "How long data without an answer is sent again before the connection ends with ETIMEDOUT, counted in the times " +
			"that a doubling wait would take.",
		Clause: "how long unanswered data is sent again",
		Not:    "It does nothing for an idle connection: nothing is sent there.",
	},
	{
		Key: "net.ipv4.tcp_abort_on_overflow", Side: listens, Unit: "0 or 1",
		Does: "With 1 a handshake that ends while the accept queue is full is answered with an RST; with 0 the client " +
			"believes it is connected and the server asks again.",
		Clause: "a handshake that ends at a full accept queue is reset",
		Not:    "A SYN that meets a full accept queue is dropped without an answer in either case.",
		Costs:  "With 1 clients get ECONNRESET where they would have got in a second later.",
		price:  "clients are reset where they would have got in later", costly: becomes("1"),
	},
	{
		Key: "net.ipv4.tcp_rmem", Side: either, Unit: "bytes: least, default, most",
		Does:   "The size of a connection's receive buffer. The second is what a new socket has.",
		Clause: "receive buffers; TIME_WAIT has none",
		Not:    "A TIME_WAIT has no buffers.",
	},
	{
		Key: "net.ipv4.tcp_wmem", Side: either, Unit: "bytes: least, default, most",
		Does:   "The size of a connection's send buffer. The second is what a new socket has.",
		Clause: "send buffers; TIME_WAIT has none",
		Not:    "A TIME_WAIT has no buffers.",
	},
	{
		Key: "net.ipv4.tcp_mem", Side: either, Unit: "pages: three limits",
		Does:   "Limits for the memory of all TCP buffers. There is one set for the whole host.",
		Clause: "limits for the host's TCP buffers; TIME_WAIT has none",
		Not:    "A TIME_WAIT has no buffers.",
	},
	{
		Key: "net.ipv4.tcp_fastopen", Side: either, Unit: "bits: 1 client, 2 server",
		Does: "Lets a client send its first bytes with the SYN (1), and a server take them (2), where their programs ask for " +
			"it.",
		Clause: "only programs that ask for TCP_FASTOPEN use it",
		Not:    "It does nothing for programs that do not set a TCP_FASTOPEN option, and leaves TIME_WAIT as it is.",
	},
	{
		Key: "net.ipv4.tcp_slow_start_after_idle", Side: either, Unit: "0 or 1",
		Does: "With 1 a connection that was idle begins again with a small window; with 0 it keeps the one it had. It is so " +
			"with the congestion controls reno and cubic.",
		Clause: "long connections that were idle only",
		Not:    "It does nothing for a connection that carries one request and one response.",
	},
	{
		Key: "net.netfilter.nf_conntrack_max", Side: either, Unit: "connections",
		Does:   "How many connections connection tracking remembers. It is set for the whole host.",
		Clause: "the size of the connection tracking table",
		Not:    "It is no limit on sockets: TIME_WAIT is counted apart.",
	},
	{
		Key: "net.netfilter.nf_conntrack_tcp_timeout_*", Side: either, Unit: "seconds",
		Does:   "How long connection tracking remembers a connection in that state.",
		Clause: "it ends entries of connection tracking, not sockets",
		Not:    "It does not touch sockets: TCP's own TIME_WAIT lives its 60 s whatever this says.",
	},
}
