package grant

import (
	"bytes"
	"encoding/json"
	"time"
)

// Parties are who makes grants and who takes them, the claims iss and aud (RFC
// 7519, 4.1.1 and 4.1.3). A grant of one stack is nothing to another.
type Parties struct{ Issuer, Audience string }

// PartiesOf returns those of a stack: its connect function is the only audience.
func PartiesOf(stack string) Parties {
	return Parties{Issuer: "safekeep/" + stack, Audience: "safekeep/" + stack + "/connect"}
}

// claims is a grant as its JWT has it, times in seconds since 1970.
type claims struct {
	Issuer      string   `json:"iss"`
	Audience    string   `json:"aud"`
	ID          string   `json:"jti"`
	Workspace   string   `json:"workspace"`
	Credentials []string `json:"credentials"`
	Purpose     Purpose  `json:"purpose"`
	Run         string   `json:"run"`
	IssuedAt    int64    `json:"iat"`
	ExpiresAt   int64    `json:"exp"`
}

func (p Parties) claims(g Grant) claims {
	return claims{
		p.Issuer, p.Audience, g.ID, g.Workspace, g.Credentials, g.Purpose, g.Run,
		g.IssuedAt.Unix(), g.ExpiresAt.Unix(),
	}
}

// maxSkew is how far the clock of the function that issues may be ahead of the
// one that checks. Expiry has no leeway: five minutes are five minutes.
const maxSkew = 30 // seconds

// read turns signed claims back into a grant.
//
// Nobody but us can sign, so claims that are not what we would write are a
// mistake of ours or a version of us that we do not understand. RFC 7519 has
// claims that are not understood ignored unless an application wants otherwise
// (section 4); this one does, for a claim may be added to narrow a grant.
func (p Parties) read(payload []byte, now time.Time) (Grant, error) {
	var c claims
	if json.Unmarshal(payload, &c) != nil || !isOurs(payload, c) {
		return Grant{}, refusal(OddClaims)
	}
	if c.Issuer != p.Issuer {
		return Grant{}, refusal(WrongIssuer)
	}
	if c.Audience != p.Audience {
		return Grant{}, refusal(WrongAudience)
	}
	// In this order no sum can overflow.
	seconds := now.Unix()
	switch {
	case c.IssuedAt > seconds+maxSkew:
		return Grant{}, refusal(NotYet)
	case c.ExpiresAt > c.IssuedAt+int64(Lifetime/time.Second), c.ExpiresAt <= c.IssuedAt:
		return Grant{}, refusal(WrongLifetime)
	case c.ExpiresAt <= seconds:
		return Grant{}, refusal(Expired)
	}
	g := Grant{
		ID: c.ID, Workspace: c.Workspace, Credentials: c.Credentials, Purpose: c.Purpose, Run: c.Run,
		IssuedAt: time.Unix(c.IssuedAt, 0).UTC(), ExpiresAt: time.Unix(c.ExpiresAt, 0).UTC(),
	}
	if g.check() != nil {
		return Grant{}, refusal(OddClaims)
	}
	return g, nil
}

// isOurs says whether a text that was decoded to v is what we write for v, byte
// for byte. That settles at once what JSON leaves open and parsers answer
// differently (RFC 8259, 4): members given twice, in other case, of another
// type, left out, or unknown.
func isOurs(text []byte, v any) bool {
	ours, err := encode(v)
	return err == nil && bytes.Equal(ours, text)
}

// encode writes v without the escapes for HTML, which could make a run's name
// six times as long.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
