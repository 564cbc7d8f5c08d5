package paste

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"twomsl/internal/record"
)

const netstatListing = `Active Internet connections (servers and established)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name
tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      812/sshd
tcp        0      0 10.0.0.5:3128           10.0.0.9:50122          TIME_WAIT   -
tcp        0      0 10.0.0.5:3128           10.0.0.9:50124          TIME_WAIT   -
tcp        0      1 10.0.0.5:3128           10.0.0.9:50126          FIN_WAIT1   -
tcp6       0      0 :::80                   :::*                    LISTEN      901/nginx: master
tcp6       0      0 ::1:80                  ::1:40100               ESTABLISHED 901/nginx: worker
udp        0      0 0.0.0.0:68              0.0.0.0:*                           700/dhclient
Active UNIX domain sockets (servers and established)
Proto RefCnt Flags       Type       State         I-Node   Path
unix  2      [ ACC ]     STREAM     LISTENING     12345    /run/x
`

const ssListing = `State      Recv-Q Send-Q Local Address:Port    Peer Address:Port  Process
LISTEN     0      4096         0.0.0.0:80           0.0.0.0:*      users:(("nginx",pid=9,fd=6))
TIME-WAIT  0      0           10.0.0.5:80          10.0.0.9:40001  timer:(timewait,59sec,0) ino:0 sk:1
ESTAB      0      0           10.0.0.5:80          10.0.0.9:40002  timer:(keepalive,32sec,0) uid:33 ino:77 sk:2 <->
	 cubic wscale:7,7 rto:204 rtt:3.1/1.2
	 skmem:(r0,rb131072,t0,tb87040,f0,w0,o0,bl0,d0)
FIN-WAIT-2 0      0     [2001:db8::1]:80    [2001:db8::2]:40003
SYN-RECV   0      0           10.0.0.5:80          10.0.0.9:40004
UNCONN     0      0                  *:7                  *:*
`

const procListing = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:9C40 06 00000000:00000000 03:000016E5 00000000     0        0 0 3 0
   2: 0100007F:1F90 0100007F:9C42 0C 00000000:00000000 01:00000016 00000000     0        0 0 1 0
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  123: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
`

type counts = record.Counts

func TestTable(t *testing.T) {
	t.Parallel()
	squid := counts{
		record.LastAck: 14, record.SynRecv: 348, record.Established: 70, record.FinWait1: 229, record.FinWait2: 30,
		record.Closing: 33, record.TimeWait: 18122,
	}
	const plain = "LAST_ACK 14\nSYN_RECV 348\nESTABLISHED 70\nFIN_WAIT1 229\nFIN_WAIT2 30\nCLOSING 33\nTIME_WAIT 18122\n"
	for name, c := range map[string]struct {
		text string
		kind Kind
		want counts
	}{
		"awk":       {plain, CountsTable, squid},
		"tabs":      {strings.ReplaceAll(plain, " ", " \t "), CountsTable, squid},
		"CRLF, BOM": {"\ufeff" + strings.ReplaceAll(plain, "\n", "\r\n"), CountsTable, squid},
		"old Mac":   {strings.ReplaceAll(plain, "\n", "\r"), CountsTable, squid},
		"UTF-16":    {utf16LE(plain), CountsTable, squid},
		"lower":     {strings.ToLower(plain), CountsTable, squid},
		"with a prompt": {
			"[root@proxy01 ~]# netstat -n | awk '/^tcp/ {++S[$NF]} END {for(a in S) print a, S[a]}'\n" + plain + "[root@proxy01 ~]# ",
			CountsTable, squid,
		},
		"words around it": {"Look at this, it hangs:\n\n" + plain + "\nWhat now?\n", CountsTable, squid},
		"sort | uniq -c": {
			"      1 established)\n      1 Foreign\n  18122 TIME_WAIT\n     70 ESTABLISHED\n", CountsTable,
			counts{record.TimeWait: 18122, record.Established: 70},
		},
		"names of ss": {
			"TIME-WAIT 5\nFIN-WAIT-1 4\nFIN-WAIT-2 3\nESTAB 2\nSYN-RECV 1\nCLOSE-WAIT 6\n", CountsTable, counts{
				record.TimeWait: 5, record.FinWait1: 4, record.FinWait2: 3, record.Established: 2, record.SynRecv: 1, record.CloseWait: 6,
			},
		},
		"thousands": {"TIME_WAIT 18,122\nESTAB 1.423\nLAST_ACK 1'000\nCLOSING 2\u00a0\n", CountsTable, counts{
			record.TimeWait: 18122, record.Established: 1423, record.LastAck: 1000, record.Closing: 2,
		}},
		"words behind": {"TIME_WAIT 18122   <- all of these, ss says\n70 ESTABLISHED # fine\n", CountsTable, counts{
			record.TimeWait: 18122, record.Established: 70,
		}},
		"Markdown": {"| state | n |\n|---|---:|\n| TIME_WAIT | 5 |\n| `ESTABLISHED` | 7 |\n", CountsTable, counts{
			record.TimeWait: 5, record.Established: 7,
		}},
		"JSON": {"{\n  \"states\": {\n    \"TIME_WAIT\": 5,\n    \"FIN_WAIT_1\": 2\n  }\n}\n", CountsTable, counts{record.TimeWait: 5, record.FinWait1: 2}},
		"JSON, one line": {"{\"TIME_WAIT\": 5, \"ESTABLISHED\":7,\"LAST_ACK\":0}\n", CountsTable, counts{
			record.TimeWait: 5, record.Established: 7, record.LastAck: 0,
		}},
		"JSON, nested":     {`{"tcp": {"TIME_WAIT": 5, "ESTABLISHED": 7}}`, CountsTable, counts{record.TimeWait: 5, record.Established: 7}},
		"one line":         {"ESTAB=7 TIME-WAIT=1,000 SYN_RECV=3\n", CountsTable, counts{record.Established: 7, record.TimeWait: 1000, record.SynRecv: 3}},
		"one line, turned": {"7 ESTAB, 5 TIME_WAIT, 3 SYN_RECV\n", CountsTable, counts{record.Established: 7, record.TimeWait: 5, record.SynRecv: 3}},
		"CSV":              {"TIME_WAIT,5\n7,ESTABLISHED\n", CountsTable, counts{record.TimeWait: 5, record.Established: 7}},
		"equals":           {"TIME_WAIT=5 ESTAB\nSYN_SENT: 3\n", CountsTable, counts{record.TimeWait: 5, record.SynSent: 3}},
		"colours":          {"\x1b[1mTIME_WAIT\x1b[0m \x1b[31m5\x1b[0m\n", CountsTable, counts{record.TimeWait: 5}},
		"netstat": {netstatListing, NetstatListing, counts{
			record.Listen: 2, record.TimeWait: 2, record.FinWait1: 1, record.Established: 1,
		}},
		"ss": {ssListing, SSListing, counts{
			record.Listen: 1, record.TimeWait: 1, record.Established: 1, record.FinWait2: 1, record.SynRecv: 1,
		}},
		"ss with Netid": {
			"Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port\nudp   UNCONN 0 0 0.0.0.0:68 0.0.0.0:*\n" +
				"u_str ESTAB 0 0 * 12345 * 12346\ntcp   ESTAB  0 0 1.2.3.4:80 5.6.7.8:9\n", SSListing, counts{record.Established: 1},
		},
		"/proc/net/tcp": {procListing, ProcListing, counts{record.Listen: 2, record.TimeWait: 1, record.SynRecv: 1}},
		"Windows": {
			"\nActive Connections\n\n  Proto  Local Address          Foreign Address        State\n" +
				"  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING\n  TCP    10.0.0.5:50000   10.0.0.9:443   TIME_WAIT\n" +
				"  TCP    10.0.0.5:50001   10.0.0.9:443   FIN_WAIT_1       1234\n  UDP    0.0.0.0:123   *:*\n", NetstatListing,
			counts{record.Listen: 1, record.TimeWait: 1, record.FinWait1: 1},
		},
		"BSD": {
			"Active Internet connections (including servers)\nProto Recv-Q Send-Q  Local Address    Foreign Address    (state)\n" +
				"tcp4       0      0  10.0.0.5.443     10.0.0.9.50000     SYN_RCVD\ntcp46 0 0 *.80 *.* LISTEN\n", NetstatListing,
			counts{record.Listen: 1, record.SynRecv: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Table(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind != c.kind || !cmp.Equal(got.Counts, c.want) {
				t.Errorf("%s: %v", got.Kind, got.Counts)
			}
		})
	}
}

func utf16LE(s string) string {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// Every spelling of every state, in every form that a tool prints.
func TestTableReadsEverySpelling(t *testing.T) {
	t.Parallel()
	for state, words := range map[record.State]string{
		record.SynSent: "SYN_SENT SYN-SENT SYN_SENT2 syn_sent", record.SynRecv: "SYN_RECV SYN-RECV SYN_RECEIVED SYN_RCVD NEW_SYN_RECV",
		record.Established: "ESTABLISHED ESTAB established", record.FinWait1: "FIN_WAIT1 FIN-WAIT-1 FIN_WAIT_1 FINWAIT1",
		record.FinWait2: "FIN_WAIT2 FIN-WAIT-2 FIN_WAIT_2", record.Closing: "CLOSING", record.TimeWait: "TIME_WAIT TIME-WAIT TIMEWAIT",
		record.CloseWait: "CLOSE_WAIT CLOSE-WAIT", record.LastAck: "LAST_ACK LAST-ACK", record.Listen: "LISTEN LISTENING",
	} {
		for _, word := range strings.Fields(words) {
			got, err := Table(word + " 3\n")
			if word == "SYN_SENT2" { // no tool's
				if err == nil {
					t.Errorf("%s was read as %v", word, got.Counts)
				}
				continue
			}
			if err != nil || !cmp.Equal(got.Counts, counts{state: 3}) {
				t.Errorf("%s: %v, %v", word, got.Counts, err)
			}
		}
	}
}

func TestTableSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"unknown state":      {"ESTABLISHED 5\nTIME_WIAT 6\n", `line 2: "TIME_WIAT" is no state of TCP; did you mean TIME_WAIT?`},
		"no such word":       {"ESTABLISHED 5\nBROKEN 6\n", `line 2: "BROKEN" is no state of TCP`},
		"unknown, turned":    {"6 FIN_WAIT3\n", `line 1: "FIN_WAIT3" is no state of TCP; did you mean FIN_WAIT1?`},
		"unknown, behind":    {"TIME_WAITT 6 of them\n", "did you mean TIME_WAIT?"},
		"negative":           {"TIME_WAIT -5\n", "line 1: TIME_WAIT: -5 is below zero"},
		"negative, turned":   {"-5 TIME_WAIT\n", "line 1: TIME_WAIT: -5 is below zero"},
		"absurd":             {"\nTIME_WAIT 99999999999999999999\n", "line 2: TIME_WAIT: 99999999999999999999 sockets are more than any host has"},
		"too many":           {"TIME_WAIT 100000001\n", "100,000,000 at most"},
		"fraction":           {"TIME_WAIT 5.5\n", `line 1: TIME_WAIT: "5.5" is no number of sockets`},
		"exponent":           {"TIME_WAIT 1e9\n", `"1e9" is no number of sockets`},
		"hexadecimal":        {"TIME_WAIT 0x10\n", `"0x10" is no number`},
		"a word":             {"TIME_WAIT many\n", `TIME_WAIT: "many" is no number`},
		"no number":          {"ESTAB 1\nTIME_WAIT\n", "line 2: TIME_WAIT has no number"},
		"two numbers":        {"TIME_WAIT 18122 1669\n", "line 1: TIME_WAIT has two numbers, 18122 and 1669"},
		"unknown, in a line": {"{\"TIME_WAIT\": 5, \"BOGUS\": 3}\n", `line 1: "BOGUS" is no state of TCP`},
		"odd one in a line":  {"TIME_WAIT 5 6 ESTAB 7\n", "line 1: 6 has no state"},
		"negative in a line": {"TIME_WAIT=5 ESTAB=-7\n", "line 1: ESTAB: -7 is below zero"},
		"twice":              {"TIME_WAIT 5\nESTAB 1\nTIME-WAIT 6\n", "line 3: TIME_WAIT was at line 1 already"},
		"two tables":         {"TIME_WAIT 5\n" + netstatListing, "line 4: this is a listing of netstat, and from line 1 on it was counts by state"},
		"two listings":       {ssListing + netstatListing, "this is a listing of netstat, and from line 2 on it was a listing of ss"},
		"no table":           {"Hello,\nmy server is slow.\n", `there is no table of states in it (line 1: "Hello,")`},
		"nothing":            {" \n\n", "the text is empty"},
		"only headers":       {"Active Internet connections (w/o servers)\nProto Recv-Q Send-Q Local Address Foreign Address State\n", "there is no table"},
		"zeros":              {"TIME_WAIT 0\n", "nothing is left to rebuild"},
		"closed only":        {"CLOSED 4\n", "nothing is left to rebuild"},
		"binary":             {"TIME_WAIT 5\n\x7fELF\x00\x01", "line 2: this is no text: control character 0x7f"},
		"no UTF-8":           {"TIME_WAIT 5\xff\n", "line 1: this is no text: byte 0xff"},
		"ss -s": {
			"Total: 163\nTCP:   24 (estab 2, closed 15, orphaned 0, timewait 0)\n\nTransport Total     IP        IPv6\n" +
				"RAW\t  0         0         0\nTCP\t  9         6         3\n", "line 1: this is a summary (ss -s, sockstat), which does not tell the states apart",
		},
		"sockstat":      {"sockets: used 178\nTCP: inuse 6 orphan 0 tw 100 alloc 10 mem 1\n", "paste the output of `ss -Htan`"},
		"column cut":    {"tcp 0 0 1.2.3.4:5 6.7.8.9:10\n", "line 1: the row has no state"},
		"one state":     {"Recv-Q Send-Q Local Address:Port Peer Address:Port\n0 0 1.2.3.4:5 6.7.8.9:10\n", "line 1: this listing has no column of states"},
		"odd hex state": {strings.Replace(procListing, " 0C ", " 1F ", 1), `line 4: "1F" is no state of TCP`},
		"odd ss state":  {"HALF-OPEN 0 0 1.2.3.4:5 6.7.8.9:10\n", `line 1: "HALF-OPEN" is no state`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Table(c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, %v; expected %q", got, err, c.want)
			}
		})
	}
}

// All problems at once, and not thousands of them.
func TestTableTellsAllProblems(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 30 {
		fmt.Fprintf(&b, "NONSENSE%d 5\n", i)
	}
	_, err := Table(b.String())
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != mostProblems+1 || lines[9] != `line 10: "NONSENSE9" is no state of TCP` || lines[10] != "and 20 more lines like these" {
		t.Errorf("%q", lines)
	}
}

func TestTableSaysWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	got, err := Table("My host:\nTIME_WAIT 5\nCLOSED 3\nUNKNOWN 2\nTime flies like an arrow\n")
	if err != nil {
		t.Fatal(err)
	}
	if got.Closed != 5 || got.ClosedLine != 3 || got.Lines[record.TimeWait] != 2 {
		t.Errorf("%+v", got)
	}
	if want := []Passed{{1, "My host:"}, {5, "Time flies like an arrow"}}; !cmp.Equal(got.PassedOver, want) {
		t.Errorf("passed over: %v", got.PassedOver)
	}
}

func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	if _, err := Table(strings.Repeat("x", MostBytes+1)); err == nil || !strings.Contains(err.Error(), "128 MiB at most") {
		t.Error(err)
	}
	row := "tcp        0      0 10.0.0.5:3128           10.0.0.9:50122          TIME_WAIT\n"
	got, err := Table(strings.Repeat(row, 200_000))
	if err != nil || got.Counts[record.TimeWait] != 200_000 {
		t.Errorf("%v, %v", got.Counts, err)
	}
}

// What was read is written as netstat | awk has it, and read again as the same.
func FuzzTable(f *testing.F) {
	for _, seed := range []string{
		netstatListing, ssListing, procListing, "LAST_ACK \t 1\nTIME_WAIT 18,122\n", "\ufeffTIME_WAIT:5\r\n", "Total: 5\n",
		utf16LE("TIME_WAIT 5\n"), "\x1b[", "5 5 5 5", "tcp", "tcp a b", "| |", "-- 5", "TIME_WAIT −5",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Table(text)
		if err != nil {
			if err.Error() == "" || !cmp.Equal(got, StateTable{}) {
				t.Fatalf("%v beside %+v", err, got)
			}
			return
		}
		var b strings.Builder
		for _, s := range record.States {
			n, there := got.Counts[s]
			if n < 0 || s == record.Closed && there || there && got.Lines[s] < 1 {
				t.Fatalf("%+v", got)
			}
			if there {
				fmt.Fprintf(&b, "%s %d\n", s.Netstat(), n)
			}
		}
		again, err := Table(b.String())
		if err == nil && !cmp.Equal(again.Counts, got.Counts) || err != nil && !strings.Contains(err.Error(), "more than any host") {
			t.Fatalf("%v became %v, %v", got.Counts, again.Counts, err)
		}
	})
}
