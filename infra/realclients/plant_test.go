package realclients

import (
	"fmt"
	"strings"
)

// planted are files as they stand in repositories, with the tokens t in them.
func planted(t []string) map[string]string {
	next := func() string {
		text := t[0]
		t = t[1:]
		return text
	}
	basic := fmt.Sprintf("%%3D%s", next())
	return map[string]string{
		".env":          "HOST=api.acme.example\nACME_API_TOKEN=" + next() + "\n",
		"ci.sh":         "set -e\nexport ACME=\"" + next() + "\"\nexport B='" + next() + "'\n",
		"call.sh":       "curl https://api.acme.example/v1/rows \\\n  -H \"Authorization: Bearer " + next() + "\"\n",
		"request.http":  "GET /v1/rows HTTP/1.1\nAuthorization: Bearer " + next() + "\n\n",
		"settings.json": `{"acme": {"rows": 5, "credential": "` + next() + `"}}` + "\n",
		"minified.json": `[{"a":1,"b":"` + next() + `","c":"` + next() + `"},["` + next() + `"]]`,
		"escaped.json":  `{"file":"A=1\n` + next() + `\r\nB=2\t` + next() + `","q":"a\u003d` + next() + `"}`,
		"values.yaml":   "acme:\n  - " + next() + "\n  - value: " + next() + " # the old one\n",
		"notes.md":      "I used `" + next() + "` for the demo, then (" + next() + ") and <" + next() + ">.\n",
		"several.csv":   "ann," + next() + "," + next() + ";" + next() + "|" + next() + " " + next() + "\n",
		"windows.ini":   "[acme]\r\nuser = ann\r\nvalue = " + next() + "\r\nother=" + next() + "\r\n",
		"url.txt":       "https://api.acme.example/v1?a=b&t=" + next() + "&c=d https://" + next() + "@git.acme.example/x?next" + basic + "\n",
		"app.py":        "client = acme.Client(\n    '''" + next() + "''',\n)\n",
		"main.tf":       "provider \"acme\" {\n  x = \"" + next() + "\"\n}\n",
		"Dockerfile":    "FROM scratch\nENV X " + next() + "\nENV Y=" + next(),
		"diff.patch":    "@@ -1 +1 @@\n-x=" + next() + "\n+" + next() + "\n",
	}
}

// placeholders are what documentation and tests write where a token goes.
func placeholders(prefix string) []string {
	fill := func(part string) string { return prefix + "_" + strings.Repeat(part, 36/len(part)+1)[:36] }
	return []string{
		fill("x"), fill("X"), fill("0"), fill("1"), fill("a"), fill("xX"), fill("abc"), fill("123"), fill("abc123"),
		fill("abcdefghijklmnopqrstuvwxyz0123456789"), fill("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), fill("0123456789abcdef"),
		fill("1234567890"), fill("9876543210"), fill("deadbeef"), fill("EXAMPLEtoken7Qz"), fill("YourTokenHere"),
		fill("replaceMeWith9Chars"), fill("thisIsAPlaceholder42"), fill("REDACTED"), fill("changeme123"),
		prefix + "_", prefix + "_...", prefix + "_<your token>", prefix + "_${TOKEN}", prefix + "_xxxxxxxx", prefix + "_YOUR_TOKEN",
	}
}

// malformed are random, so that another rule may well report them, and no
// tokens: one character short, one over, one that is not base62, in a word.
var malformed = []string{
	"skp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq1", "skp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17a",
	"skp_zQWBuTSOoRi4A9spH-VY5ncnsDkxkJ0mLq17", "maskp_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17",
}
