package faults

import "sync"

// recorded is how many calls are kept. A benchmark makes millions; a test looks
// at a few.
const recorded = 100_000

type record struct {
	mu     sync.Mutex
	calls  []Call
	totals map[string]int // by function
}

// add keeps a call and returns its number among those of its function.
func (r *record) add(c Call) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.totals[c.Function]++
	c.Total = r.totals[c.Function]
	if len(r.calls) == recorded {
		r.calls = append(r.calls[:0], r.calls[recorded/2:]...)
	}
	r.calls = append(r.calls, c)
	return c.Total
}

// Calls returns the calls so far in the order they came, the last 50,000 at
// least, of which keep says true; nil keeps all.
func (p *Proxy) Calls(keep func(Call) bool) []Call {
	p.record.mu.Lock()
	defer p.record.mu.Unlock()
	var kept []Call
	for _, c := range p.record.calls {
		if keep == nil || keep(c) {
			kept = append(kept, c)
		}
	}
	return kept
}

// Count returns how often each operation of a function was called, keyed
// "service.Operation", among the calls that [Proxy.Calls] would return.
func (p *Proxy) Count(function string) map[string]int {
	count := make(map[string]int)
	for _, c := range p.Calls(func(c Call) bool { return c.Function == function }) {
		count[c.Service+"."+c.Operation]++
	}
	return count
}

// Forget drops the recorded calls. The totals of functions go on.
func (p *Proxy) Forget() {
	p.record.mu.Lock()
	defer p.record.mu.Unlock()
	p.record.calls = nil
}
