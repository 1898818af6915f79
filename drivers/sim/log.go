package sim

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"watchpost/drivers"
)

// longestLogLine is what a line of a log may have; a row has some 40 bytes.
const longestLogLine = 4096

// LogRow is one row of a field logger that measures the distance down to the
// water. All values are as stored, with their decimals.
type LogRow struct {
	Line int // of the file, from 1
	// At is the time the logger believed. It may be wrong, and run backwards.
	At time.Time
	// Believed is false for a time before the floor the log was read with: the
	// logger had lost its clock. The row's other values stand.
	Believed bool
	Distance drivers.Decimal // cm, grows when the water falls
	Battery  drivers.Decimal // V
	Charge   drivers.Decimal // percent
}

// LogDamage is a line that is no row.
type LogDamage struct {
	Line int
	Err  error
}

// Log is what a field logger stored, in the order of the file.
type Log struct {
	Rows    []LogRow
	Damaged []LogDamage
}

// ReadLog reads lines of unix_seconds,distance_cm,battery_v,charge_percent, below
// lines that begin with #. A line that is anything else is damaged and refused
// whole, even if a part of it looks like a row: a storage fault can swallow the
// middle of a run of rows. So is a last line without its end, which may be cut.
// The error is that of reading.
func ReadLog(from io.Reader, floor time.Time) (*Log, error) {
	lines := bufio.NewReaderSize(from, longestLogLine)
	log := &Log{}
	head := true
	for number := 1; ; number++ {
		line, err := nextLine(lines)
		if errors.Is(err, io.EOF) && line == "" {
			return log, nil
		}
		if head = head && strings.HasPrefix(line, "#"); head && err == nil {
			continue
		}
		var row LogRow
		if err == nil {
			row, err = parseLogRow(line)
		}
		var damage *damagedLine
		switch {
		case err == nil:
			row.Line, row.Believed = number, !row.At.Before(floor)
			log.Rows = append(log.Rows, row)
		case errors.Is(err, io.EOF):
			log.Damaged = append(log.Damaged, LogDamage{Line: number, Err: damaged("cut: no end of line")})
		case errors.As(err, &damage):
			log.Damaged = append(log.Damaged, LogDamage{Line: number, Err: err})
		default:
			return nil, fmt.Errorf("read log, line %d: %w", number, err)
		}
	}
}

// damagedLine tells a line that is wrong from a reader that fails.
type damagedLine struct{ text string }

func (d *damagedLine) Error() string { return d.text }

func damaged(format string, args ...any) error {
	return &damagedLine{fmt.Sprintf(format, args...)}
}

// nextLine is the next line without its end, or io.EOF and what is left. Of a line
// that is too long all is skipped.
func nextLine(from *bufio.Reader) (string, error) {
	b, err := from.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return string(bytes.TrimSuffix(b, []byte("\n"))), err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = from.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return "", damaged("longer than %d bytes", longestLogLine)
}

func parseLogRow(line string) (LogRow, error) {
	fields := strings.Split(line, ",")
	if len(fields) != 4 {
		return LogRow{}, damaged("%d fields, want 4", len(fields))
	}
	seconds, err := strconv.ParseUint(fields[0], 10, 32)
	if err != nil {
		return LogRow{}, damaged("time %.20q: want seconds since 1970", fields[0])
	}
	row := LogRow{At: time.Unix(int64(seconds), 0).UTC()}
	for _, f := range []struct {
		name, text string
		value      *drivers.Decimal
		most       int64
	}{
		{"distance", fields[1], &row.Distance, 10_000},
		{"battery", fields[2], &row.Battery, 100},
		{"charge", fields[3], &row.Charge, 100},
	} {
		d, err := drivers.ParseDecimal(f.text)
		if err != nil || d.Coefficient < 0 || strings.HasPrefix(f.text, "-") || d.Compare(drivers.Int(f.most)) > 0 {
			return LogRow{}, damaged("%s %.20q: want 0 to %d", f.name, f.text, f.most)
		}
		*f.value = d
	}
	return row, nil
}
