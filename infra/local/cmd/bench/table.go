package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// A table prints the rows as they come. An error of the output is kept for the
// end.
type table struct {
	out io.Writer
	err error
}

// newTable prints the head.
func newTable(out io.Writer) *table {
	t := &table{out: out}
	t.line("times in ms, ours and its floor by turns; ratio: of the medians; paired: median of each round's ratio")
	t.columns("", "", "rounds", "min", "p25", "median", "p75", "max", "ratio", "paired", "bar", "")
	return t
}

// add prints one row: a line a side, and the verdict on the first.
func (t *table) add(r row, res results) {
	ours, floor := summarise(res.ours), summarise(res.floor)
	ratio := ours.median / floor.median
	// Where the load of the machine changes slowly, neighbours compare better
	// than two medians over the whole time.
	pairs := make([]float64, len(res.ours))
	for i := range pairs {
		pairs[i] = res.ours[i].Seconds() / res.floor[i].Seconds()
	}
	paired := summarise(pairs).median
	n := fmt.Sprint(len(res.ours))
	t.columns(append(append([]string{r.name, "ours", n}, ours.columns()...),
		fmt.Sprintf("%.2f", ratio), fmt.Sprintf("%.2f", paired), fmt.Sprintf("%.2f", r.bar), verdict(max(ratio, paired), r.bar))...) // the less kind of the two decides
	t.columns(append([]string{"", "floor", n}, floor.columns()...)...)
}

// verdict says whether a ratio is within its bar.
func verdict(ratio, bar float64) string {
	if ratio > bar {
		return "over"
	}
	return "ok"
}

// columns prints a line at once, with fixed widths: a row may take a minute, and
// whoever waits for the next one wants to see this one.
func (t *table) columns(cells ...string) {
	line := fmt.Sprintf("%-22s %-5s", cells[0], cells[1])
	for _, c := range cells[2:] {
		line += fmt.Sprintf("%8s", c)
	}
	t.line(strings.TrimRight(line, " "))
}

// line prints a line as it is.
func (t *table) line(text string) {
	if _, err := fmt.Fprintln(t.out, text); err != nil && t.err == nil {
		t.err = err
	}
}

// finish says what the figures depend on.
func (t *table) finish() error {
	if load, err := os.ReadFile("/proc/loadavg"); err == nil { // Linux only
		// More than the machine has processors means that others were at work too.
		t.line("load of the machine over the last 1, 5 and 15 minutes: " + strings.Join(strings.Fields(string(load))[:3], " "))
	}
	return t.err
}

// spread is how measured figures lie.
type spread struct{ min, p25, median, p75, max float64 }

// summarise returns quartiles and extremes. Medians are what is compared: a single
// pause of the engine or of another program can double a mean.
func summarise[T time.Duration | float64](values []T) spread {
	v := slices.Sorted(slices.Values(values))
	at := func(q float64) float64 { // linear between the two nearest
		x := q * float64(len(v)-1)
		i := int(x)
		below, above := float64(v[i]), float64(v[min(i+1, len(v)-1)])
		return below + (x-float64(i))*(above-below)
	}
	return spread{at(0), at(0.25), at(0.5), at(0.75), at(1)}
}

// columns are the five figures in milliseconds.
func (s spread) columns() []string {
	var cells []string
	for _, ns := range []float64{s.min, s.p25, s.median, s.p75, s.max} {
		cells = append(cells, fmt.Sprintf("%.1f", ns/1e6))
	}
	return cells
}
