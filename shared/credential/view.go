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

func view(c Credential) credentialView {
	v := credentialView{
		ID: c.ID, Reference: Reference(c.ID), Name: c.Name, Warehouse: c.Warehouse, Settings: c.Current.Settings,
		Version: c.Current.Number, Status: c.Status, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
	if c.Current.Fingerprint != "" {
		v.Fingerprint = &c.Current.Fingerprint
	}
	if c.Pending.Number > 0 {
		v.Pending = &pendingView{c.Pending.Number, c.Pending.Fingerprint, c.Pending.CreatedAt}
	}
	return v
}
