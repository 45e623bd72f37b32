package pwnedtest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// write writes rows as the API does: CRLF between them and none at the end. The
// oddities are those that others' clients have come to handle.
func write(known map[string]int, odd bool) []byte {
	var b strings.Builder
	for i, suffix := range slices.Sorted(maps.Keys(known)) {
		if i > 0 {
			b.WriteString("\r\n")
		}
		times := known[suffix]
		if !odd {
			fmt.Fprintf(&b, "%s:%d", suffix, times)
			continue
		}
		switch {
		case times > 999:
			fmt.Fprintf(&b, "%s:%s", suffix, withCommas(times))
		case i%5 == 0 && times > 0:
			b.WriteString(suffix) // without a count
		case i%5 == 1:
			fmt.Fprintf(&b, "%s:%d", strings.ToLower(suffix), times)
		case i%5 == 2:
			fmt.Fprintf(&b, "  %s : %d \t", suffix, times)
		case i%5 == 3:
			fmt.Fprintf(&b, "%s:%d\r\n\r\n:\r\n%s:7\r\nno row at all", suffix, times, suffix[:20])
		default:
			fmt.Fprintf(&b, "%s:%d", suffix, times)
		}
	}
	return []byte(b.String())
}

// withCommas writes 1234567 as 1,234,567.
func withCommas(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
