package credential

import (
	"encoding/json"
	"time"

	"safekeep/shared/warehouse"
)

// credentialView is how the API shows a credential: never its secret.
type credentialView struct {
	ID          string          `json:"id"`
	Reference   string          `json:"reference"`
	Name        string          `json:"name"`
	Warehouse   warehouse.Kind  `json:"warehouse"`
	Settings    json.RawMessage `json:"settings"`
	Version     int64           `json:"version"`
	Fingerprint *string         `json:"fingerprint"`
	Status      Status          `json:"status"`
	Pending     *pendingView    `json:"pending"`
	Connection  *connectionView `json:"connection"`
	Rotation    *rotationView   `json:"rotation"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
}

// pendingView is a key that waits for the customer to put it into the warehouse.
type pendingView struct {
	Version     int64     `json:"version"`
	Fingerprint string    `json:"fingerprint"`
	CreatedAt   time.Time `json:"created_at"`
}

// changedView is a credential just stored, with what its owner should know.
type changedView struct {
	credentialView
	Warnings []string `json:"warnings"`
}

func (s *Service) view(c Credential) credentialView {
	v := credentialView{
		ID: c.ID, Reference: Reference(c.ID), Name: c.Name, Warehouse: c.Warehouse, Settings: c.Current.Settings,
		Version: c.Current.Number, Status: c.Status, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
	v.Fingerprint = known(c.Current.Fingerprint)
	v.Connection, v.Rotation = connectionOf(c.Connection), rotationOf(c, s.Defaults)
	if c.Pending.Number > 0 {
		v.Pending = &pendingView{c.Pending.Number, c.Pending.Fingerprint, c.Pending.CreatedAt}
	}
	return v
}

// connectionView is the last sign-in that was tried, null when none was.
type connectionView struct {
	State       ConnectionState `json:"state"`
	At          time.Time       `json:"at"`
	Version     int64           `json:"version"`
	User        *string         `json:"user"`
	Role        *string         `json:"role"`
	Warehouse   *string         `json:"warehouse"`
	Reason      *string         `json:"reason"`
	Explanation *string         `json:"explanation"`
	SQL         *string         `json:"sql"`
}

func connectionOf(c Connection) *connectionView {
	if c.State == "" {
		return nil
	}
	return &connectionView{
		c.State, c.At, c.Version, known(c.User), known(c.Role), known(c.Warehouse), known(c.Reason), known(c.Explanation), known(c.SQL),
	}
}

// rotationView is how a key pair is rotated and how far that is, null where there
// is no key pair.
type rotationView struct {
	IntervalDays      int        `json:"interval_days"`
	OverlapHours      int        `json:"overlap_hours"`
	RetireSuppliedKey bool       `json:"retire_supplied_key"`
	DueAt             *time.Time `json:"due_at"`
	Step              string     `json:"step"`
	State             string     `json:"state"`
	Reason            *string    `json:"reason"`
	Explanation       *string    `json:"explanation"`
	SQL               []string   `json:"sql"`
	Since             *time.Time `json:"since"`
	RotatedAt         *time.Time `json:"rotated_at"`
	RetireAt          *time.Time `json:"retire_at"`
}

func rotationOf(c Credential, d Defaults) *rotationView {
	if !c.HasKeyPair() {
		return nil
	}
	r := c.Rotation
	v := rotationView{
		IntervalDays: int(r.Policy.Interval(d) / (24 * time.Hour)), OverlapHours: int(r.Policy.Overlap(d) / time.Hour),
		RetireSuppliedKey: r.Policy.RetiresSupplied(), DueAt: moment(c.DueAt(d)), Step: string(r.Step), State: string(r.Trouble.State),
		Reason: known(r.Trouble.Reason), Explanation: known(r.Trouble.Explanation), SQL: append([]string{}, r.Trouble.SQL...),
		Since: moment(r.Trouble.Since), RotatedAt: moment(r.RotatedAt), RetireAt: moment(r.RetireAt),
	}
	if r.Step == Idle {
		v.Step = "idle"
	}
	if v.State == "" {
		v.State = "ok"
	}
	return &v
}

// moment is a time for JSON, null when there is none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
