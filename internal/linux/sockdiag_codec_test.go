package linux

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// captured reads what a kernel answered to a dump with sequence number 1; TestNetNSCapture wrote it.
func captured(t testing.TB, family string) []byte {
	t.Helper()
	if native.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the captured bytes are little-endian")
	}
	b, err := os.ReadFile("testdata/diag_" + family + ".bin")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decodeAll gives each row in the words of ss: state number, own address, peer's address.
func decodeAll(t testing.TB, b []byte) (rows []DiagRow, err error) {
	t.Helper()
	d := diagDecoder{seq: 1}
	over, err := d.decode(b, func(r *DiagRow) { rows = append(rows, *r) })
	if err == nil && !over {
		t.Error("no end of the dump found")
	}
	return rows, err
}

var ssState = map[string]uint8{
	"ESTAB": 1, "SYN-SENT": 2, "SYN-RECV": 3, "FIN-WAIT-1": 4, "FIN-WAIT-2": 5, "TIME-WAIT": 6, "CLOSE-WAIT": 8,
	"LAST-ACK": 9, "LISTEN": 10, "CLOSING": 11,
}

// ssRows reads `ss -tan` into one line for each socket, sorted.
func ssRows(text string) []string {
	var rows []string
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) >= 5 && f[0] != "State" {
			peer := strings.Replace(f[4], ":*", ":0", 1)
			rows = append(rows, fmt.Sprintf("%d %s %s", ssState[f[0]], f[3], peer))
		}
	}
	slices.Sort(rows)
	return rows
}

func asSS(rows []DiagRow) []string {
	var lines []string
	for _, r := range rows {
		format := "%d %s:%d %s:%d"
		if r.IPv6 {
			format = "%d [%s]:%d [%s]:%d"
		}
		lines = append(lines, fmt.Sprintf(format, r.State, r.SourceAddr(), r.SourcePort, r.DestAddr(), r.DestPort))
	}
	slices.Sort(lines)
	return lines
}

func TestDecodeCapturedDump(t *testing.T) {
	for _, family := range []string{"ipv4", "ipv6"} {
		t.Run(family, func(t *testing.T) {
			rows, err := decodeAll(t, captured(t, family))
			if err != nil {
				t.Fatal(err)
			}
			ss, err := os.ReadFile("testdata/ss_" + family + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			want := ssRows(string(ss))
			if diff := cmp.Diff(want, asSS(rows)); diff != "" {
				t.Errorf("ss (-) and the codec (+) differ:\n%s", diff)
			}
			var seen uint32
			for _, r := range rows {
				seen |= 1 << r.State
				checkTimer(t, r)
			}
			if all := DiagAllStates &^ (1 << DiagNewSynRecv); seen != all {
				t.Errorf("the capture has the states %#x, expected %#x", seen, all)
			}
		})
	}
}

// checkTimer holds a row to what the kernel promises about mini-sockets.
func checkTimer(t *testing.T, r DiagRow) {
	t.Helper()
	mini := r.Timer == DiagTimerTimeWait
	switch {
	case r.State == DiagTimeWait && !mini, mini && r.State != DiagTimeWait && r.State != DiagFinWait2:
		t.Errorf("timer %d in state %d", r.Timer, r.State)
	case mini && (r.Inode != 0 || r.UID != 0 || r.ExpiresMS < 50_000 || r.ExpiresMS > 63_000):
		t.Errorf("a mini-socket with inode %d, uid %d and %d ms left", r.Inode, r.UID, r.ExpiresMS)
	case r.State == DiagListen && (r.Inode == 0 || r.Timer != 0 || r.ExpiresMS != 0):
		t.Errorf("a listener with inode %d, timer %d and %d ms left", r.Inode, r.Timer, r.ExpiresMS)
	}
}

func TestRequestBytes(t *testing.T) {
	q := DiagQuery{IPv6: true, States: 1<<DiagTimeWait | 1<<DiagSynRecv, SourcePort: 0x1234, DestPort: 8080}
	b := appendDiagRequest(nil, q, 7)
	want := native.AppendUint32(nil, 72)
	want = native.AppendUint16(want, 20)    // SOCK_DIAG_BY_FAMILY
	want = native.AppendUint16(want, 0x301) // NLM_F_REQUEST | NLM_F_DUMP
	want = native.AppendUint32(want, 7)
	want = native.AppendUint32(want, 0)
	want = append(want, 10, 6, 0, 0) // AF_INET6, IPPROTO_TCP
	want = native.AppendUint32(want, 1<<6|1<<3|1<<12)
	want = append(want, 0x12, 0x34, 0x1f, 0x90)
	want = append(want, make([]byte, 44)...)
	if !bytes.Equal(b, want) {
		t.Errorf("got\n%x\nwant\n%x", b, want)
	}
	if DiagAllStates != 0x1f7e {
		t.Errorf("DiagAllStates is %#x, expected the states 1 to 12 without 7: 0x1f7e", DiagAllStates)
	}
}

// The older request has one struct for both families, and its states behind the id.
func TestOldRequestBytes(t *testing.T) {
	q := DiagQuery{BothFamilies: true, States: 1<<DiagTimeWait | 1<<DiagSynRecv, SourcePort: 0x1234, DestPort: 8080}
	want := native.AppendUint32(nil, 76)
	want = native.AppendUint16(want, 18)    // TCPDIAG_GETSOCK
	want = native.AppendUint16(want, 0x301) // NLM_F_REQUEST | NLM_F_DUMP
	want = native.AppendUint32(want, 7)
	want = native.AppendUint32(want, 0)
	want = append(want, 0, 0, 0, 0)
	want = append(want, 0x12, 0x34, 0x1f, 0x90)
	want = append(want, make([]byte, 44)...)
	want = native.AppendUint32(want, 1<<6|1<<3|1<<12)
	want = native.AppendUint32(want, 0)
	if b := appendDiagRequest(nil, q, 7); !bytes.Equal(b, want) {
		t.Errorf("got\n%x\nwant\n%x", b, want)
	}
}

func message(kind, flags uint16, seq uint32, body []byte) []byte {
	b := native.AppendUint32(nil, uint32(nlHeaderLen+len(body)))
	b = native.AppendUint16(b, kind)
	b = native.AppendUint16(b, flags)
	b = native.AppendUint32(b, seq)
	b = native.AppendUint32(b, 99)
	return append(append(b, body...), make([]byte, -len(body)&3)...)
}

func errnoBody(errno int32) []byte { return native.AppendUint32(nil, uint32(errno)) }

func rowBody(family, state byte) []byte {
	b := make([]byte, diagRowLen)
	b[0], b[1] = family, state
	return b
}

func TestDecodeMessages(t *testing.T) {
	done := message(nlDone, 0, 1, errnoBody(0))
	row := message(sockDiagByFamily, 0, 1, rowBody(afINET, DiagNewSynRecv))
	for name, c := range map[string]struct {
		b    []byte
		rows int
		over bool
		is   error
		says string
	}{
		"the end":                  {b: done, over: true},
		"a row of both families":   {b: slices.Concat(message(tcpDiagGetSock, 0, 1, rowBody(afINET6, 1)), done), rows: 1, over: true},
		"rows and the end":         {b: slices.Concat(row, row, done), rows: 2, over: true},
		"more to come":             {b: row, rows: 1},
		"another request's":        {b: message(nlError, 0, 2, errnoBody(-1))},
		"noop and acknowledgement": {b: slices.Concat(message(nlNoop, 0, 1, nil), message(nlError, 0, 1, errnoBody(0)))},
		"refused":                  {b: message(nlError, 0, 1, errnoBody(-13)), over: true, is: syscall.EACCES},
		"refused at the end":       {b: message(nlDone, 0, 1, errnoBody(-2)), over: true, is: syscall.ENOENT},
		"interrupted": {
			b:    slices.Concat(message(sockDiagByFamily, nlFlagDumpIntr, 1, rowBody(afINET, 1)), done),
			rows: 1, over: true, is: ErrDumpInterrupted,
		},
		"the least errno":           {b: message(nlError, 0, 1, errnoBody(-1<<31)), over: true, says: "refused"},
		"a positive errno":          {b: message(nlError, 0, 1, errnoBody(5)), says: "impossible errno 5"},
		"a done without its errno":  {b: message(nlDone, 0, 1, nil), says: "4 expected"},
		"overrun":                   {b: message(nlOverrun, 0, 1, nil), says: "OVERRUN"},
		"unknown type":              {b: message(77, 0, 1, nil), says: "unknown type 77"},
		"unknown family":            {b: message(sockDiagByFamily, 0, 1, rowBody(1, 1)), says: "address family 1"},
		"a short row":               {b: message(sockDiagByFamily, 0, 1, rowBody(afINET, 1)[:68]), says: "68 bytes"},
		"a short header":            {b: done[:15], says: "15 bytes"},
		"a length beyond the bytes": {b: row[:80], says: "80 are there"},
		"a length below the header": {b: append([]byte{15, 0, 0, 0}, done[4:]...), says: "says"},
	} {
		t.Run(name, func(t *testing.T) {
			rows := 0
			d := diagDecoder{seq: 1}
			over, err := d.decode(c.b, func(r *DiagRow) {
				rows++
				if r.State == DiagNewSynRecv {
					t.Error("a request socket is told as NEW_SYN_RECV")
				}
			})
			if rows != c.rows || over != c.over {
				t.Errorf("%d rows, over %v; expected %d, %v", rows, over, c.rows, c.over)
			}
			if wantErr := c.is != nil || c.says != ""; wantErr != (err != nil) {
				t.Fatalf("error %v", err)
			}
			if c.is != nil && !errors.Is(err, c.is) || c.says != "" && !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v; expected %v %s", err, c.is, c.says)
			}
		})
	}
}

func TestDecodeTruncated(t *testing.T) {
	whole := captured(t, "ipv4")
	for n := range len(whole) {
		d := diagDecoder{seq: 1}
		if over, _ := d.decode(whole[:n], func(*DiagRow) {}); over {
			t.Fatalf("%d of %d bytes pass for the whole answer", n, len(whole))
		}
	}
}

func FuzzDecodeDiag(f *testing.F) {
	for _, family := range []string{"ipv4", "ipv6"} {
		b := captured(f, family)
		f.Add(b)
		f.Add(b[:len(b)/2+1])
		f.Add(b[:diagRowLen+nlHeaderLen])
	}
	f.Add(message(nlError, nlFlagDumpIntr, 1, errnoBody(-1<<31)))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows := 0
		d := diagDecoder{seq: 1}
		over, _ := d.decode(b, func(r *DiagRow) {
			rows++
			if r.State == DiagNewSynRecv {
				t.Error("a request socket is told as NEW_SYN_RECV")
			}
		})
		if rows*(nlHeaderLen+diagRowLen) > len(b) {
			t.Errorf("%d rows out of %d bytes", rows, len(b))
		}
		if over && !bytes.Contains(b, native.AppendUint32(nil, d.seq)) {
			t.Error("an end without our sequence number")
		}
	})
}

// INET_DIAG_MARK is found wherever it stands among the attributes, and whatever else stands there ends in no mark.
func TestMarkAmongAttributes(t *testing.T) {
	attr := func(kind uint16, value ...byte) []byte {
		b := native.AppendUint16(nil, uint16(4+len(value)))
		b = append(native.AppendUint16(b, kind), value...)
		return append(b, make([]byte, (4-len(b)%4)%4)...)
	}
	four := native.AppendUint32(nil, 0x2b51)
	mark, shutdown := attr(diagMark, four...), attr(8, 3)
	for name, c := range map[string]struct {
		b    []byte
		want uint32
	}{
		"none": {nil, 0}, "alone": {mark, 0x2b51}, "after another": {append(slices.Clone(shutdown), mark...), 0x2b51},
		"cut off": {mark[:6], 0}, "too short": {attr(diagMark, 1, 2), 0}, "of no length": {make([]byte, 8), 0},
		"only others": {shutdown, 0}, "longer than there is": {[]byte{200, 0, diagMark, 0, 1, 2, 3, 4}, 0},
	} {
		if got := markOf(c.b); got != c.want {
			t.Errorf("%s: %#x", name, got)
		}
	}
}
