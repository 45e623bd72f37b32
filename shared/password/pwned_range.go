package password

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Range is the ends of all breached hashes with one beginning, without the
// padding.
type Range struct {
	// Rows are the ends and how often each is known, packed: 18 bytes for the
	// 35 hexadecimal characters of an end, then a varint. A range is about
	// 40 kB so; none that is accepted reaches 300 kB.
	Rows      []byte
	Source    string // the URL of the API it came from
	FetchedAt time.Time
}

// suffixLength is how many characters of a hash a row has, and packedLength how
// many bytes they are packed into.
const (
	suffixLength = 35
	packedLength = (suffixLength + 1) / 2
)

// maxCount is the highest count that is told apart; "123456" has 200 million.
const maxCount = math.MaxInt32

// errNoRows says that an answer is not a range: every range has rows.
var errNoRows = errors.New("an answer without a row of a range")

// parseRange reads the rows of an answer, "<35 characters>:<count>" each.
// Padded rows have count 0 and are dropped. A row without a count that can be
// read is listed all the same, so it counts once; thousands may be parted by
// commas. Lines that are no rows are left out.
func parseRange(body string) (*Range, error) {
	var packed []byte
	rows := 0
	for line := range strings.Lines(body) {
		suffix, count, counted := strings.Cut(strings.TrimSpace(line), ":")
		row, ok := packSuffix(strings.TrimSpace(suffix))
		if !ok {
			continue
		}
		rows++
		n := uint64(1)
		if counted {
			n = readCount(count)
		}
		if n > 0 {
			packed = append(packed, row...)
			packed = binary.AppendUvarint(packed, n)
		}
	}
	if rows == 0 {
		return nil, errNoRows
	}
	return &Range{Rows: packed}, nil
}

func packSuffix(suffix string) ([]byte, bool) {
	if len(suffix) != suffixLength {
		return nil, false
	}
	row, err := hex.DecodeString(suffix + "0")
	return row, err == nil
}

func readCount(text string) uint64 {
	n, err := strconv.ParseUint(strings.ReplaceAll(strings.TrimSpace(text), ",", ""), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return maxCount
	case err != nil:
		return 1
	}
	return min(n, maxCount)
}

// count returns how often the hash with an end is known, 0 for never. Where an
// end stands twice the higher count holds.
func (r *Range) count(suffix string) int {
	wanted, ok := packSuffix(suffix)
	if !ok {
		return 0
	}
	highest := uint64(0)
	for rows := r.Rows; len(rows) > packedLength; {
		n, length := binary.Uvarint(rows[packedLength:])
		if length <= 0 {
			break
		}
		if bytes.Equal(rows[:packedLength], wanted) {
			highest = max(highest, n)
		}
		rows = rows[packedLength+length:]
	}
	return int(min(highest, maxCount))
}

// check returns an error unless the rows are as parseRange packs them. Rows that
// are not would hide what follows them.
func (r *Range) check() error {
	for rows := r.Rows; len(rows) > 0; {
		if len(rows) <= packedLength {
			return fmt.Errorf("%d bytes are no row", len(rows))
		}
		_, length := binary.Uvarint(rows[packedLength:])
		if length <= 0 {
			return errors.New("a row without a count")
		}
		rows = rows[packedLength+length:]
	}
	return nil
}
