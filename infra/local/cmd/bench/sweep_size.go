package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"time"

	"safekeep/infra/local/host"
)

// usage is what a process has used since it started.
type usage struct {
	peak float64 // the most memory that it ever held, in bytes
	busy float64 // processor time in seconds
}

var (
	peakLine  = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)
	busyTicks = regexp.MustCompile(`^.*\) \S(?: -?\d+){10} (\d+) (\d+) `) // fields 14 and 15; field 2 may hold anything
)

// usageOf asks Linux, which counts processor time in hundredths of a second. On
// other systems it is nought.
func usageOf(processes []*host.Instance) (usage, error) {
	if len(processes) != 1 {
		return usage{}, fmt.Errorf("%d processes ran the sweep", len(processes))
	}
	folder := fmt.Sprintf("/proc/%d/", processes[0].PID())
	status, err := os.ReadFile(folder + "status")
	if errors.Is(err, fs.ErrNotExist) {
		return usage{}, nil
	}
	stat, err2 := os.ReadFile(folder + "stat")
	if err = errors.Join(err, err2); err != nil {
		return usage{}, fmt.Errorf("reading what the sweep used: %w", err)
	}
	peak, busy := peakLine.FindSubmatch(status), busyTicks.FindSubmatch(stat)
	if peak == nil || busy == nil {
		return usage{}, fmt.Errorf("what the sweep used is not in %s", folder)
	}
	n := func(digits []byte) float64 { f, _ := strconv.ParseFloat(string(digits), 64); return f }
	return usage{n(peak[1]) * 1024, (n(busy[1]) + n(busy[2])) / 100}, nil
}

// A cost is what one side's sweeps of a size came to, in medians.
type cost struct {
	took, busy float64 // seconds
	peak       float64 // bytes
}

// cost is taken over as many runs as there are times, the last ones: those before
// do not count.
func (s *sweeper) cost(times []time.Duration) cost {
	var peaks, busy []float64
	for _, u := range s.used[len(s.used)-len(times):] {
		peaks, busy = append(peaks, u.peak), append(busy, u.busy)
	}
	return cost{summarise(times).median / 1e9, summarise(busy).median, summarise(peaks).median}
}

// costs are those of both sides.
type costs struct{ ours, floor cost }

// compare prints what there is to say of a size beside the times and, when there
// was a smaller one before, how both sides grew.
func (f *fleet) compare(t *table, c costs) {
	t.cost("ours", f.tokens(), c.ours)
	t.cost("floor", f.tokens(), c.floor)
	if before := f.smaller; before != nil {
		t.growth("sweep/growth of time", c.ours.took/before.ours.took, c.floor.took/before.floor.took)
		t.growth("sweep/growth of peak", c.ours.peak/before.ours.peak, c.floor.peak/before.floor.peak)
	}
	f.smaller = &c
}

// cost prints one side's.
func (t *table) cost(side string, tokens int, c cost) {
	t.line(fmt.Sprintf("%-22s %-5s   %.0f tokens a second, %.1f MB of memory at its peak, %.2f s of processor time",
		"", side, float64(tokens)/c.took, c.peak/1e6, c.busy))
}

// growthBar is how much more ours may grow with the number of tokens than the
// floor does.
const growthBar = 1.1

// growth prints by what factor something grew on each side, and the ratio of the
// two factors.
func (t *table) growth(name string, ours, floor float64) {
	factor := func(f float64) string { return fmt.Sprintf("×%.2f", f) }
	t.columns(name, "ours", "", "", "", factor(ours), "", "", fmt.Sprintf("%.2f", ours/floor), "", fmt.Sprintf("%.2f", growthBar),
		verdict(ours/floor, growthBar))
	t.columns("", "floor", "", "", "", factor(floor))
}
