package sms

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Limits are how many texts are sent at most. They are there against toll
// fraud: somebody who earns by texts to numbers of theirs asks for codes by the
// thousand.
//
// A text to enrol goes to any number that somebody names, so numbers have limits,
// and all enrolments together have no more than a fifth of the stack's day. A text
// to sign in goes to a number in force, and is counted for its user alone: else a
// stranger who knows the number could use up what its owner needs.
type Limits struct {
	UserHour, UserDay     int // to one user, in any hour and any day
	NumberHour, NumberDay int // to enrol one number
	StackDay              int // in all, from midnight to midnight in UTC
}

// DefaultLimits are the limits for a stack that sends so many texts a day.
func DefaultLimits(stackDay int) Limits {
	return Limits{UserHour: 5, UserDay: 10, NumberHour: 3, NumberDay: 5, StackDay: stackDay}
}

// Window is one of the limits that a send must keep: at most Limit in Length.
//
// Sends are counted by Step, from the beginning of 1970. Where a Step is shorter
// than Length, the counter of now and those of a whole Length before it are
// added up: so no hour, wherever it begins, sees more than the limit of an hour,
// and there is room again at most a Step later than there could be. Where the
// two are the same, only the counter of now counts.
type Window struct {
	Name      string // "sms-user-hour": what its counters are called
	Partition string // the key they stand under: a user, "sms#<number key>" or "sms#stack"
	Limit     int
	Length    time.Duration
	Step      time.Duration
	// Shards is how many counters share a Step, each with its part of the limit,
	// so that sends of many users do not meet at one item.
	Shards int

	reason string
}

// stackShards keeps the counter of the whole stack from being hot.
const stackShards = 8

// enrolShare is which part of the stack's day enrolments may use: one in so many,
// rounded up.
const enrolShare = 5

const day = 24 * time.Hour

// SignIn returns the limits for one text to the number that a user has in force,
// the cheapest to hit first. A user's id holds no #, so the partitions never meet.
func (l Limits) SignIn(user string) []Window {
	return []Window{
		{"sms-user-hour", user, l.UserHour, time.Hour, 10 * time.Minute, 1, UserLimit},
		{"sms-user-day", user, l.UserDay, day, 2 * time.Hour, 1, UserLimit},
		{"sms-stack-day", "sms#stack", l.StackDay, day, day, stackShards, StackLimit},
	}
}

// Enrolment returns the limits for one text to a number that is to be enrolled,
// likewise. Number is the number's key, from [Keys.NumberKey].
func (l Limits) Enrolment(user, number string) []Window {
	windows, number := l.SignIn(user), "sms#"+number
	return slices.Insert(windows, len(windows)-1,
		Window{"sms-number-enrol-hour", number, l.NumberHour, time.Hour, 10 * time.Minute, 1, NumberLimit},
		Window{"sms-number-enrol-day", number, l.NumberDay, day, 2 * time.Hour, 1, NumberLimit},
		Window{"sms-stack-enrol-day", "sms#stack", (l.StackDay + enrolShare - 1) / enrolShare, day, day, stackShards, StackLimit},
	)
}

// number returns the number of the counter of a time.
func (w Window) number(at time.Time) int64 { return at.Unix() / int64(w.Step/time.Second) }

// before returns how many counters before that of now are added to it.
func (w Window) before() int64 {
	if w.Step == w.Length {
		return 0
	}
	return int64(w.Length / w.Step)
}

// ends returns when a counter counts no more.
func (w Window) ends(number int64) time.Time {
	return time.Unix((number+w.before()+1)*int64(w.Step/time.Second), 0).UTC()
}

// room returns what the counter of now may go up to, given the counters that
// count now by their numbers. Where that is what it is at already, until is when
// a counter before it counts no more and there is room again, else it is zero.
func (w Window) room(counts map[int64]int, now time.Time) (limit int, until time.Time) {
	last := w.number(now)
	used := counts[last]
	limit = w.Limit
	for number := last - w.before(); number < last; number++ {
		used += counts[number]
		limit -= counts[number]
	}
	for number := last - w.before(); used >= w.Limit && number <= last; number++ {
		used -= counts[number]
		until = w.ends(number)
	}
	return limit, until
}

// full is the failure of a send that this window has no room for.
func (w Window) full(until time.Time) error {
	return &failure{kind: ErrTooMany, reason: w.reason, until: until, cause: fmt.Sprintf("%s has had its %d", w.Name, w.Limit)}
}

// Limiter counts sends.
type Limiter interface {
	// Reserve counts one send in each of the windows, or returns an ErrTooMany
	// with [Until] set. A send for which only a later window had no room may
	// stay counted in the earlier ones.
	Reserve(ctx context.Context, windows []Window, now time.Time) error
}

// Meter holds sends to the limits.
type Meter struct {
	Limits  Limits
	Limiter Limiter
	// Secret returns what ParseKeys reads.
	Secret func(context.Context) (string, error)
	Now    func() time.Time
}

// SignIn counts a text to the number that a user has in force before it is sent,
// so that of any number of sends at once no more get through than the limits allow.
// What is counted stays so, whatever becomes of the send. Errors are ErrTooMany,
// with [Until] set, and the table's.
func (m *Meter) SignIn(ctx context.Context, user string) error {
	return m.Limiter.Reserve(ctx, m.Limits.SignIn(user), m.Now())
}

// Enrolment is SignIn for a text to a number that is to be enrolled. It may be
// ErrUnavailable too, when there is no key to count the number under.
func (m *Meter) Enrolment(ctx context.Context, user string, to Number) error {
	keys, err := readKeys(ctx, m.Secret)
	if err != nil {
		return err
	}
	return m.Limiter.Reserve(ctx, m.Limits.Enrolment(user, keys.NumberKey(to)), m.Now())
}
