package workspace_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWhatAWorkspaceAsksOfItsPeople: a second factor and the rule on breached
// passwords are off unless chosen, replaced by each PUT, and told in the ledger
// when they change.
func TestWhatAWorkspaceAsksOfItsPeople(t *testing.T) {
	s := newService(t)
	const off = `"require_mfa":false,"password_policy":{"block_breached":false}`
	for _, step := range []struct {
		method, body string
		status       int
		want         string
	}{
		{"PUT", `{"name":"Acme"}`, 200, off},
		{"PUT", `{"name":"Acme","require_mfa":true}`, 200, `"require_mfa":true,"password_policy":{"block_breached":false}`},
		{"GET", "", 200, `"require_mfa":true,"password_policy":{"block_breached":false}`},
		{"PUT", `{"name":"Acme","require_mfa":true,"password_policy":{"block_breached":true}}`, 200, `"require_mfa":true,"password_policy":{"block_breached":true}`},
		{"PUT", `{"name":"Acme","password_policy":{"block_breached":true},"require_mfa":true}`, 200, `"block_breached":true`}, // no change, no entry
		{"GET", "", 200, `"require_mfa":true,"password_policy":{"block_breached":true}`},
		{"PUT", `{"name":"Acme","password_policy":{}}`, 200, off},
		{"GET", "", 200, off},
		{"PUT", `{"name":"Acme","password_policy":{"block":true}}`, 400, `"field":"block"`},
		{"PUT", `{"name":"Acme","require_mfa":"yes"}`, 400, `"field":"require_mfa"`},
	} {
		got := call(s, step.method, "/workspaces/acme", step.body)
		if got.Code != step.status || !strings.Contains(got.Body.String(), step.want) {
			t.Errorf("%s %s: %d %s; want %d …%s…", step.method, step.body, got.Code, got.Body, step.status, step.want)
		}
	}
	want := []string{
		`workspace.changed acme zoe {"name":"Acme","auto_revoke":true,"sso":false}`,
		`workspace.changed acme zoe {"name":"Acme","auto_revoke":true,"sso":false,"require_mfa":true,"block_breached":true}`,
		`workspace.changed acme zoe {"name":"Acme","auto_revoke":true,"sso":false,"require_mfa":true}`,
		`workspace.created acme zoe {"name":"Acme","auto_revoke":true,"sso":false}`,
	}
	if diff := cmp.Diff(want, kinds(t, s)); diff != "" {
		t.Errorf("ledger, newest first:\n%s", diff)
	}
}
