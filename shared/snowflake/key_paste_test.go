package snowflake

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

func replace(old, with string) func(string) string {
	return func(text string) string { return strings.ReplaceAll(text, old, with) }
}

func around(before, after string) func(string) string {
	return func(text string) string { return before + text + after }
}

// dashes writes the five dashes of the BEGIN and END lines in another way.
func dashes(with string) func(string) string { return replace("-----", with) }

// pastes are the ways in which a key arrives that was right when it left.
var pastes = map[string]func(string) string{
	"as it is":                  around("", ""),
	"CRLF":                      replace("\n", "\r\n"),
	"CR":                        replace("\n", "\r"),
	"byte order mark":           around("\ufeff", ""),
	"no line break at the end":  strings.TrimSpace,
	"space around":              around(" \n\n\t", "\n \n"),
	"spaces for line breaks":    replace("\n", " "),
	"literal \\n":               replace("\n", `\n`),
	"literal \\r\\n":            replace("\n", `\r\n`),
	"literal \\\\n":             replace("\n", `\\n`),
	"literal \\n and real ones": replace("\n", "\\n\n"),
	"continued lines":           replace("\n", "\\\n"),
	"indented":                  replace("\n", "\n    "),
	"tabs":                      replace("\n", "\n\t"),
	"blank lines between":       replace("\n", "\n\n"),
	"no-break spaces":           replace("\n", "\u00a0"),
	"zero-width spaces":         replace("\n", "\u200b\n"),
	"double quotes":             around(`"`, `"`),
	"single quotes":             around("'", "'\n"),
	"curly quotes":              around("“", "”"),
	"backquotes":                around("```\n", "```"),
	"quoted, comma":             around(`"`, `",`),
	"YAML":                      func(s string) string { return "private_key: |\n  " + strings.ReplaceAll(s, "\n", "\n  ") },
	"shell":                     around(`export PRIVATE_KEY="`, `"`),
	"JSON string": func(s string) string {
		quoted, _ := json.Marshal(s)
		return string(quoted)
	},
	"JSON string of PHP": func(s string) string {
		quoted, _ := json.Marshal(s)
		return strings.ReplaceAll(string(quoted), "/", `\/`)
	},
	"em-dashes":          dashes("—–"),
	"one em-dash":        dashes("—"),
	"minus signs":        dashes("−−−−−"),
	"few dashes":         dashes("--"),
	"many dashes":        dashes("----------"),
	"dashes set apart":   dashes(" ----- "),
	"text before":        around("Here is the key\nBag Attributes\n    friendlyName: a\nKey Attributes: <No Attributes>\n", ""),
	"text after":         around("", "\n% ls\nThat was it.\n"),
	"base64 of the file": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64 of the file, wrapped": func(s string) string {
		return regexp.MustCompile(".{76}").ReplaceAllString(base64.StdEncoding.EncodeToString([]byte(s)), "$0\n")
	},
	"UTF-16 read as bytes": func(s string) string {
		return "\u00ff\u00fe" + regexp.MustCompile("(?s).").ReplaceAllString(s, "$0\x00")
	},
	"END line lost": func(s string) string {
		before, _, _ := strings.Cut(s, "-----END")
		return before
	},
	"half the END line": func(s string) string {
		before, _, _ := strings.Cut(s, "-----END")
		return before + "-----EN"
	},
	"BEGIN line without dashes": func(s string) string { return strings.TrimLeft(s, "-") },
	"padding lost":              replace("=", ""),
}

// bare are the ways in which a key arrives without its BEGIN and END lines.
var bare = map[string]func(string) string{
	"bare":               body,
	"bare on one line":   func(s string) string { return strings.ReplaceAll(body(s), "\n", "") },
	"bare with spaces":   func(s string) string { return strings.ReplaceAll(body(s), "\n", " ") },
	"bare with \\n":      func(s string) string { return strings.ReplaceAll(body(s), "\n", `\n`) },
	"bare in quotes":     func(s string) string { return `"` + strings.TrimSpace(body(s)) + `",` },
	"bare, END line":     func(s string) string { return s[strings.Index(s, "\n")+1:] },
	"no spaces anywhere": func(s string) string { return strings.Join(strings.Fields(s), "") },
	"indented":           func(s string) string { return "  " + strings.ReplaceAll(body(s), "\n", "\n  ") },
}

// body is what stands between the BEGIN and the END line.
func body(pem string) string {
	from := strings.Index(pem, "\n") + 1
	return pem[from:strings.Index(pem, "-----END")]
}

func TestReadsEveryPaste(t *testing.T) {
	forms := []struct{ name, pass, script string }{
		{"PKCS#8", "", "cat k.pem"},
		{"PKCS#1", "", "openssl rsa -in k.pem -traditional"},
		{"encrypted PKCS#8", passphrase, "openssl pkcs8 -topk8 -in k.pem -passout env:PASS"},
		{"DEK-Info", passphrase, "openssl rsa -in k.pem -traditional -aes256 -passout env:PASS"},
	}
	for _, form := range forms {
		text := made(t, passphrase, form.script)
		for name, mangle := range pastes {
			t.Run(form.name+", "+name, func(t *testing.T) { mustBeKey(t, mangle(text), form.pass) })
		}
		if form.name == "DEK-Info" {
			continue // has no key without its header
		}
		for name, mangle := range bare {
			t.Run(form.name+", "+name, func(t *testing.T) { mustBeKey(t, mangle(text), form.pass) })
		}
	}
	t.Run("text of openssl rsa -text", func(t *testing.T) {
		mustBeKey(t, made(t, "", "openssl rsa -in k.pem -text"), "")
	})
	t.Run("under another label", func(t *testing.T) {
		encrypted := made(t, passphrase, "openssl pkcs8 -topk8 -in k.pem -passout env:PASS")
		mustBeKey(t, strings.ReplaceAll(encrypted, "ENCRYPTED ", ""), passphrase)
		mustBeKey(t, strings.ReplaceAll(encrypted, "ENCRYPTED", "RSA"), passphrase)
	})
}
