package grant_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"safekeep/shared/grant"
	"safekeep/shared/problem"
)

func TestNew(t *testing.T) {
	asked := []string{mainID}
	g, err := grant.New("acme", asked, grant.Test, "r1", noon.Add(700*time.Millisecond).In(time.FixedZone("", 3600)))
	if err != nil {
		t.Fatal(err)
	}
	if g.IssuedAt != noon || g.ExpiresAt != noon.Add(5*time.Minute) {
		t.Errorf("from %v to %v", g.IssuedAt, g.ExpiresAt)
	}
	if asked[0] = otherID; !g.Covers(mainID) || g.Covers(otherID) || g.Covers("") {
		t.Error("the grant covers what it was not made for")
	}
}

func ids(n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("0b9f8c1e-7a52-4d0c-9b0a-%012x", i))
	}
	return ids
}

// Every mistake names its field, and repeats nothing that may be a secret.
func TestNewNamesTheField(t *testing.T) {
	good := ids(2)
	for name, c := range map[string]struct {
		workspace   string
		credentials []string
		purpose     grant.Purpose
		run         string
		field       string // "" is taken
	}{
		"all there is":        {"acme", ids(20), grant.Rotate, strings.Repeat("~", 128), ""},
		"no workspace":        {"", good, grant.Write, "r", "workspace"},
		"odd workspace":       {"ac#me", good, grant.Write, "r", "workspace"},
		"no credentials":      {"acme", nil, grant.Write, "r", "credentials"},
		"21 credentials":      {"acme", ids(21), grant.Write, "r", "credentials"},
		"one twice":           {"acme", append(ids(2), good[0]), grant.Write, "r", "credentials[2]"},
		"a reference":         {"acme", []string{"safekeep:credential/" + mainID}, grant.Write, "r", "credentials[0]"},
		"upper case":          {"acme", []string{strings.ToUpper(mainID)}, grant.Write, "r", "credentials[0]"},
		"no dashes":           {"acme", []string{strings.ReplaceAll(mainID, "-", "0")}, grant.Write, "r", "credentials[0]"},
		"a secret":            {"acme", []string{"hunter2"}, grant.Write, "r", "credentials[0]"},
		"braces":              {"acme", []string{"{" + mainID[1:]}, grant.Write, "r", "credentials[0]"},
		"no purpose":          {"acme", good, "", "r", "purpose"},
		"another purpose":     {"acme", good, "hunter2", "r", "purpose"},
		"purpose in capitals": {"acme", good, "Extract", "r", "purpose"},
		"no run":              {"acme", good, grant.Write, "", "run"},
		"long run":            {"acme", good, grant.Write, strings.Repeat("r", 129), "run"},
		"run of two lines":    {"acme", good, grant.Write, "r\nhunter2", "run"},
		"run in another tongue": {
			"acme", good, grant.Write, "läuft", "run"},
		"run with a space in front": {"acme", good, grant.Write, " r", "run"},
		"run of a space":            {"acme", good, grant.Write, " ", "run"},
		"run with DEL":              {"acme", good, grant.Write, "r\x7f", "run"},
	} {
		g, err := grant.New(c.workspace, c.credentials, c.purpose, c.run, noon)
		p, _ := problem.Of(err)
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.field != "" && (p == nil || p.Kind != problem.Unacceptable || p.Field != c.field):
			t.Errorf("%s: %v, want a problem with %s", name, err, c.field)
		case c.field != "" && g.ID != "":
			t.Errorf("%s: a grant came with the problem", name)
		case err != nil && (strings.Contains(err.Error(), "hunter2") || strings.HasSuffix(err.Error(), ".")):
			t.Errorf("%s: %v", name, err)
		}
	}
}
