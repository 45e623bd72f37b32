package credential

import (
	"slices"
	"time"

	"safekeep/shared/problem"
	"safekeep/shared/snowflake"
	"safekeep/shared/warehouse"
)

// Policy is how a credential's key pair is to be rotated. What is nil is as the
// stack has it.
type Policy struct {
	// IntervalDays is how old a key may become; 0 leaves rotation to whoever asks
	// for it.
	IntervalDays *int `json:"interval_days,omitempty"`
	// OverlapHours is how long the old key still signs in.
	OverlapHours *int `json:"overlap_hours,omitempty"`
	// RetireSuppliedKey allows that a key which the customer supplied is removed
	// from the warehouse, too.
	RetireSuppliedKey *bool `json:"retire_supplied_key,omitempty"`
}

// check returns a problem about the first value that breaks a rule.
func (p Policy) check() error {
	switch {
	case p.IntervalDays != nil && (*p.IntervalDays < 0 || *p.IntervalDays > 3650):
		return problem.Field("rotation.interval_days", "must be from 1 to 3650, or 0 for rotation on request only")
	case p.OverlapHours != nil && (*p.OverlapHours < 1 || *p.OverlapHours > 720):
		return problem.Field("rotation.overlap_hours", "must be from 1 to 720; a run must get through with the key it began with")
	}
	return nil
}

// policyOf is the policy that a request asks for, or the one there was.
func policyOf(asked *Policy, was Policy, kind warehouse.Kind) (Policy, error) {
	if asked == nil {
		return was, nil
	}
	if kind != warehouse.Snowflake {
		return was, problem.Field("rotation", "is for snowflake credentials only")
	}
	return *asked, asked.check()
}

// Defaults are the policy of the stack.
type Defaults struct {
	Interval time.Duration
	Overlap  time.Duration
}

// Interval is how old a key may become, 0 for ever.
func (p Policy) Interval(d Defaults) time.Duration {
	if p.IntervalDays == nil {
		return d.Interval
	}
	return time.Duration(*p.IntervalDays) * 24 * time.Hour
}

// Overlap is how long the old key still signs in.
func (p Policy) Overlap(d Defaults) time.Duration {
	if p.OverlapHours == nil {
		return d.Overlap
	}
	return time.Duration(*p.OverlapHours) * time.Hour
}

// RetiresSupplied says whether a customer's own key may be removed.
func (p Policy) RetiresSupplied() bool { return p.RetireSuppliedKey != nil && *p.RetireSuppliedKey }

// Step is how far a rotation is.
type Step string

// The steps. Between two of them at least one stored key signs in.
const (
	Idle     Step = ""         // none is under way
	Placing  Step = "placing"  // a new key is stored; it is to be put into the warehouse, tried and put in use
	Retiring Step = "retiring" // the new key is in use; the old one is to be removed once the overlap is over
)

// Rotation is how a credential's key is rotated, and how far that is.
type Rotation struct {
	Policy Policy `json:"policy"`
	Step   Step   `json:"step,omitempty"`
	// Began is when the step was taken, RotatedAt when a key was last put in use.
	Began     time.Time `json:"began,omitzero"`
	RotatedAt time.Time `json:"rotated_at,omitzero"`
	// Old is the fingerprint of the key to be removed, from RetireAt on.
	Old      string    `json:"old,omitempty"`
	RetireAt time.Time `json:"retire_at,omitzero"`
	// Slot is where the key in use stands, as far as known, and Planned where the
	// awaited one was put, or where the SQL that was handed out puts it.
	Slot    snowflake.Slot `json:"slot,omitempty"`
	Planned snowflake.Slot `json:"planned,omitempty"`
	// Trouble is what holds the rotation up.
	Trouble Trouble `json:"trouble,omitzero"`
	// Made are the keys that were made here, the latest last. Only these may be
	// replaced or removed in the warehouse without being asked.
	Made []MadeKey `json:"made,omitempty"`
}

// MadeKey is a key that was made here.
type MadeKey struct {
	Fingerprint string `json:"fingerprint"`
	// Until is when a key that was replaced stops being given out. It is zero for
	// the one in use, the one that is awaited, and one that was never in use.
	Until time.Time `json:"until,omitzero"`
}

// TroubleState says whose turn it is.
type TroubleState string

// The states: blocked waits for the customer's admin, failing is tried again by
// itself.
const (
	Blocked TroubleState = "blocked"
	Failing TroubleState = "failing"
)

// NoPrivilege is the reason of a rotation that waits because we may not change the
// user.
const NoPrivilege = "no_privilege"

// Trouble is what holds a rotation up; the zero Trouble is none.
type Trouble struct {
	State       TroubleState `json:"state"`
	Reason      string       `json:"reason"`
	Explanation string       `json:"explanation,omitempty"`
	// SQL is what the customer's admin is to run, CheckSQL what shows the keys.
	SQL      []string `json:"sql,omitempty"`
	CheckSQL string   `json:"check_sql,omitempty"`
	// PresentRefused says that it is the key in use that Snowflake refuses.
	PresentRefused bool      `json:"present_refused,omitempty"`
	Since          time.Time `json:"since"`
	// Told says that the customer's admins were written to about it.
	Told bool `json:"told,omitempty"`
}

// maxMade is how many keys are remembered. A key is forgotten long after it has
// gone from the warehouse.
const maxMade = 100

// noteMade remembers a key as made here.
func (r *Rotation) noteMade(fingerprint string) {
	// What is stored shares the array with what was read.
	r.Made = append(slices.Clone(r.Made), MadeKey{Fingerprint: fingerprint})
	if len(r.Made) > maxMade {
		r.Made = r.Made[len(r.Made)-maxMade:]
	}
}

// noteReplaced remembers until when a key is still given out.
func (r *Rotation) noteReplaced(fingerprint string, until time.Time) {
	r.Made = slices.Clone(r.Made)
	for i := range r.Made {
		if r.Made[i].Fingerprint == fingerprint {
			r.Made[i].Until = until
		}
	}
}

// MadeHere says whether the key of a fingerprint was made here.
func (r Rotation) MadeHere(fingerprint string) bool {
	return slices.ContainsFunc(r.Made, func(k MadeKey) bool { return k.Fingerprint == fingerprint })
}

// Spare says whether the key of a fingerprint was made here and is given to
// nobody any more, so that another one may take its place.
func (c Credential) Spare(fingerprint string, now time.Time) bool {
	if fingerprint == c.Current.Fingerprint || fingerprint == c.Pending.Fingerprint {
		return false
	}
	return slices.ContainsFunc(c.Rotation.Made, func(k MadeKey) bool {
		return k.Fingerprint == fingerprint && !now.Before(k.Until)
	})
}

// Removes says whether a key may be removed from the warehouse when it has been
// replaced: it was made here, or its owner allows it.
func (r Rotation) Removes(fingerprint string) bool {
	return r.MadeHere(fingerprint) || r.Policy.RetiresSupplied()
}

// HasKeyPair says whether there is a key in use that can be rotated.
func (c Credential) HasKeyPair() bool {
	return c.Warehouse == warehouse.Snowflake && c.Current.Fingerprint != "" && c.DeletedAt.IsZero()
}

// DueAt is when the key in use is to be rotated, zero for never.
func (c Credential) DueAt(d Defaults) time.Time {
	interval := c.Rotation.Policy.Interval(d)
	if !c.HasKeyPair() || interval == 0 {
		return time.Time{}
	}
	since := c.Current.CreatedAt
	if c.Rotation.RotatedAt.After(since) {
		since = c.Rotation.RotatedAt
	}
	return since.Add(interval)
}

// NextAt is when a rotation has something to do, zero for never.
func (c Credential) NextAt(d Defaults) time.Time {
	switch c.Rotation.Step {
	case Placing:
		return c.Rotation.Began
	case Retiring:
		return c.Rotation.RetireAt
	default:
		return c.DueAt(d)
	}
}
