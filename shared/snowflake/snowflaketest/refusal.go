package snowflaketest

import (
	"fmt"
	"time"
)

// The codes of refused sign-ins. Source: "Key pair authentication:
// troubleshooting" in Snowflake's docs for the tokens', its drivers for the rest.
const (
	wrongPassword    = "390100"
	userDisabled     = "390101"
	userLocked       = "390102"
	sessionUnknown   = "390104"
	sessionGone      = "390111"
	sessionExpired   = "390112"
	masterExpired    = "390114"
	tokenInvalid     = "390144"
	noAuthorization  = "390146" // of the SQL API, as is the next
	roleNotHeld      = "390186"
	roleNotGranted   = "390189" // of the login
	notAnOAuthToken  = "390303"
	networkBlocked   = "390422"
	wrongContentType = "391902" // ours; the number is not known
	userAgentMissing = "391903"

	tokenUser        = "394300"
	tokenTimes       = "394301"
	tokenIssueTime   = "394302"
	tokenExpired     = "394303"
	tokenFingerprint = "394304"
	tokenAlgorithm   = "394305"
	tokenSignature   = "394306"
	tokenAccount     = "394307"
)

// tokenError is the name of what is wrong with a token, which is what
// SYSTEM$GET_LOGIN_FAILURE_DETAILS calls errorCode; of other codes it is "".
func tokenError(code string) string {
	switch code {
	case tokenInvalid:
		return "JWT_TOKEN_INVALID"
	case tokenUser:
		return "JWT_TOKEN_INVALID_USER_IN_ISSUER"
	case tokenTimes:
		return "JWT_TOKEN_MISSING_ISSUE_OR_EXPIRATION_TIME"
	case tokenIssueTime:
		return "JWT_TOKEN_INVALID_ISSUE_TIME"
	case tokenExpired:
		return "JWT_TOKEN_INVALID_EXPIRATION_TIME"
	case tokenFingerprint:
		return "JWT_TOKEN_INVALID_PUBLIC_KEY_FINGERPRINT_MISMATCH"
	case tokenAlgorithm:
		return "JWT_TOKEN_INVALID_ALGORITHM"
	case tokenSignature:
		return "JWT_TOKEN_INVALID_SIGNATURE"
	case tokenAccount:
		return "JWT_TOKEN_ACCOUNT_MISMATCH"
	}
	return ""
}

// wording is what Snowflake says with a code, as far as it is known.
func wording(code string) string {
	switch code {
	case wrongPassword:
		return "Incorrect username or password was specified."
	case userDisabled:
		return "User access disabled. Contact your local system administrator."
	case userLocked:
		return "User temporarily locked. Try again later, or contact your local system administrator."
	case sessionUnknown:
		return "Session token not found or invalid."
	case sessionGone:
		return "Session no longer exists. New login required to access the service."
	case sessionExpired:
		return "Your session has expired. Please login again."
	case masterExpired:
		return "Authentication token has expired. The user must authenticate again."
	case networkBlocked:
		return "Incoming request with IP/Token 203.0.113.9 is not allowed to access Snowflake. Contact your account administrator."
	}
	return "The request was refused."
}

// refusal is a sign-in that fails.
type refusal struct{ code, message string }

// refusalOf is the refusal with Snowflake's own words.
func refusalOf(code string) *refusal { return &refusal{code, wording(code)} }

// failure is what SYSTEM$GET_LOGIN_FAILURE_DETAILS tells of a refused token.
type failure struct {
	ClientIP      string  `json:"clientIP"`
	ClientType    string  `json:"clientType"`
	ClientVersion string  `json:"clientVersion"`
	Username      *string `json:"username"` // null when it is unknown
	ErrorCode     string  `json:"errorCode"`
	Timestamp     int64   `json:"timestamp"` // in seconds since 1970
}

// refuse refuses a token and remembers why, for whoever asks with the UUID. The
// account is locked.
func (a *Account) refuse(code string, at attempt, u *user) *refusal {
	uuid := newUUID()
	f := failure{
		ClientIP: at.client.address, ClientType: at.client.kind, ClientVersion: at.client.version,
		ErrorCode: tokenError(code), Timestamp: at.now.Unix(),
	}
	if u != nil {
		f.Username = new(u.name)
	}
	a.failures.put(uuid, f)
	if a.plain {
		code = tokenInvalid
	}
	return &refusal{code, fmt.Sprintf("JWT token is invalid. [%s]", uuid)}
}

// forced is the refusal that a Fault orders. A token's code comes with a UUID,
// as that of any token, unless the fault has words of its own.
func (a *Account) forced(code, message string, now time.Time) *refusal {
	switch {
	case message != "":
		return &refusal{code, message}
	case tokenError(code) != "":
		a.mu.Lock()
		defer a.mu.Unlock()
		return &refusal{code, a.refuse(code, attempt{now: now}, nil).message}
	}
	return refusalOf(code)
}
