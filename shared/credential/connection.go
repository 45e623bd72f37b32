package credential

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"safekeep/shared/problem"
	"safekeep/shared/snowflake"
	"safekeep/shared/warehouse"
)

// ConnectionState says how the last sign-in that was tried here went.
type ConnectionState string

// How a sign-in can go.
const (
	Connected   ConnectionState = "ok"
	Refused     ConnectionState = "refused"
	Unreachable ConnectionState = "unreachable"
)

// Connection is the last sign-in that was tried here. Nothing in it is secret.
type Connection struct {
	State   ConnectionState `json:"state"`
	At      time.Time       `json:"at"`
	Version int64           `json:"version"` // that was tried
	// As whom the sign-in acts, in Snowflake's own spelling.
	User      string `json:"user,omitempty"`
	Role      string `json:"role,omitempty"`
	Warehouse string `json:"warehouse,omitempty"`
	// Why it was refused and what to do about it. SQL is for the customer's admin.
	Reason      string `json:"reason,omitempty"`
	Explanation string `json:"explanation,omitempty"`
	SQL         string `json:"sql,omitempty"`
}

// SignIns is Snowflake as a sign-in is tried there. Errors are those of
// [snowflake.Client].
type SignIns interface {
	WhoAmI(ctx context.Context, p snowflake.Place, proof snowflake.Proof) (snowflake.Identity, error)
}

// Place is where a version of a Snowflake credential signs in.
func (v Version) Place() snowflake.Place {
	var p snowflake.Place
	_ = json.Unmarshal(v.Settings, &p) // our own text, checked when it came
	return p
}

// ParseProof reads the secret of a Snowflake credential, as it was sealed.
func ParseProof(secret []byte) (snowflake.Proof, error) {
	var q struct {
		PrivateKey string `json:"private_key"`
		Password   string `json:"password"`
	}
	if err := json.Unmarshal(secret, &q); err != nil {
		return snowflake.Proof{}, errors.New("the secret is not one for Snowflake") // the decoder's error may quote it
	}
	if q.PrivateKey == "" {
		return snowflake.Proof{Password: q.Password}, nil
	}
	key, err := snowflake.ParsePrivateKey(q.PrivateKey, "")
	return snowflake.Proof{Key: key}, err
}

// Try signs in with a version and tells how it went, as of a time.
func Try(ctx context.Context, at SignIns, v Version, proof snowflake.Proof, now time.Time) (Connection, error) {
	c := Connection{State: Connected, At: now, Version: v.Number}
	who, err := at.WhoAmI(ctx, v.Place(), proof)
	var refusal *snowflake.Refusal
	switch {
	case errors.As(err, &refusal):
		c.State, c.Reason, c.Explanation, c.SQL = Refused, string(refusal.Reason), refusal.Explanation, refusal.SQL
	case err != nil:
		c.State = Unreachable
		c.Explanation = "Snowflake did not answer in time."
		return c, fmt.Errorf("signing in to Snowflake: %w", err)
	}
	c.User, c.Role, c.Warehouse = who.User, who.Role, who.Warehouse
	return c, nil
}

// tryTime bounds a sign-in before something is stored: a call must be answered
// within Lambda's own time.
const tryTime = 15 * time.Second

// errUnreached is for a Snowflake that does not answer while something is to be
// stored.
var errUnreached = problem.New(problem.Unavailable, "Snowflake did not answer in time, so nothing was stored. Try again, or store it untested with ?test=false.")

// wantsTest says whether to sign in before storing, as query ?test= has it.
func wantsTest(r *http.Request) (bool, error) {
	switch r.URL.Query().Get("test") {
	case "", "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, &problem.Error{Kind: problem.Unreadable, Field: "test", Detail: "must be true or false"}
}

// admit signs in with what is to be stored. It is a problem, and nothing is to be
// stored, unless that works.
func (s *Service) admit(ctx context.Context, m warehouse.Material, number int64, now time.Time) (Connection, error) {
	if m.Kind != warehouse.Snowflake || len(m.Secret.Reveal()) == 0 {
		return Connection{}, nil // nothing to try, or nothing that is tried here
	}
	proof, err := ParseProof(m.Secret.Reveal())
	if err != nil {
		return Connection{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	c, err := Try(ctx, s.Snowflake, Version{Number: number, Settings: m.Settings}, proof, now)
	if err != nil {
		return Connection{}, errors.Join(errUnreached, err)
	}
	s.countSignIn(c)
	if c.State == Refused {
		return Connection{}, refusedProblem(c)
	}
	return c, nil
}

// refusedProblem says what a refused sign-in means for the request.
func refusedProblem(c Connection) error {
	p := problem.New(problem.Unacceptable, c.Explanation)
	p.Field = fieldOf(snowflake.Reason(c.Reason))
	p.More = map[string]string{"reason": c.Reason}
	if c.SQL != "" {
		p.More["sql"] = c.SQL
	}
	return p
}

// fieldOf is the field to look at, where one is likeliest.
func fieldOf(reason snowflake.Reason) string {
	switch reason {
	case snowflake.ReasonKey, snowflake.ReasonFingerprint:
		return "secret.private_key"
	case snowflake.ReasonPassword, snowflake.ReasonMFA:
		return "secret.password"
	case snowflake.ReasonAccount:
		return "settings.account"
	case snowflake.ReasonUser, snowflake.ReasonDisabled, snowflake.ReasonLocked:
		return "settings.user"
	case snowflake.ReasonRole:
		return "settings.role"
	default: // it lies with no field
		return ""
	}
}

func (s *Service) countSignIn(c Connection) {
	s.Metrics.Add(s.Now(), "SignInsTried", 1, [2]string{"State", string(c.State)})
}
