package realclients

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zricethezav/gitleaks/v8/detect"

	"safekeep/infra/scanners"
)

// A prefix that a rule of gitleaks' own looks for is refused: the list of what
// is taken is complete as far as gitleaks knows.
func TestPrefixesOfOthersAreRefused(t *testing.T) {
	leading := regexp.MustCompile(`^(?:\(\?i\)|\\b|\(\?:|\(\?i:|\()*`)
	prefix := regexp.MustCompile(`^([a-z][a-z0-9]{1,9})[_-]`)
	found := 0
	for id, rule := range defaults(t).Rules {
		if rule.Regex == nil || slices.Contains(anybodys, id) {
			continue
		}
		// Of what the regular expression begins with, the keyword says how
		// much is text and no syntax.
		pattern := strings.ToLower(leading.ReplaceAllString(rule.Regex.String(), ""))
		for _, keyword := range rule.Keywords {
			if m := prefix.FindStringSubmatch(keyword); m != nil && strings.HasPrefix(pattern, keyword) {
				found++
				if err := scanners.Check(m[1]); err == nil {
					t.Errorf("%s_ is taken: gitleaks' rule %s looks for %s", m[1], id, keyword)
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d rules begin with their prefix: the test does not read them rightly", found)
	}
}

// Whatever short prefix is let through, gitleaks' own rules take its tokens
// for nobody else's.
func TestTokensOfFreePrefixesAreNobodys(t *testing.T) {
	t.Parallel()
	d := detect.NewDetector(defaults(t))
	const letters = "abcdefghijklmnopqrstuvwxyz"
	const all = letters + "0123456789"
	claimed := map[string]string{}
	for _, first := range letters {
		var lines strings.Builder
		prefixes := 0
		add := func(prefix string) {
			text, err := scanners.Sample(prefix, 1)
			if err != nil {
				t.Fatal(err)
			}
			lines.WriteString("Authorization: Bearer " + text + "\n")
			prefixes++
		}
		for _, second := range all {
			add(string([]rune{first, second}))
			for _, third := range all {
				add(string([]rune{first, second, third}))
			}
		}
		for _, f := range d.DetectString(lines.String()) {
			if slices.Contains(anybodys, f.RuleID) {
				continue
			}
			for _, prefix := range regexp.MustCompile(`[a-z][a-z0-9]+_`).FindAllString(f.Line, -1) {
				claimed[strings.TrimSuffix(prefix, "_")] = f.RuleID
			}
		}
	}
	for prefix, rule := range claimed {
		if err := scanners.Check(prefix); err == nil {
			t.Errorf("%s_: gitleaks' rule %s claims its tokens", prefix, rule)
		}
	}
	t.Logf("claimed: %v", claimed)
}

func TestRefusalsSayWhy(t *testing.T) {
	t.Parallel()
	for prefix, reason := range map[string]string{
		"sgp": "Sourcegraph and Segment", "ghp": "GitHub", "github": "GitHub", "glpat": "GitLab", "npm": "npm", "pypi": "PyPI",
		"sk": "Stripe", "xoxb": "Slack", "cfk": "Cloudflare", "akia": "AWS", "myghp": "GitHub", "hf": "Hugging Face",
		"Acme": "lower-case", "a": "2 to 10", "acme_": "lower-case", "": "2 to 10",
	} {
		files, err := scanners.Files(prefix)
		if err == nil || len(files) > 0 || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %d files, %v; want a refusal that says %s", prefix, len(files), err, reason)
		}
	}
	for _, prefix := range []string{"skp", "acme", "abc", "ac", "tok", "acmesk", "a1b2c3d4e5"} {
		if _, err := scanners.Files(prefix); err != nil {
			t.Errorf("%s: %v", prefix, err)
		}
	}
}
