package snowflake

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The limits of a call.
const (
	tryTimeout = 10 * time.Second // one try, until the answer's last byte
	maxTries   = 3
	maxPause   = 400 * time.Millisecond // before the second try; doubles after that
	maxAnswer  = 1 << 20                // bytes; DESC USER answers some 10 kB
	maxHeaders = 32 << 10
)

// Place is where to sign in and as whom, as the settings of a credential say it.
type Place struct {
	Account string `json:"account"` // account identifier, with its region if it has one
	User    string `json:"user"`    // LOGIN_NAME
	// Where a session begins; left out, the user's defaults hold.
	Role      string `json:"role"`
	Warehouse string `json:"warehouse"`
	Database  string `json:"database"`
	Schema    string `json:"schema"`
}

// Proof is what a user signs in with: a key, or else a password.
type Proof struct {
	Key      *rsa.PrivateKey
	Password string
}

// Identity is as whom a sign-in acts, in Snowflake's own spelling. Role and
// Warehouse are "" where the user has none.
type Identity struct {
	User      string // NAME, which need not be the LOGIN_NAME
	Role      string
	Warehouse string
}

// Client speaks to Snowflake over HTTP, as its drivers do and by its SQL API. The
// driver for Go is not used: it is 10 MB, wants the key in a form that panics
// for some, and looks around in the network it runs in before it signs in.
//
// Errors are a *Refusal when Snowflake said no, ErrUnreachable when it did not
// get to say anything, or the context's.
type Client struct {
	url  string
	http *http.Client
	now  func() time.Time
	// timeout is tryTimeout, and less in tests.
	timeout time.Duration
}

// ErrUnreachable means that Snowflake did not answer in time, or not as
// Snowflake does, though it was asked several times. It wraps what the network
// said, for the log.
var ErrUnreachable = errors.New("Snowflake did not answer") //nolint:staticcheck // a name

// NewClient returns a client of the Snowflake at an address that has {account}
// in it, https://{account}.snowflakecomputing.com. Now is the clock that tokens
// are dated by; it must be right to the minute.
func NewClient(address string, now func() time.Time) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = maxHeaders
	return &Client{url: address, now: now, timeout: tryTimeout, http: &http.Client{
		Transport: transport,
		// A redirect would carry a token or a password elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Host returns the name of an account's host. Certificates do not hold for
// underscores, so hyphens stand for them. Source: "Account identifiers".
func Host(account string) string { return hostLabel(account) + ".snowflakecomputing.com" }

func hostLabel(account string) string { return strings.ReplaceAll(strings.ToLower(account), "_", "-") }

// base returns the address of an account.
func (c *Client) base(account string) string {
	return strings.TrimRight(strings.ReplaceAll(c.url, "{account}", hostLabel(account)), "/")
}

// WhoAmI signs in and asks as whom. With a key it runs a statement, which shows
// that signing in and working both do; of a password, which Snowflake's SQL API
// does not take, the sign-in says it.
func (c *Client) WhoAmI(ctx context.Context, p Place, proof Proof) (Identity, error) {
	session, err := c.SignIn(ctx, p, proof)
	if err != nil {
		return Identity{}, err
	}
	defer c.signOut(ctx, p, session)
	if proof.Key == nil {
		return session.Identity, nil
	}
	rows, err := c.Run(ctx, p, proof.Key, whoAmI)
	if err != nil {
		return Identity{}, err
	}
	if len(rows.Values) != 1 || len(rows.Values[0]) != 3 {
		return Identity{}, fmt.Errorf("%w as it should (%d rows)", ErrUnreachable, len(rows.Values))
	}
	row := rows.Values[0]
	return Identity{row[0], row[1], row[2]}, nil
}

// newRequestID names one request, also when it is sent again.
func newRequestID() string { return uuid.NewString() }
