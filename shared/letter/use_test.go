package letter

import (
	"strings"
	"testing"
	"time"
)

// The last use and the other tokens of a rotation stand in both parts.
func TestUseAndRotationAreTold(t *testing.T) {
	e := Exposure{
		TokenID: "tok_1", Name: "CI", Hint: "skp_…a1B2", CreatedBy: "ann", CreatedAt: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
		LastUsedOn: "2026-11-20", LastUsedAt: time.Date(2026, 11, 20, 9, 15, 30, 0, time.UTC),
		LastUsedIP: "203.0.113.7", LastUsedAgent: "curl/8.5 <b>\u202e",
		Successor: "skp_…c3D4", Predecessor: "skp_…e5F6",
		Host: "github", Outcome: outcomeRevoked, At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}
	mail, err := Exposed(Brand{Product: "Acme", From: "security@acme.example"}, "acme", "Acme", Recipient{User: "ann", Role: "owner"}, []Exposure{e})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"20 November 2026 (UTC), seen at 09:15 UTC from 203.0.113.7 (curl/8.5 <b>)",
		"skp_…c3D4, which is not affected", "skp_…e5F6, which is not affected",
	} {
		if text := strings.Join(strings.Fields(mail.Text), " "); !strings.Contains(text, want) {
			t.Errorf("text: no %q in\n%s", want, mail.Text)
		}
		if page := strings.Join(strings.Fields(visible(mail.HTML)), " "); !strings.Contains(page, want) {
			t.Errorf("HTML: no %q", want)
		}
	}
	if strings.Contains(mail.HTML, "<b>") || strings.Contains(mail.Text, "\u202e") {
		t.Error("the User-Agent was not tamed")
	}
}
