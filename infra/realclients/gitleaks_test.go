// Package realclients holds what we hand out against the real programs that
// customers feed it to.
package realclients

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/report"
	"github.com/zricethezav/gitleaks/v8/sources"

	"safekeep/infra/scanners"
)

const (
	folder  = "../scanners"
	ourRule = "skp-token"
	// generic is gitleaks' rule for anything random beside a word like "token".
	generic = "generic-api-key"
)

// anybodys are the rules that fire on every vendor's tokens and claim none.
var anybodys = []string{generic, "curl-auth-header", "curl-auth-user"}

// translate reads a configuration as the program does. What the program keeps
// about extensions is global, so a process can extend twice and no more.
func translate(t *testing.T, text string) config.Config {
	t.Helper()
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	var read config.ViperConfig
	if err := v.Unmarshal(&read); err != nil {
		t.Fatal(err)
	}
	c, err := read.Translate()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func defaults(t *testing.T) config.Config { return translate(t, config.DefaultConfig) }

// scan runs gitleaks over files in a folder.
func scan(t *testing.T, c config.Config, files map[string]string) []report.Finding {
	t.Helper()
	at := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := detect.NewDetector(c)
	found, err := d.DetectSource(context.Background(), &sources.Files{Path: at, Sema: d.Sema, Config: &d.Config})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func samples(t *testing.T, prefix string, n int) []string {
	t.Helper()
	all := make([]string, n)
	for i := range all {
		text, err := scanners.Sample(prefix, uint64(i)+1)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = text
	}
	return all
}

// The configuration as it is committed finds every token and no placeholder.
func TestGitleaksFindsTokens(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(folder, "gitleaks.toml"))
	if err != nil {
		t.Fatal(err)
	}
	ours := translate(t, string(text))
	if n, all := len(ours.Rules), len(defaults(t).Rules); n != all+1 {
		t.Fatalf("%d rules, want gitleaks' %d and ours", n, all)
	}
	tokens := samples(t, "skp", 1000)
	files := planted(tokens)
	var want []string
	for _, text := range files {
		want = append(want, regexp.MustCompile(`skp_[0-9A-Za-z]{36}`).FindAllString(text, -1)...)
	}
	// And a thousand, one a line, because what a rule thinks of randomness only
	// shows in numbers.
	want = append(want, tokens...)
	slices.Sort(want)
	want = slices.Compact(want)
	files["many.txt"] = strings.Join(tokens, "\n")
	byFile := map[string]map[string]bool{}
	var got []string
	for _, f := range scan(t, ours, files) {
		if f.RuleID != ourRule {
			if !slices.Contains(anybodys, f.RuleID) {
				t.Errorf("%s is found by %s as %s", filepath.Base(f.File), f.RuleID, f.Secret)
			}
			continue
		}
		name := filepath.Base(f.File)
		if byFile[name] == nil {
			byFile[name] = map[string]bool{}
		}
		byFile[name][f.Secret] = true
		got = append(got, f.Secret)
	}
	for name, text := range files {
		for _, token := range regexp.MustCompile(`skp_[0-9A-Za-z]{36}`).FindAllString(text, -1) {
			if !byFile[name][token] {
				t.Errorf("%s: %s is not found", name, token)
			}
		}
	}
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("%d tokens found, %d planted", len(got), len(want))
	}

	var nothing strings.Builder
	for _, text := range placeholders("skp") {
		nothing.WriteString("Authorization: Bearer " + text + "\nACME_API_TOKEN=" + text + "\nexport ACME=\"" + text + "\"\n")
	}
	for _, f := range scan(t, ours, map[string]string{"README.md": nothing.String()}) {
		t.Errorf("line %d: the placeholder %s is taken for a token by %s", f.StartLine, f.Secret, f.RuleID)
	}
	for _, f := range scan(t, ours, map[string]string{"odd.txt": strings.Join(malformed, "\n")}) {
		if f.RuleID == ourRule {
			t.Errorf("line %d: %s is taken for a token", f.StartLine, f.Secret)
		}
	}
}

// Why the file exists: without our rule gitleaks passes over a token that no
// word like "token" stands beside, and calls the others something else.
func TestGitleaksAloneMissesTokens(t *testing.T) {
	tokens := samples(t, "skp", 100)
	files := planted(tokens)
	found := map[string]int{}
	for _, f := range scan(t, defaults(t), files) {
		if !slices.Contains(anybodys, f.RuleID) {
			t.Errorf("%s: found by %s", filepath.Base(f.File), f.RuleID)
		}
		found[filepath.Base(f.File)]++
	}
	for _, name := range []string{"request.http", "notes.md", "values.yaml", "several.csv"} {
		if found[name] > 0 {
			t.Errorf("gitleaks finds %s by itself now; the README says otherwise", name)
		}
	}
	if found[".env"] == 0 {
		t.Errorf("nothing at all was found: %v", found)
	}
}

// Committed are the files that are made now, for whoever does not run make.
func TestCommittedFilesAreCurrent(t *testing.T) {
	files, err := scanners.Files("skp")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || string(text) != string(files[name]) {
			t.Errorf("%s is not what `make scanners` makes (%v)", name, err)
		}
	}
}
