package token

import "time"

// issued is a new token, the only answer that ever shows one.
type issued struct {
	tokenView
	Token string `json:"token"`
}

// tokenView is how the API shows a token.
type tokenView struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Hint       string       `json:"hint"`
	CreatedBy  string       `json:"created_by"`
	CreatedAt  time.Time    `json:"created_at"`
	Scopes     []string     `json:"scopes"`
	ExpiresAt  *time.Time   `json:"expires_at"`
	LastUsedOn *string      `json:"last_used_on"`
	LastUse    *useView     `json:"last_use"`
	Status     Status       `json:"status"`
	Revoked    *revokedView `json:"revoked"`
	Exposed    *exposedView `json:"exposed"`
	Rotated    *rotatedView `json:"rotated"`
	Replaces   *string      `json:"replaces"`
	ImportedAt *time.Time   `json:"imported_at"`
	Hygiene    hygieneView  `json:"hygiene"`
	Kept       *keptView    `json:"kept"`
}

type revokedView struct {
	At     time.Time `json:"at"`
	Reason Reason    `json:"reason"`
}

// useView is the use that was noted last: the first of its day, or a later one
// from another address.
type useView struct {
	At        time.Time `json:"at"`
	IP        string    `json:"ip"`
	UserAgent string    `json:"user_agent"`
}

// rotatedView says which token took over, and until when the old one works too.
type rotatedView struct {
	To    string    `json:"to"`
	Until time.Time `json:"until"`
}

// exposedView says that the token was found in public, and at how many places.
type exposedView struct {
	At     time.Time `json:"at"`
	Places int64     `json:"places"`
}

// hygieneView is what the daily sweep found, as far as it still matters.
type hygieneView struct {
	Orphaned *markView `json:"orphaned"`
	Unused   *markView `json:"unused"`
}

type markView struct {
	Stage Stage     `json:"stage"`
	Since time.Time `json:"since"`
}

// keptView says who wants the token kept, why, and until the beginning of which
// UTC day.
type keptView struct {
	Until  string    `json:"until"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

func view(t Token, now time.Time) tokenView {
	v := tokenView{
		ID: t.ID, Name: t.Name, Hint: t.Hint, CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt,
		Scopes: append([]string{}, t.Scopes...), ExpiresAt: optional(t.ExpiresAt), Status: Active,
	}
	if t.LastUsedOn != "" {
		v.LastUsedOn = &t.LastUsedOn
	}
	if !t.LastUsedAt.IsZero() {
		v.LastUse = &useView{t.LastUsedAt, t.LastUse.IP, t.LastUse.Agent}
	}
	if t.Predecessor.ID != "" {
		v.Replaces = &t.Predecessor.ID
	}
	if t.Successor.ID != "" {
		v.Rotated = &rotatedView{To: t.Successor.ID, Until: t.RetiresAt}
		if t.Status == Revoked { // at once, or before the overlap was over
			v.Rotated.Until = t.RevokedAt
		}
	}
	v.ImportedAt = optional(t.ImportedAt)
	if at, reason, ended := t.End(now); ended {
		v.Status, v.Revoked = Revoked, &revokedView{At: at, Reason: reason}
	}
	if !t.ExposedAt.IsZero() {
		v.Exposed = &exposedView{At: t.ExposedAt, Places: int64(len(t.Places)) + t.MorePlaces}
	}
	if v.Status == Active && t.KeptAt(now) {
		v.Kept = &keptView{Until: Day(t.Kept.Until), Reason: t.Kept.Reason, By: t.Kept.By, At: t.Kept.At}
	}
	orphaned, unused := t.Findings(now)
	v.Hygiene = hygieneView{Orphaned: orphaned.view(), Unused: unused.view()}
	return v
}

func (m Mark) view() *markView {
	if m.Stage == "" {
		return nil
	}
	return &markView{m.Stage, m.Since}
}
