// Package scenario is what to do: a Scenario, its YAML, its defaults, its checks and the library that comes with the
// program. The package is pure: it reads no file but those it is given, and knows nothing of how a scenario is run.
package scenario

// Scenario is one thing to reproduce. The zero value of a field means "not said"; Resolve fills it with the default.
type Scenario struct {
	Name  string `yaml:"name" json:"name"`
	Title string `yaml:"title" json:"title"` // one line
	About string `yaml:"about" json:"about"` // why it exists, what to look at

	Topology Topology `yaml:"topology" json:"topology"`
	Family   Family   `yaml:"family" json:"family"`
	Engine   string   `yaml:"engine" json:"engine"` // split: raw system calls; net: Go's standard library; paired: both ends on one thread
	// IO is how split waits: auto, uring, epoll, or blocking, a thread for each connection in flight.
	IO string `yaml:"io" json:"io"`

	Load    Load    `yaml:"load" json:"load"`
	Client  Client  `yaml:"client" json:"client"`
	Server  Server  `yaml:"server" json:"server"`
	Relay   *Relay  `yaml:"relay" json:"relay"` // nil where client and server meet directly
	Payload Payload `yaml:"payload" json:"payload"`
	Close   Close   `yaml:"close" json:"close"`
	Link    Link    `yaml:"link" json:"link"`
	Sysctl  Sysctl  `yaml:"sysctl" json:"sysctl"`
	Stand   Stand   `yaml:"stand" json:"stand"`
	Track   Track   `yaml:"track" json:"track"`
	Judge   Judge   `yaml:"judge" json:"judge"`
	Sample  Sample  `yaml:"sample" json:"sample"`
	Measure Measure `yaml:"measure" json:"measure"`

	// Struck is the side whose host is in trouble: canaries stand there, and a diagnosis is of it.
	Struck   Side     `yaml:"struck" json:"struck"`
	Canaries Canaries `yaml:"canaries" json:"canaries"`
	// Cause is what a diagnosis of the struck host must come to, one of record.DiagnosedCauses; "" promises none. It is for
	// tests and readers: no diagnosis sees it.
	Cause string `yaml:"cause" json:"cause"`
}

// Topology is where the pair lives.
type Topology string

// The topologies.
const (
	Veth     Topology = "veth"     // two private network namespaces joined by a veth link
	Loopback Topology = "loopback" // one private network namespace with its own lo
	Host     Topology = "host"     // this host's own network
	Hosts    Topology = "hosts"    // this host's and another's: the client here, a paired server there
)

// Topologies lists what Topology may be.
var Topologies = []Topology{Veth, Loopback, Host, Hosts}

// Family is the address family of the pair.
type Family string

// The families.
const (
	IPv4 Family = "ipv4"
	IPv6 Family = "ipv6"
)

// Families lists what Family may be.
var Families = []Family{IPv4, IPv6}

// Side names who does something.
type Side string

// The sides. Both is only meaningful for who closes and who tracks, relay for who is struck.
const (
	ClientSide Side = "client"
	ServerSide Side = "server"
	BothSides  Side = "both"
	RelaySide  Side = "relay"
	NoSide     Side = "none" // nobody tracks
)

// Load is how many connections are opened, how fast, and for how long.
type Load struct {
	Rate Rate `yaml:"rate" json:"rate"`
	// Concurrency is the most connections in flight at once, over all workers.
	Concurrency int  `yaml:"concurrency" json:"concurrency"`
	Stop        Stop `yaml:"stop" json:"stop"`
	// Hold is how long the result is kept standing after the load.
	Hold Duration `yaml:"hold" json:"hold"`
	// HalfOpen connections stand beside the load, from an address of their own, and never finish their handshake: the lab
	// keeps their last ACK back.
	HalfOpen int `yaml:"half_open" json:"half_open"`
}

// Stop ends the load at whichever comes first. After always bounds it; zero leaves the others out.
type Stop struct {
	After       Duration      `yaml:"after" json:"after"`
	Connections int64         `yaml:"connections" json:"connections"` // started
	Failures    int64         `yaml:"failures" json:"failures"`
	TimeWait    *TimeWaitGoal `yaml:"time_wait" json:"time_wait"`
}

// TimeWaitGoal is a number of TIME_WAIT that a side is to hold; while the load holds, what expires is opened again.
type TimeWaitGoal struct {
	Side  Side  `yaml:"side" json:"side"` // client or server
	Count int64 `yaml:"count" json:"count"`
}

// Client is the opening side.
type Client struct {
	// Addresses is how many source addresses the client uses in turn.
	Addresses int `yaml:"addresses" json:"addresses"`
	// LocalPortRange sets IP_LOCAL_PORT_RANGE (Linux 6.3) on each socket; off leaves the choice to the namespace.
	LocalPortRange PortRange `yaml:"local_port_range" json:"local_port_range"`
	// Bind is what each socket is bound to before connect(). BindAddressNoPort sets IP_BIND_ADDRESS_NO_PORT (Linux 4.2)
	// where it is bound to an address alone: the port is then left to connect().
	Bind              Bind   `yaml:"bind" json:"bind"`
	BindAddressNoPort Switch `yaml:"bind_address_no_port" json:"bind_address_no_port"`
	ReuseAddress      Switch `yaml:"reuse_address" json:"reuse_address"` // SO_REUSEADDR
	ReusePort         Switch `yaml:"reuse_port" json:"reuse_port"`       // SO_REUSEPORT
	NoDelay           Switch `yaml:"no_delay" json:"no_delay"`           // TCP_NODELAY
	// FastOpen sets TCP_FASTOPEN_CONNECT (Linux 4.11) here and TCP_FASTOPEN on the listeners.
	FastOpen  Switch    `yaml:"fast_open" json:"fast_open"`
	KeepAlive KeepAlive `yaml:"keep_alive" json:"keep_alive"`
	// Requests is how many requests a connection carries before it is taken down.
	Requests int `yaml:"requests" json:"requests"`
	Workers  int `yaml:"workers" json:"workers"` // threads; 0: half the processors
	// Descriptors is how many the client's process may hold (RLIMIT_NOFILE), its own few included; 0: as many as it can.
	Descriptors int `yaml:"descriptors" json:"descriptors"`
	// Timeout ends a connection that is not over this long after its connect().
	Timeout Duration `yaml:"timeout" json:"timeout"`
	// Command starts a client that nobody here wrote in place of ours: a line for the shell, run on the client's host, which finds
	// the server in TWOMSL_ADDRESS, TWOMSL_PORT and TWOMSL_URL. Its end ends the load, and load.stop.after ends it.
	Command string `yaml:"command" json:"command"`
	// CommandRequests is how many requests Command makes in all, where its caller knows: what processor time is divided by.
	CommandRequests int `yaml:"command_requests" json:"command_requests"`
	// Vanish is how long after the load the client's host vanishes: no packet of it leaves or arrives from then on, and its
	// sockets are gone. 0s: it stays.
	Vanish Duration `yaml:"vanish" json:"vanish"`
}

// Server is the listening side.
type Server struct {
	// Address is where the server listens in topology host; empty is the loopback address. A lab has its own.
	Address string `yaml:"address" json:"address"`
	// Addresses and Ports are how many the server listens on, every port at every address, counted up from the first.
	Addresses    int    `yaml:"addresses" json:"addresses"`
	Port         int    `yaml:"port" json:"port"`
	Ports        int    `yaml:"ports" json:"ports"`
	Backlog      int    `yaml:"backlog" json:"backlog"`
	ReuseAddress Switch `yaml:"reuse_address" json:"reuse_address"` // SO_REUSEADDR
	ReusePort    Switch `yaml:"reuse_port" json:"reuse_port"`       // SO_REUSEPORT
	// AcceptDelay is how long a worker waits between one accept() and the next.
	AcceptDelay Duration `yaml:"accept_delay" json:"accept_delay"`
	// Think is how long the server takes for each response.
	Think   Duration `yaml:"think" json:"think"`
	Workers int      `yaml:"workers" json:"workers"` // threads, each with its own SO_REUSEPORT listener
	// Descriptors is how many the server's process may hold (RLIMIT_NOFILE), its own few included; 0: as many as it can.
	Descriptors int `yaml:"descriptors" json:"descriptors"`
	// Command starts a server that nobody here wrote in place of ours: a line for the shell, run on the server's host. It
	// must listen at Port. What only our own server can do or count is then not there.
	Command string `yaml:"command" json:"command"`
	// Root is a directory that Command has for its /: a root file system, or an image that was unpacked. What Command writes
	// there goes to memory.
	Root string `yaml:"root" json:"root"`
	// Running tells that somebody else's server listens at Address and Port already, in topology host: none is started, and
	// what stands there is not looked at.
	Running Switch `yaml:"running" json:"running"`
	// KeepAlive is set on the listeners, and what accept() gives has it from there.
	KeepAlive KeepAlive `yaml:"keep_alive" json:"keep_alive"`
	// Heartbeat is the server's application's own, on connections that both sides keep.
	Heartbeat Heartbeat `yaml:"heartbeat" json:"heartbeat"`
}

// Relay is a third host between the two, a proxy: it accepts at the client's link and opens to the server over another. To
// the client it is the server, so that close says how those connections end.
type Relay struct {
	Port int `yaml:"port" json:"port"` // on which it listens
	// Addresses is how many source addresses it uses in turn towards the server.
	Addresses int `yaml:"addresses" json:"addresses"`
	// LocalPortRange and BindAddressNoPort are those of Client, on its sockets to the server.
	LocalPortRange    PortRange `yaml:"local_port_range" json:"local_port_range"`
	BindAddressNoPort Switch    `yaml:"bind_address_no_port" json:"bind_address_no_port"`
	// Close is the side that closes the connections between the two first: relay or server.
	Close Side `yaml:"close" json:"close"`
	// Pool is how many connections to the server stay open for the next client, at most; 0 opens one for each client.
	Pool int `yaml:"pool" json:"pool"`
	// Command starts a proxy that nobody here wrote in place of ours: a line for the shell, run on the relay's host, which
	// listens at TWOMSL_ADDRESS and TWOMSL_PORT and finds the server in TWOMSL_SERVER_ADDRESS and TWOMSL_SERVER_PORT.
	Command string `yaml:"command" json:"command"`
}

// Payload is the one request and the one response of a connection.
type Payload struct {
	Request  Size `yaml:"request" json:"request"`
	Response Size `yaml:"response" json:"response"`
	// Protocol is what the bytes are: plain, ours by their number; http, as servers and clients of others understand it: our
	// client says a GET, our server answers whatever is asked; or raw: Send and Until.
	Protocol Protocol `yaml:"protocol" json:"protocol"`
	// Preset is how HTTP asks, Path for what ("" is /) and Host of whom ("" is the server's address and port).
	Preset Preset `yaml:"preset" json:"preset"`
	Path   string `yaml:"path" json:"path"`
	Host   string `yaml:"host" json:"host"`
	// Send is what each request says to a server of somebody else's, Until where its answer ends. With nothing to send the
	// server speaks first.
	Send  Text  `yaml:"send" json:"send"`
	Until Until `yaml:"until" json:"until"`
}

// Protocol is what client and server say to each other.
type Protocol string

// The protocols.
const (
	Plain Protocol = "plain"
	HTTP  Protocol = "http"
	Raw   Protocol = "raw"
)

// Close is how connections are taken down.
type Close struct {
	// Side is who does what How says, and with all but leak closes first: client, server, or both (each as soon as it has
	// its bytes).
	Side Side `yaml:"side" json:"side"`
	// How is a strategy of internal/teardown, with its argument: fin, graceful=5s, linger=0.
	How How `yaml:"how" json:"how"`
	// Linger is SO_LINGER on that side, another way to write How: linger=N.
	Linger Linger `yaml:"linger" json:"linger"`
}

// Link is the lab's link between the two hosts.
type Link struct {
	// Rate bounds either direction (a token bucket); off leaves it as fast as the kernel moves packets.
	Rate Bandwidth `yaml:"rate" json:"rate"`
	// Queue is how many bytes wait at either end for their turn; what comes on top is dropped.
	Queue Size `yaml:"queue" json:"queue"`
}

// Stand asks for sockets that stand in a state, by state, side by side on the server's host, instead of a load. They
// are brought there by real handshakes and kept there by packet holds, for load.hold.
type Stand struct {
	SynSent     int `yaml:"syn_sent" json:"syn_sent"`
	SynRecv     int `yaml:"syn_recv" json:"syn_recv"`
	Established int `yaml:"established" json:"established"`
	FinWait1    int `yaml:"fin_wait_1" json:"fin_wait_1"`
	FinWait2    int `yaml:"fin_wait_2" json:"fin_wait_2"`
	Closing     int `yaml:"closing" json:"closing"`
	TimeWait    int `yaml:"time_wait" json:"time_wait"`
	// TimeWaitOut are TIME_WAIT of connections that the server's host opened itself, as a client, and closed first.
	TimeWaitOut int `yaml:"time_wait_out" json:"time_wait_out"`
	CloseWait   int `yaml:"close_wait" json:"close_wait"`
	LastAck     int `yaml:"last_ack" json:"last_ack"`
	Listen      int `yaml:"listen" json:"listen"`
}

// Canaries are services on the struck host that are called beside the load, from the other host and from the struck host
// itself.
type Canaries struct {
	// Every is the time from one call to the next, of each canary; 0s calls none.
	Every Duration `yaml:"every" json:"every"`
	// Timeout is how long an answer is waited for.
	Timeout Duration `yaml:"timeout" json:"timeout"`
}

// Track asks for connection tracking in the lab, as the rules of a firewall bring it along.
type Track struct {
	Side Side `yaml:"side" json:"side"` // which host tracks: none, client, server or both
	// Fill says that the load is meant to fill the table: what keeps it from that is told before the start.
	Fill Switch `yaml:"fill" json:"fill"`
}

// Off tells that nobody tracks.
func (t Track) Off() bool { return t.Side == NoSide || t.Side == "" }

// By tells whether a side's host tracks.
func (t Track) By(s Side) bool { return t.Side == s || t.Side == BothSides }

// Judge says by what variants of the scenario are held against each other.
type Judge struct {
	// Primary are the metrics that decide, five at most: failed, first_exhaustion_seconds.
	Primary List `yaml:"primary" json:"primary"`
}

// Measure asks for what is not measured unasked.
type Measure struct {
	// CallCosts times the system calls of one connection in 16, on either side.
	CallCosts Switch `yaml:"call_costs" json:"call_costs"`
}

// Sysctl are settings, key to value, written in the lab before the load. Both is applied first, on a relay too, then the
// side's own.
type Sysctl struct {
	Both   map[string]string `yaml:"both" json:"both"`
	Client map[string]string `yaml:"client" json:"client"`
	Server map[string]string `yaml:"server" json:"server"`
	Relay  map[string]string `yaml:"relay" json:"relay"`
}
