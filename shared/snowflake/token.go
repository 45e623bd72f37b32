package snowflake

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// tokenLifetime is how long a sign-in token is good. Snowflake refuses one that
// is older than a minute when it arrives (394302), whatever it says itself.
const tokenLifetime = time.Minute

// tokenClaims are those that Snowflake reads. Source: "Key-pair authentication",
// and what its own drivers send.
type tokenClaims struct {
	Issuer    string `json:"iss"` // ACCOUNT.USER.SHA256:fingerprint
	Subject   string `json:"sub"` // ACCOUNT.USER
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
}

// signInToken returns the JWT that signs in to an account as the user of a
// LOGIN_NAME. It is made anew for every call, tries included, for it ages fast.
// It is RS256, the one algorithm that all of Snowflake's pages agree on.
func signInToken(p Place, key *rsa.PrivateKey, now time.Time) (string, error) {
	subject := p.Principal()
	payload, err := json.Marshal(tokenClaims{
		Issuer: subject + "." + Fingerprint(&key.PublicKey), Subject: subject,
		IssuedAt: now.Unix(), ExpiresAt: now.Add(tokenLifetime).Unix(),
	})
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("preparing a sign-in token: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signing a sign-in token: %w", err)
	}
	return signed.CompactSerialize()
}

// Whereabouts names the user of an account in one spelling, whichever of those that
// lead to the same host and user the settings have. A locator and the organization's
// name of one account are two all the same: nobody here can know.
func (p Place) Whereabouts() string {
	host, _, _ := strings.Cut(hostLabel(p.Account), ".")
	return host + "." + strings.ToUpper(p.User)
}

// Principal names the user of an account as tokens do, ACCOUNT.LOGIN_NAME.
func (p Place) Principal() string { return accountClaim(p.Account) + "." + strings.ToUpper(p.User) }

// accountClaim is an account as tokens name it: without region, cloud and
// privatelink, in upper case. Hyphens and underscores stay as they are.
func accountClaim(account string) string {
	name, _, _ := strings.Cut(account, ".")
	return strings.ToUpper(name)
}
