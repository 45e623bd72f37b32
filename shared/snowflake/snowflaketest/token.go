package snowflaketest

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// maxToken is the longest JWT in bytes that is looked at; a driver's has about
// 700. Parsers of JWTs have been brought to their knees by long ones.
const maxToken = 8192

// token is what a JWT says of itself. Nothing of it is checked.
type token struct {
	text    string
	alg     string
	account string // all three are parts of the issuer
	login   string
	key     string // the fingerprint
	issuer  bool   // whether the issuer has its three parts
	claims
}

type claims struct {
	Issuer  string   `json:"iss"`
	Subject string   `json:"sub"`
	Issued  *float64 `json:"iat"`
	Expires *float64 `json:"exp"`
}

// readToken takes a JWT apart; false is said of a text that is none.
func readToken(text string) (t token, ok bool) {
	parts := strings.SplitN(text, ".", 4)
	// Decoders step over white space, and each over another sort.
	if len(text) > maxToken || len(parts) != 3 || strings.ContainsAny(text, " \t\r\n") {
		return token{}, false
	}
	var header struct {
		Alg string `json:"alg"`
	}
	if !decodePart(parts[0], &header) || !decodePart(parts[1], &t.claims) {
		return token{}, false
	}
	t.text, t.alg = text, header.Alg
	t.account, t.login, t.key, t.issuer = splitIssuer(t.Issuer)
	return t, true
}

func decodePart(part string, v any) bool {
	text, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(text, v) == nil
}

// splitIssuer takes ACCOUNT.USER.SHA256:fingerprint apart. A user's name may be a
// mail address and have dots, an account's has none.
func splitIssuer(issuer string) (account, login, fingerprint string, ok bool) {
	account, rest, _ := strings.Cut(issuer, ".")
	i := strings.LastIndex(rest, ".SHA256:")
	if i < 0 {
		return account, "", "", false
	}
	return account, rest[:i], rest[i+1:], true
}

// rules are where the two ways to present a token differ.
type rules struct {
	maxAge time.Duration // since its issue
	tooOld string        // the code of one that is older
	millis bool          // whether times may also be in milliseconds
}

// The login refuses a token 60 seconds after its issue. The SQL API takes it for
// an hour, whatever it says itself (docs of the SQL API, "Using key-pair
// authentication", which do not name the code of one that is older).
var (
	loginRules  = rules{maxAge: time.Minute, tooOld: tokenIssueTime}
	sqlAPIRules = rules{maxAge: time.Hour, tooOld: tokenExpired, millis: true}
)

// leeway is how far a client's clock may be ahead. Snowflake does not tell how
// far it lets it.
const leeway = 10 * time.Second

// at turns a claim into a time.
func (r rules) at(claim float64) time.Time {
	if r.millis && claim > 1e11 { // in seconds that would be in the year 5138
		claim /= 1000
	}
	const far = 1e11
	return time.UnixMilli(int64(min(max(claim, -far), far) * 1000))
}

// judge returns the user that a token is of, and its named pair if it is signed
// with one; or, with the code, what is wrong first.
func (a *Account) judge(t token, r rules, now time.Time) (u *user, pair *keyPair, code string) {
	switch {
	case t.alg != string(jose.RS256):
		return nil, nil, tokenAlgorithm
	case t.Issued == nil || t.Expires == nil:
		return nil, nil, tokenTimes
	case !t.issuer:
		return nil, nil, tokenInvalid
	// Names must be in upper case (docs of the SQL API), so the token's is not
	// made upper here.
	case strings.ReplaceAll(t.account, "_", "-") != accountKey(a.name):
		return nil, nil, tokenAccount
	}
	if u = a.byLogin(t.login); u == nil {
		return nil, nil, tokenUser
	}
	switch age := now.Sub(r.at(*t.Issued)); {
	case t.Subject != t.account+"."+t.login:
		return u, nil, tokenInvalid
	case age < -leeway:
		return u, nil, tokenIssueTime
	case age > r.maxAge:
		return u, nil, r.tooOld
	case !now.Before(r.at(*t.Expires)):
		return u, nil, tokenExpired
	}
	key, pair := u.keyFor(t.key, now)
	switch {
	case key == nil:
		return u, nil, tokenFingerprint
	case !t.signedBy(key):
		return u, nil, tokenSignature
	}
	return u, pair, ""
}

func (t token) signedBy(key *rsa.PublicKey) bool {
	jws, err := jose.ParseSignedCompact(t.text, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return false
	}
	_, err = jws.Verify(key)
	return err == nil
}
