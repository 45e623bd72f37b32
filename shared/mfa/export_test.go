package mfa

import "time"

// What tests see of the insides.
var (
	Match      = match
	CodeAt     = codeAt
	Otpauth    = otpauth
	CheckLabel = checkLabel
	Picture    = picture
	Normal     = normal
	NewCodes   = newCodes
	Plain      = plain
)

// HashMemory is the memory of a hash as it is shipped.
var HashMemory = hashMemory

// SetHashMemory makes hashes cheaper.
func SetHashMemory(kib uint32) { hashMemory = kib }

// Reserve is the pure half of reserving a try.
func (l Limits) Reserve(t Tries, now time.Time) (Reservation, time.Time) { return l.reserve(t, now) }

// Left is how many tries there are before the next lock.
func (l Limits) Left(t Tries, now time.Time) int { return l.left(t, now) }

// Find finds a code in a set.
func (c Codes) Find(text string) (Code, bool) {
	_, code, ok := c.find(text)
	return code, ok
}

// Add remembers a failure, and returns whether it is to be told and how many.
func (v Vigilance) Add(w Watch, f Failure) (Watch, int, int) {
	w, news := v.add(w, f, 0)
	if news == nil {
		return w, 0, 0
	}
	return w, news.Failures, news.Replays
}
