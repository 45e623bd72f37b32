package alert

import "time"

// Bucket is a leaky bucket: it holds Burst units and loses one Every so often.
// What it has been given stands in one number, the time at which it will have
// run empty (the generic cell rate algorithm), so that one conditional write
// shares it between all instances of the stack.
type Bucket struct {
	Burst int
	Every time.Duration
}

// take puts one unit into the bucket that runs empty at the given time, both
// times in Unix milliseconds. It returns when the bucket runs empty now, or how
// long it takes until there is room for another unit.
func (b Bucket) take(empty, now int64) (next int64, wait time.Duration) {
	next = max(empty, now) + b.Every.Milliseconds()
	if over := next - b.full(now); over > 0 {
		return empty, time.Duration(over) * time.Millisecond
	}
	return next, 0
}

// full is the time at which a bucket that is full now runs empty.
func (b Bucket) full(now int64) int64 { return now + int64(b.Burst)*b.Every.Milliseconds() }
