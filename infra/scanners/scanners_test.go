package scanners

import (
	"math"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"safekeep/shared/token"
)

func TestSamplesLookIssued(t *testing.T) {
	t.Parallel()
	format, err := token.NewFormat("skp")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for n := range uint64(100) {
		sample, err := Sample("skp", n)
		if err != nil || !format.Valid(sample) || seen[sample] {
			t.Fatalf("sample %d: %s, %v", n, sample, err)
		}
		seen[sample] = true
	}
	if again, _ := Sample("skp", 1); !seen[again] {
		t.Error("a sample is another one now")
	}
}

// TruffleHog is too large to be built by a test, so its file is held to what
// it would do with it.
func TestTruffleHog(t *testing.T) {
	t.Parallel()
	files, err := Files("abc")
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Detectors []struct {
			Name     string
			Keywords []string
			Regex    map[string]string
			Entropy  float64
			Exclude  []string `yaml:"exclude_regexes_match"`
			Verify   []struct {
				Endpoint string
				Headers  []string
			}
		}
	}
	if err := yaml.Unmarshal(files["trufflehog.yaml"], &read); err != nil || len(read.Detectors) != 1 {
		t.Fatalf("%v, %v", read, err)
	}
	d := read.Detectors[0]
	if d.Verify[0].Endpoint != "${ALERTS_ENDPOINT}alerts/verify" || d.Verify[0].Headers[0] != "Authorization: Bearer ${VERIFY_SECRET}" || d.Keywords[0] != "abc_" {
		t.Errorf("%+v", d)
	}
	shape := regexp.MustCompile(d.Regex["token"])
	placeholder := regexp.MustCompile(strings.Join(d.Exclude, "|"))
	for n := range uint64(10000) {
		sample, err := Sample("abc", n)
		if err != nil {
			t.Fatal(err)
		}
		if found := shape.FindStringSubmatch("x=" + sample + ","); found == nil || found[1] != sample {
			t.Fatalf("%s is not found: %q", sample, found)
		}
		if placeholder.MatchString(sample) || entropy(sample) < d.Entropy {
			t.Fatalf("%s is left out: %.2f bits", sample, entropy(sample))
		}
	}
	sample, _ := Sample("abc", 0)
	for _, around := range []string{"%s", "Bearer %s\r\n", `a\n%s\r`, `=\u003d%s"`, "t%%3D%s&", "https://%s@git", "'%s'"} {
		text := strings.ReplaceAll(strings.ReplaceAll(around, "%%", "%"), "%s", sample)
		if found := shape.FindStringSubmatch(text); found == nil || found[1] != sample {
			t.Errorf("%q: %q", text, found)
		}
	}
	for _, text := range []string{sample + "a", sample[:39], "x" + sample, strings.ReplaceAll(sample, "abc_", "abd_")} {
		if shape.MatchString(text) {
			t.Errorf("%s is taken for a token", text)
		}
	}
}

// GitHub's dialect is a part of Go's, so its text can be tried here.
func TestGitHub(t *testing.T) {
	t.Parallel()
	files, err := Files("abc")
	if err != nil {
		t.Fatal(err)
	}
	part := func(name string) string {
		_, rest, ok := strings.Cut(string(files["github.md"]), "\n- "+name+": `")
		text, _, _ := strings.Cut(rest, "`\n")
		if !ok {
			t.Fatalf("there is no %s", name)
		}
		return text
	}
	whole := regexp.MustCompile("(?:" + part("Before secret") + ")(" + part("Secret format") + ")(?:" + part("After secret") + ")")
	sample := part("Test string")
	for _, text := range []string{sample, "x=" + sample + "\r\n", `\n` + sample + `\n`, "%3d" + sample + "&", `"` + sample + `"`} {
		if found := whole.FindStringSubmatch(text); found == nil || found[1] != sample {
			t.Errorf("%q: %q", text, found)
		}
	}
	for _, text := range []string{sample + "a", "x" + sample, "_" + sample, sample[:39]} {
		if whole.MatchString(text) {
			t.Errorf("%q is taken for a token", text)
		}
	}
	if regexp.MustCompile(part("Must not match")).MatchString(sample) {
		t.Error("the test string is a placeholder")
	}
}

// Nothing of the default prefix is left in another's files.
func TestFilesAreOfOnePrefix(t *testing.T) {
	t.Parallel()
	files, err := Files("abc")
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for name, text := range files {
		if strings.Contains(string(text), "skp") || strings.Contains(string(text), "<no value>") {
			t.Errorf("%s is not of prefix abc alone", name)
		}
	}
}

// entropy is in bits a character, as the scanners reckon it.
func entropy(s string) (bits float64) {
	counts := map[rune]float64{}
	for _, c := range s {
		counts[c]++
	}
	for _, n := range counts {
		p := n / float64(len(s))
		bits -= p * math.Log2(p)
	}
	return bits
}
