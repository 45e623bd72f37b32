package snowflake

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"unicode"
)

// paste is what stood between the BEGIN and the END of a key.
type paste struct {
	der []byte // still encrypted as a whole when there is a cipher
	// cipher and iv are those of the DEK-Info line, RFC 1421 4.6.1.3; "" of a
	// key that has none.
	cipher string
	iv     []byte
}

// byteOrderMarks are what some editors put before the first character.
const byteOrderMarks = "\ufeff"

// readPaste takes the key out of a text. encoding/pem is of no use here: it
// wants every line break and every dash in its place, and says nothing about
// what is wrong.
func readPaste(text string) (paste, error) {
	text = strings.TrimSpace(strings.Trim(strings.TrimSpace(text), byteOrderMarks))
	switch {
	case text == "":
		return paste{}, empty()
	case len(text) > maxText:
		return paste{}, tooLong()
	case isFileName(text):
		return paste{}, fileName()
	}
	line := onOneLine(text)
	// Build systems like to hold a whole PEM file as base64.
	if inner, err := decode(line); err == nil && bytes.Contains(inner, []byte("-----BEGIN ")) {
		line = onOneLine(string(inner))
	}
	if err := foreignText(line); err != nil {
		return paste{}, err
	}
	blocks, parameters := blocksIn(line)
	switch {
	case len(blocks) == 1:
		return blocks[0].read()
	case len(blocks) > 1:
		return paste{}, manyBlocks()
	case parameters:
		return paste{}, notAKey()
	}
	return readBare(line)
}

// onOneLine undoes what happens to a key on its way through environments,
// spreadsheets, chats and word processors: every run of space and line breaks,
// real or written as \n, becomes one space; any dash becomes "-"; quotes, other
// backslashes and what cannot be seen go. None of them is in base64.
func onOneLine(text string) string {
	var line strings.Builder
	space, escaped := false, false
	for _, c := range text {
		wasEscaped := escaped
		escaped = c == '\\'
		switch {
		// One backslash or more before it: some paths escape it twice.
		case unicode.IsSpace(c), wasEscaped && (c == 'n' || c == 'r' || c == 't'):
			space = true
			continue
		// PHP's JSON writes \/ for /. Cf are zero-width characters and byte order
		// marks; control characters are what UTF-16 leaves when read as bytes.
		case escaped, strings.ContainsRune("\"'`“”„‘’«»", c), unicode.Is(unicode.Cf, c), unicode.IsControl(c):
			continue
		// Word processors make an em-dash of two hyphens. The two others are the
		// minus sign and the line for drawing boxes.
		case unicode.Is(unicode.Pd, c), c == '\u2212', c == '\u2500':
			c = '-'
		}
		if space && line.Len() > 0 {
			line.WriteByte(' ')
		}
		space = false
		line.WriteRune(c)
	}
	return line.String()
}

// marker finds BEGIN and END lines. The words are spelt out because, with the
// line breaks gone and the dashes too few, nothing else parts them from base64.
var marker = regexp.MustCompile(`-* ?(BEGIN|END) ?` +
	`((?:(?:ENCRYPTED|RSA-PSS|RSA|EC|DSA|DH|OPENSSH|SSH2|PGP|ANY|NEW|TRUSTED|X509|X9\.42) ?)*` +
	`(?:(?:PRIVATE|PUBLIC) ?KEY(?: ?BLOCK)?|CERTIFICATE(?: ?REQUEST)?|PARAMETERS|PKCS7|CMS|CRL)) ?-*`)

// block is what a BEGIN and an END enclose, on one line. The label is without its
// spaces, for those may be lost as well.
type block struct{ label, body string }

// blocksIn cuts a line at its markers. A BEGIN or an END may be missing: whether
// the key is whole is seen in the key. Parameters are left out and only
// reported, because openssl writes them before an EC key.
func blocksIn(line string) (blocks []block, parameters bool) {
	marks := marker.FindAllStringSubmatchIndex(line, -1)
	for i, m := range marks {
		label := strings.ReplaceAll(line[m[4]:m[5]], " ", "")
		b := block{label: label}
		// A BEGIN owns what follows up to the next marker, whichever that is; an END
		// owns something only when its BEGIN is lost.
		switch begins := line[m[2]:m[3]] == "BEGIN"; {
		case begins && i+1 < len(marks):
			b.body = line[m[1]:marks[i+1][0]]
		case begins:
			b.body = line[m[1]:]
		case i == 0:
			b.body = line[:m[0]]
		default:
			continue
		}
		if strings.HasSuffix(label, "PARAMETERS") {
			parameters = true
			continue
		}
		blocks = append(blocks, b)
	}
	return blocks, parameters
}

// read decodes a block, or refuses it by its label.
func (b block) read() (paste, error) {
	if err := b.refuse(); err != nil {
		return paste{}, err
	}
	p, body, err := takeDEKInfo(b.body)
	if err != nil {
		return paste{}, err
	}
	// A dash is in no base64: it begins an END line that was itself cut off.
	body, _, _ = strings.Cut(body, "-")
	if p.der, err = decode(body); err != nil {
		return paste{}, err
	}
	switch {
	case len(p.der) == 0:
		return paste{}, cutOff()
	case p.cipher != "":
		return p, nil // no DER before it is decrypted
	}
	return p, framed(p.der)
}

// refuse returns the refusal of a block whose label says that it cannot be an
// RSA private key; nil is that it may be one. It is asked before the body is
// read, for half a public key is still a public key, and an encrypted EC key in
// the old form shows what it is by nothing else.
func (b block) refuse() error {
	switch {
	case strings.Contains(b.label, "PUBLICKEY"):
		return publicKey()
	case strings.HasSuffix(b.label, "REQUEST"):
		return certificateRequest()
	case strings.HasSuffix(b.label, "CERTIFICATE"):
		return certificate()
	case strings.HasPrefix(b.label, "OPENSSH"):
		return b.refuseOpenSSH()
	case b.label == "ECPRIVATEKEY":
		return otherKind("an elliptic-curve (EC)")
	case b.label == "DSAPRIVATEKEY":
		return otherKind("a DSA")
	case b.label == "RSA-PSSPRIVATEKEY":
		return otherKind("an RSA-PSS")
	case strings.HasPrefix(b.label, "SSH2"), !strings.HasSuffix(b.label, "PRIVATEKEY"):
		return notAKey()
	}
	return nil
}

// refuseOpenSSH looks at the public half, which stands there in clear, so that
// nobody converts a key of another kind in vain.
func (b block) refuseOpenSSH() error {
	data, _ := decode(b.body)
	for name, kind := range map[string]string{
		"ssh-ed25519": "an Ed25519", "ecdsa-sha2-": "an elliptic-curve (EC)", "ssh-dss": "a DSA",
	} {
		if bytes.Contains(data, []byte(name)) {
			return otherKind(kind)
		}
	}
	return opensshFormat()
}

// dekInfo is the header of an encrypted PKCS#1 key, as openssl writes it with
// -traditional and wrote it before 3.0. RFC 1421 allows more headers, in any
// order; no tool writes them.
var dekInfo = regexp.MustCompile(`^ ?Proc-Type: ?4, ?ENCRYPTED DEK-Info: ?([A-Za-z0-9-]+), ?([0-9A-Fa-f]+) `)

// takeDEKInfo cuts the header off a body. A key that lost a part of it is lost:
// the IV is the salt of the derivation as well.
func takeDEKInfo(body string) (p paste, rest string, err error) {
	if !strings.Contains(body, ":") { // in no base64
		return paste{}, body, nil
	}
	m := dekInfo.FindStringSubmatch(body)
	if m == nil {
		return paste{}, "", damaged()
	}
	iv, err := hex.DecodeString(m[2])
	if err != nil {
		return paste{}, "", damaged()
	}
	return paste{cipher: strings.ToUpper(m[1]), iv: iv}, body[len(m[0]):], nil
}

// decode reads base64 with spaces anywhere, and with or without its padding.
func decode(body string) ([]byte, error) {
	body = strings.TrimRight(strings.ReplaceAll(body, " ", ""), "=")
	data, err := base64.RawStdEncoding.DecodeString(body)
	if err == nil {
		return data, nil
	}
	// One character too many is no whole byte; the library says so at the end.
	var at base64.CorruptInputError
	if errors.As(err, &at) && len(body)%4 == 1 && int(at) >= len(body)-1 {
		return nil, cutOff()
	}
	return nil, damaged()
}

// readBare reads base64 without BEGIN and END, as Snowflake's own drivers take it.
func readBare(line string) (paste, error) {
	line = strings.Trim(line, " ,;")
	// Every DER sequence of 128 bytes to 64 KiB begins so: every RSA key does.
	likeKey := strings.HasPrefix(line, "MI")
	der, err := decode(line)
	if err != nil {
		if likeKey {
			return paste{}, err
		}
		return paste{}, notAKey()
	}
	if err := foreign(der); err != nil {
		return paste{}, err
	}
	if !likeKey && shape(der) == "" {
		return paste{}, notAKey()
	}
	return paste{der: der}, framed(der)
}
