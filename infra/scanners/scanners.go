// Package scanners makes the rules by which secret scanners know a stack's
// tokens. The files beside it are those of the default prefix; a stack with
// another one makes its own.
package scanners

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"fmt"
	"strings"
	"text/template"

	"safekeep/shared/token"
)

//go:embed templates
var templates embed.FS

// rule is what the templates are filled with.
type rule struct {
	Prefix string // without the underscore
	// Token matches the token itself. Before stands in front of it: a border,
	// or the end of an escape or an encoding, which no border follows. Both do
	// without look-around, so RE2, Go, Hyperscan and Python read them alike.
	Before, Token string
	// Placeholders match what only looks like a token. One random token in 200
	// million does, so no shorter word may stand here.
	Placeholders []string
	// Entropy in bits a character that anything below is no token. A random one
	// has 4.7; 36 times the same character, 0.8 with the prefix.
	Entropy float64
	// Sample has the format of a token and was never issued.
	Sample string
}

// Files returns the rules for tokens of a prefix by the names of their files.
// It is an error if the prefix is not well formed or somebody else's.
func Files(prefix string) (map[string][]byte, error) {
	if err := Check(prefix); err != nil {
		return nil, err
	}
	sample, err := Sample(prefix, 0)
	if err != nil {
		return nil, err
	}
	r := rule{
		Prefix: prefix, Sample: sample, Entropy: 3.5,
		Before: `(?:\b|\\(?:[nrt]|u[0-9A-Fa-f]{4})|%[0-9A-Fa-f]{2})`,
		Token:  prefix + `_[0-9A-Za-z]{36}`,
		Placeholders: []string{
			`(?i)example|placeholder|replaceme|changeme|redacted|yourtoken|yourapi|notarealtoken|abcdefg`,
			`0123456789|1234567890|9876543210`,
		},
	}
	parsed, err := template.ParseFS(templates, "templates/*")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, t := range parsed.Templates() {
		var text bytes.Buffer
		if err := t.Execute(&text, r); err != nil {
			return nil, fmt.Errorf("filling in %s: %w", t.Name(), err)
		}
		files[strings.TrimSuffix(t.Name(), ".tmpl")] = text.Bytes()
	}
	return files, nil
}

// Sample returns the n-th token of a prefix that looks issued and is not: it is
// made from its number and so no secret.
func Sample(prefix string, n uint64) (string, error) {
	format, err := token.NewFormat(prefix)
	if err != nil {
		return "", err
	}
	secret, err := format.Issue(&digests{seed: prefix, n: n})
	return secret.Reveal(), err
}

// digests is a source of bytes that are the same in every run.
type digests struct {
	seed    string
	n, next uint64
}

func (d *digests) Read(p []byte) (int, error) {
	counters := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, d.n), d.next)
	sum := sha256.Sum256(append([]byte("sample of "+d.seed), counters...))
	d.next++
	return copy(p, sum[:]), nil
}
