package mfa

import (
	"log/slog"

	"safekeep/shared/ledger"
)

// event is what an entry tells; without a kind there is nothing to tell.
type event struct {
	kind   ledger.Kind
	detail any
}

// userPartition begins the place where the ledger keeps a user's own story. An
// id cannot hold '#', so it is no workspace's.
const userPartition = "user#"

// maxCopies is how many workspaces are shown what happened to one of their
// people. With them a transaction stays below DynamoDB's 100 writes.
const maxCopies = 50

// tell returns the entries of an event: one that owes the user a mail, and one
// for each of their workspaces, whose admins see it. Of somebody who is in more
// than maxCopies the others are not shown it, which is logged.
func (s *Service) tell(c call, version int64, e event) ([]ledger.Entry, error) {
	if e.kind == "" {
		return nil, nil
	}
	// By an index, so somebody who joined a workspace this second may be missed in
	// it; the user's own entry is not.
	places, err := s.Places.OfUser(c.ctx, c.user)
	if err != nil {
		return nil, err
	}
	if len(places) > maxCopies {
		slog.WarnContext(c.ctx, "not every workspace of a user is shown what happened", "user", c.user, "workspaces", len(places), "shown", maxCopies)
	}
	owing := ledger.New(userPartition+c.user, c.now, e.kind, c.actor, c.user, e.detail)
	owing.Owes, owing.Version = true, version
	entries := []ledger.Entry{owing}
	for _, place := range places[:min(len(places), maxCopies)] {
		entry := ledger.New(place.ID, c.now, e.kind, c.actor, c.user, e.detail)
		entry.Version = version
		entries = append(entries, entry)
	}
	return entries, nil
}

// The details of the entries about second factors. No mail address, number, code
// or secret stands in one; a hint at a phone is its country code and two digits.
type (
	enrolledDetail struct {
		Factor Kind   `json:"factor"`
		Hint   string `json:"hint,omitempty"`
		First  bool   `json:"first"`
		// Codes is how many recovery codes were made with it.
		Codes int `json:"recovery_codes,omitempty"`
	}
	removedDetail struct {
		Factor Kind   `json:"factor"`
		Hint   string `json:"hint,omitempty"`
	}
	phoneChangedDetail struct {
		Hint    string `json:"hint"`
		OldHint string `json:"old_hint"`
		Codes   int    `json:"recovery_codes,omitempty"`
	}
	codesMadeDetail struct {
		Count int `json:"count"`
	}
	codeUsedDetail struct {
		Left int `json:"left"`
	}
	resetDetail struct {
		Factors []Kind `json:"factors"`
		Reason  string `json:"reason"`
	}
)

// told is a factor's hint as the ledger may have it: an app's label is a mail
// address more often than not.
func (f Factor) told() string {
	if f.Kind == TOTP {
		return ""
	}
	return f.Hint
}
