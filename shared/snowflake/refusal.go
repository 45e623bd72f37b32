package snowflake

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Reason says in one word why Snowflake said no.
type Reason string

// Why a sign-in is refused.
const (
	ReasonKey           Reason = "key"            // it does not take the key and does not say why
	ReasonFingerprint   Reason = "fingerprint"    // the user has other public keys
	ReasonClock         Reason = "clock"          // the token came too old, or from the future
	ReasonAccount       Reason = "account"        // no such account, or not at this address
	ReasonUser          Reason = "user"           // no user of that LOGIN_NAME
	ReasonPassword      Reason = "password"       // user or password is wrong
	ReasonDisabled      Reason = "disabled"       // the user is switched off
	ReasonLocked        Reason = "locked"         // for some minutes, after too many failures
	ReasonNetworkPolicy Reason = "network_policy" // not from this address
	ReasonRole          Reason = "role"           // the user has not been granted the role
	ReasonMFA           Reason = "mfa"            // the password alone is not enough any more
	ReasonOther         Reason = "other"
)

// Why a statement is refused.
const (
	ReasonPrivilege   Reason = "privilege"   // the role may not, or the thing is not there for it
	ReasonUnsupported Reason = "unsupported" // the account does not know the statement
)

// Refusal is Snowflake's no, in words that help. Nothing in it is secret, and
// nothing is Snowflake's own text.
type Refusal struct {
	Reason Reason
	Code   string // Snowflake's, "390144"
	// Explanation is what to do, in sentences.
	Explanation string
	// SQL is a statement with which the account's admin learns more, or "".
	SQL string
}

// Error implements error.
func (r *Refusal) Error() string { return "Snowflake refused (" + r.Code + "): " + r.Explanation }

// SignInFailed says whether it is the sign-in that was refused, not a statement.
func (r *Refusal) SignInFailed() bool {
	return r.Reason != ReasonPrivilege && r.Reason != ReasonUnsupported
}

// KeyRefused says whether Snowflake took the key for none of the user's.
func (r *Refusal) KeyRefused() bool { return r.Reason == ReasonKey || r.Reason == ReasonFingerprint }

// maxSkew is how far our clock may be off before it is the likeliest cause.
// Snowflake gives a token one minute, and the Date header has whole seconds.
const maxSkew = 30 * time.Second

func refusalOfAccount() *Refusal {
	return &Refusal{Reason: ReasonAccount, Code: "404", Explanation: "There is no Snowflake account of that name. " +
		"Give organization-account as Snowsight shows it under Account details, such as myorg-myaccount."}
}

// explain says why a sign-in was refused. Ahead is how far our clock is ahead.
func explain(p Place, proof Proof, code, message string, ahead time.Duration) *Refusal {
	r := &Refusal{Code: digits(code)}
	fingerprint := ""
	if proof.Key != nil {
		fingerprint = Fingerprint(&proof.Key.PublicKey)
		if id := failureID(message); id != "" {
			r.SQL = loginFailure(id)
		}
	}
	r.Reason, r.Explanation = reasonOf(r.Code)
	// Snowflake most often hides which it was behind 390144; the clock we can
	// judge ourselves, and it spoils every token alike.
	if proof.Key != nil && (r.Reason == ReasonKey || r.Reason == ReasonClock) && ahead.Abs() >= maxSkew {
		r.Reason = ReasonClock
		r.Explanation = fmt.Sprintf("Our clock and Snowflake's differ by %s, so the sign-in token is not taken. "+
			"The customer can do nothing about it; the clock of the machine that runs this must be set right.", ahead.Abs().Round(time.Second))
	}
	r.Explanation = strings.NewReplacer(
		"{login}", strings.ToUpper(p.User), "{account}", accountClaim(p.Account), "{fingerprint}", fingerprint,
		"{describe}", DescribeUser(NameOf(p.User)), "{role}", p.Role,
	).Replace(r.Explanation)
	return r
}

// reasonOf knows the codes. Sources: "Key-pair authentication: Troubleshooting"
// for 390144 and 3943xx, the drivers' sources for the others.
func reasonOf(code string) (Reason, string) {
	switch code {
	case "390144":
		return ReasonKey, "Snowflake did not take the key, and does not say why. Most often the user has another one: " +
			"{describe} must show {fingerprint} as RSA_PUBLIC_KEY_FP or RSA_PUBLIC_KEY_2_FP. If it does, check that the user's " +
			"LOGIN_NAME (not its NAME) is {login} and that the account is {account}; the SQL shows an admin which of these it was."
	case "394304":
		return ReasonFingerprint, "The user has other public keys: {describe} must show {fingerprint} as RSA_PUBLIC_KEY_FP or " +
			"RSA_PUBLIC_KEY_2_FP. Put the public key that belongs to this private key there."
	case "394306", "394305":
		return ReasonFingerprint, "Snowflake could not verify the signature with the user's public key. Put the public key " +
			"that belongs to this private key ({fingerprint}) in place again."
	case "394300":
		return ReasonUser, "There is no user whose LOGIN_NAME is {login}. Give the LOGIN_NAME, which need not be the user's NAME: {describe} shows both."
	case "394301", "394302", "394303":
		return ReasonClock, "The sign-in token came too old or not yet valid. Try again; if it stays so, our clock and Snowflake's differ."
	case "394307":
		return ReasonAccount, "The account {account} is not the one at this address. Give organization-account as Snowsight shows it under Account details."
	case "390100":
		return ReasonPassword, "User or password is wrong. Give the LOGIN_NAME of the user, and hand the password over again."
	case "390101":
		return ReasonDisabled, "The user is disabled. An admin enables it with ALTER USER … SET DISABLED=FALSE."
	case "390102":
		return ReasonLocked, "The user is locked for some minutes, after too many sign-ins that failed. Wait a quarter of an hour, " +
			"or have an admin run ALTER USER … SET MINS_TO_UNLOCK=0."
	case "390422", "390420":
		return ReasonNetworkPolicy, "A network policy of the account does not let this address in. Have an admin add our outgoing addresses to it."
	case "390186", "390189":
		return ReasonRole, "The user has not been granted the role {role}. Grant it, name another one, or leave the role out."
	case "390127", "390129", "394508":
		return ReasonMFA, "Snowflake asks this user for a second factor, which no program can give. Use a key pair, and make the user one of TYPE=SERVICE."
	}
	return ReasonOther, "Snowflake refused the sign-in and gave a code that is not known here. An admin finds the attempt in the account's LOGIN_HISTORY."
}

// explainStatement says why a statement was refused.
func explainStatement(code, state string) *Refusal {
	r := &Refusal{Code: digits(code)}
	switch {
	case r.Code == "003001" || r.Code == "003000" || state == "42501":
		r.Reason, r.Explanation = ReasonPrivilege, "The role may not do this."
	case r.Code == "002003" || state == "02000":
		// Snowflake tells nobody whether a thing is not there or not theirs.
		r.Reason, r.Explanation = ReasonPrivilege, "What the statement names is not there, or the role may not see it."
	case r.Code == "001003" || r.Code == "000002" || state == "42000" || state == "0A000":
		r.Reason, r.Explanation = ReasonUnsupported, "This account does not know the statement."
	default:
		r.Reason, r.Explanation = ReasonOther, "Snowflake refused the statement."
	}
	return r
}

// digits returns a code as Snowflake writes them, or "unknown".
func digits(code string) string {
	if len(code) == 0 || len(code) > 8 || strings.Trim(code, "0123456789") != "" {
		return "unknown"
	}
	return code
}

var failureIDPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\[([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\]`)
})

// failureID returns the id in a message such as "JWT token is invalid. [<uuid>]".
func failureID(message string) string {
	if m := failureIDPattern().FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}
