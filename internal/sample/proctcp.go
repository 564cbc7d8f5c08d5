package sample

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"

	"twomsl/internal/linux"
)

// clockTickMS is the unit of the timer column: USER_HZ is 100 for every architecture that Go runs on.
const clockTickMS = 10

// visitProcTCP visits the sockets of /proc/net/tcp and tcp6 under the process directory proc. It is the slow way, for
// where netlink is denied or the namespace cannot be entered; any process may read those of any other.
func visitProcTCP(proc string, visit func(*linux.DiagRow)) error {
	for _, file := range []struct {
		path string
		ipv6 bool
	}{
		{proc + "/net/tcp", false},
		{proc + "/net/tcp6", true},
	} {
		err := visitProcFile(file.path, file.ipv6, visit)
		if file.ipv6 && errors.Is(err, fs.ErrNotExist) {
			return nil // a kernel without IPv6
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func visitProcFile(path string, ipv6 bool, visit func(*linux.DiagRow)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := parseProcTCP(f, ipv6, visit); err != nil {
		return fmt.Errorf("%s:%w", path, err)
	}
	return nil
}

// parseProcTCP visits the rows of a table in the format of /proc/net/tcp (net/ipv4/tcp_ipv4.c, tcp4_seq_show) or tcp6.
// The row is the same variable each time. Rows are split at blanks: the columns shift past row 9999.
func parseProcTCP(r io.Reader, ipv6 bool, visit func(*linux.DiagRow)) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	row := linux.DiagRow{IPv6: ipv6}
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			if number == 1 {
				return errors.New("1: no header")
			}
			return nil
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("%d: %w", number, err)
		}
		if number == 1 {
			if !bytes.Contains(line, []byte("local_address")) {
				return errors.New("1: this is not the header of a TCP table")
			}
			continue
		}
		if err := parseProcRow(line, &row); err != nil {
			return fmt.Errorf("%d: %w", number, err)
		}
		visit(&row)
	}
}

// The columns of a row. "tr tm->when" is one column, as is "tx_queue rx_queue".
const (
	columnLocal   = 1
	columnRemote  = 2
	columnState   = 3
	columnQueues  = 4
	columnTimer   = 5
	columnRetrans = 6
	columnUID     = 7
	columnProbes  = 8 // called timeout
	columnInode   = 9
	columnsWanted = 10
)

func parseProcRow(line []byte, row *linux.DiagRow) error {
	var columns [columnsWanted][]byte
	rest := bytes.TrimRight(line, " \n")
	for i := range columns {
		if columns[i], rest = cutWord(rest); len(columns[i]) == 0 {
			return fmt.Errorf("%d columns, at least %d expected", i, columnsWanted)
		}
	}
	var err error
	if row.SourcePort, err = procAddr(columns[columnLocal], row.IPv6, &row.Source); err != nil {
		return fmt.Errorf("local_address: %w", err)
	}
	if row.DestPort, err = procAddr(columns[columnRemote], row.IPv6, &row.Dest); err != nil {
		return fmt.Errorf("rem_address: %w", err)
	}
	state, err := strconv.ParseUint(string(columns[columnState]), 16, 8)
	if err != nil {
		return fmt.Errorf("st: %w", err)
	}
	if row.State = uint8(state); row.State == linux.DiagNewSynRecv {
		row.State = linux.DiagSynRecv
	}
	if err := procTimer(columns[columnTimer], row); err != nil {
		return fmt.Errorf("tm->when: %w", err)
	}
	if err := procQueues(columns[columnQueues], row); err != nil {
		return fmt.Errorf("tx_queue:rx_queue: %w", err)
	}
	if err := procTries(columns[columnRetrans], columns[columnProbes], row); err != nil {
		return fmt.Errorf("retrnsmt, timeout: %w", err)
	}
	return procOwner(columns[columnUID], columns[columnInode], row)
}

// procAddr reads "0100007F:1F90": the address in words of 32 bits as this machine's processor orders them, the port as
// a number.
func procAddr(column []byte, ipv6 bool, into *[16]byte) (port uint16, err error) {
	address, portText, ok := bytes.Cut(column, []byte{':'})
	size := 4
	if ipv6 {
		size = 16
	}
	if !ok || len(address) != 2*size || len(portText) != 4 {
		return 0, fmt.Errorf("%q is not an address of %d bytes and a port", column, size)
	}
	*into = [16]byte{}
	if _, err := hex.Decode(into[:size], address); err != nil {
		return 0, err
	}
	for word := into[:size]; len(word) > 0; word = word[4:] {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	n, err := strconv.ParseUint(string(portText), 16, 16)
	return uint16(n), err
}

// procTimer reads "03:000016E5": the kind of timer and the ticks left. A timer that is overdue shows as a huge number:
// the kernel prints a negative difference.
func procTimer(column []byte, row *linux.DiagRow) error {
	kindText, whenText, ok := bytes.Cut(column, []byte{':'})
	kind, kindErr := strconv.ParseUint(string(kindText), 16, 8)
	when, whenErr := strconv.ParseUint(string(whenText), 16, 64)
	if !ok || kindErr != nil || whenErr != nil {
		return fmt.Errorf("%q is not a timer", column)
	}
	row.Timer, row.ExpiresMS = uint8(kind), 0
	if when <= math.MaxInt32/clockTickMS {
		row.ExpiresMS = uint32(when) * clockTickMS
	}
	return nil
}

// procQueues reads "00000001:00000000". A listener's backlog is not told here: only sock_diag has it.
func procQueues(column []byte, row *linux.DiagRow) error {
	sendText, recvText, ok := bytes.Cut(column, []byte{':'})
	send, sendErr := strconv.ParseUint(string(sendText), 16, 32)
	recv, recvErr := strconv.ParseUint(string(recvText), 16, 32)
	if !ok || sendErr != nil || recvErr != nil {
		return fmt.Errorf("%q is not two queues", column)
	}
	row.SendQueue, row.RecvQueue = uint32(send), uint32(recv)
	return nil
}

// procTries reads how often the row's timer has fired in vain: the column is another for
// probes (net/ipv4/tcp_ipv4.c, get_tcp4_sock).
func procTries(retransText, probesText []byte, row *linux.DiagRow) error {
	retrans, err := strconv.ParseUint(string(retransText), 16, 32)
	probes, probesErr := strconv.ParseUint(string(probesText), 10, 32)
	if err != nil || probesErr != nil {
		return fmt.Errorf("%q, %q are not two counts", retransText, probesText)
	}
	if row.Timer == linux.DiagTimerKeepAlive || row.Timer == linux.DiagTimerProbe {
		retrans = probes
	}
	row.Retrans = uint8(min(retrans, math.MaxUint8))
	return nil
}

func procOwner(uidText, inodeText []byte, row *linux.DiagRow) error {
	uid, err := strconv.ParseUint(string(uidText), 10, 32)
	if err != nil {
		return fmt.Errorf("uid: %w", err)
	}
	inode, err := strconv.ParseUint(string(inodeText), 10, 64)
	if err != nil {
		return fmt.Errorf("inode: %w", err)
	}
	// sock_diag has 32 bits for it; what matters is that only a socket that nobody holds shows 0.
	row.UID, row.Inode = uint32(uid), uint32(min(inode, math.MaxUint32))
	return nil
}
