package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// ReadHistory gives the points of the history file at path: one in each line, as JSON. A line that is damaged is an error
// with its number. Where there is no file the error is fs.ErrNotExist.
func ReadHistory(path string) ([]GatePoint, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read history: %w", err)
	}
	defer f.Close()
	// Whoever appends has the lock until its lines are whole.
	if err := lock(f, syscall.LOCK_SH); err != nil {
		return nil, fmt.Errorf("cannot read history %s: %w", path, err)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("cannot read history: %w", err)
	}
	return DecodeHistory(path, data)
}

// DecodeHistory gives the points that data holds; name is what errors call it.
func DecodeHistory(name string, data []byte) ([]GatePoint, error) {
	points := []GatePoint{}
	for n := 1; len(data) > 0; n++ {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if !whole {
			return nil, damagedLine(name, n, errors.New("it ends early: its rest was never written or got lost in copying"))
		}
		p, err := decodePoint(line)
		if err != nil {
			return nil, damagedLine(name, n, err)
		}
		points, data = append(points, p), rest
	}
	return points, nil
}

func damagedLine(name string, n int, why error) error {
	return fmt.Errorf("history %s is damaged: line %d: %w; mend or take out that line", name, n, why)
}

func decodePoint(line []byte) (p GatePoint, err error) {
	if len(bytes.TrimSpace(line)) == 0 {
		return p, errors.New("it is empty")
	}
	err = json.Unmarshal(line, &p)
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) {
		if wrong.Field == "" {
			return p, fmt.Errorf("it holds a JSON %s, not an object", wrong.Value)
		}
		return p, fmt.Errorf("%s cannot be a JSON %s", wrong.Field, wrong.Value)
	}
	if err != nil {
		return p, fmt.Errorf("it is not JSON: %w", err)
	}
	return p, p.Check()
}

// EncodeHistory gives points as the lines of a history file.
func EncodeHistory(points []GatePoint) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for i := range points {
		if err := points[i].Check(); err != nil {
			return nil, fmt.Errorf("point %d: %w", i+1, err)
		}
		if err := e.Encode(&points[i]); err != nil {
			return nil, fmt.Errorf("point %d: %w", i+1, err)
		}
	}
	return b.Bytes(), nil
}

// AppendHistory adds points to the history file at path, and makes it where there is none. All of them are there, synced,
// or none; two programs may append at the same time. A file whose last line is not whole is left as it is: what would be
// added to it could not be read.
func AppendHistory(path string, points []GatePoint) error {
	data, err := EncodeHistory(points)
	if err == nil && len(data) > 0 {
		err = appendWhole(path, data)
	}
	if err != nil {
		return fmt.Errorf("cannot write history %s: %w", path, err)
	}
	return nil
}

func appendWhole(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := lock(f, syscall.LOCK_EX); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	if !info.Mode().IsRegular() {
		return fmt.Errorf("it is no regular file (%s)", info.Mode().Type())
	}
	if err := endsWhole(f, size); err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err != nil { // a part of a line would make the whole file unreadable
		return errors.Join(err, f.Truncate(size))
	}
	if size == 0 {
		return syncDir(filepath.Dir(path))
	}
	return nil
}

// endsWhole is an error where the file has something after its last line.
func endsWhole(f *os.File, size int64) error {
	if size == 0 {
		return nil
	}
	var last [1]byte
	if _, err := f.ReadAt(last[:], size-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		return errors.New("its last line ends early: its rest was never written or got lost in copying; mend or take out that line")
	}
	return nil
}

// lock waits for a lock on f, which goes when f is closed.
func lock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
