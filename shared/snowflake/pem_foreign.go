package snowflake

import (
	"regexp"
	"strings"
)

// fileNames are what a path begins with or ends in. A dot is in no base64, and
// base64 of a key begins with MI.
var fileNames = regexp.MustCompile(`^(file:|@|~|\.{1,2}[/\\]|/|[A-Za-z]:[/\\])|` +
	`(?i)\.(p8|pem|key|der|pk8|pub|ppk|p12|pfx|jks|crt|cer|txt|json)$`)

// isFileName says whether a text is the name of a key's file and not the key:
// many tools want a path where this wants the key (private_key_path, key_file).
func isFileName(text string) bool {
	text = strings.Trim(text, "\"'`")
	return len(text) < 512 && !strings.ContainsAny(text, "\r\n{") && !strings.Contains(text, "BEGIN") &&
		fileNames.MatchString(text)
}

// foreignText refuses texts of other formats by name; nil is none that is known.
// It is asked before any block is looked for, because a JSON document has one
// inside, and the key in it need not be the one that was meant.
func foreignText(line string) error {
	begins := func(with string) bool { return strings.HasPrefix(line, with) }
	switch {
	case begins("PuTTY-User-Key-File-"):
		return puttyFormat()
	case begins("ssh-"), begins("ecdsa-sha2-"): // a line of authorized_keys
		return publicKey()
	case begins("{{"): // a template that nobody filled in
		return notAKey()
	case begins("{") && strings.Contains(line, "service_account"):
		return newKey("is a Google service account, which Snowflake does not know;")
	case begins("{"):
		return jsonDocument()
	}
	return nil
}
