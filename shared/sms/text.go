package sms

import (
	"errors"
	"strings"
)

// maxSeptets is how much one text message takes: longer ones are cut in two and
// paid for twice. Source: 3GPP TS 23.038, 6.1.2.1.
const maxSeptets = 160

// The alphabet of text messages without its line breaks, and what stands in it
// behind an escape and so takes two places. One character beyond both, and a
// message has room for 70. Source: 3GPP TS 23.038, 6.2.1.
const (
	gsm7     = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsm7Wide = "^{}\\[~]|€"
)

// anonymous stands for a name that cannot be sent.
const anonymous = "Your"

// Text is what a message says around a code. Make one with NewText.
type Text struct{ product, host string }

// Message is the text of a message, code and all. It never prints; what sends
// it reveals it.
type Message struct{ hidden }

// Reveal returns the text.
func (m Message) Reveal() string { return m.reveal() }

var errHost = errors.New("the host of the sign-in page must be like app.acme.example, without https:// or port, and at most 84 characters")

// NewText returns the text for a product's name and the host of its sign-in
// page, which may be empty. With a host the last line binds the code to it, so
// that browsers offer the code there and nowhere else. Source: "Origin-bound
// one-time codes delivered via SMS", WICG.
//
// All of it fits in one message. A name that does not, or that has characters
// which text messages lack, is left out: "Your code: …".
func NewText(product, host string) (Text, error) {
	if host != "" && !isHost(host) {
		return Text{}, errHost
	}
	// Beside the name all is ASCII that takes one place each.
	room := maxSeptets - len(say("", host, strings.Repeat("0", codeLength)))
	if room < len(anonymous) {
		return Text{}, errHost
	}
	product = strings.TrimSpace(product)
	if n, ok := septets(product); !ok || n == 0 || n > room {
		product = anonymous
	}
	return Text{product, host}, nil
}

// with returns the message for a code.
func (t Text) with(c code) Message { return Message{hide(say(t.product, t.host, c.reveal()))} }

func say(product, host, code string) string {
	text := product + " code: " + code + ". It is good for 10 minutes. We never ask for it."
	if host != "" {
		text += "\n@" + host + " #" + code
	}
	return text
}

// septets returns how many places a text takes, and whether text messages can
// carry it in their own alphabet.
func septets(text string) (n int, ok bool) {
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsm7, r):
			n++
		case strings.ContainsRune(gsm7Wide, r):
			n += 2
		default:
			return 0, false
		}
	}
	return n, true
}

// isHost says whether a text is the name of a host in lower case, with nothing
// that could end the line or the origin in a message.
func isHost(text string) bool {
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
			label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}
