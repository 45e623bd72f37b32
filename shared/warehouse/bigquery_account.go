package warehouse

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"

	"safekeep/shared/problem"
	"safekeep/shared/snowflake"
)

// serviceAccount is a service account's key file as Google writes it. Client
// libraries follow the addresses in it with a signed assertion or a token in
// hand, so a file with another address would make a connector hand its sign-in
// to a stranger: all of them are pinned. Source: "Validate credential
// configurations from external sources" in Google Cloud's docs.
type serviceAccount struct {
	Type         string `json:"type"`
	ProjectID    string `json:"project_id"`
	PrivateKeyID string `json:"private_key_id,omitempty"`
	PrivateKey   string `json:"private_key"`
	ClientEmail  string `json:"client_email"`
	ClientID     string `json:"client_id,omitempty"`
	AuthURI      string `json:"auth_uri,omitempty"`
	TokenURI     string `json:"token_uri"`
	ProviderCert string `json:"auth_provider_x509_cert_url,omitempty"`
	ClientCert   string `json:"client_x509_cert_url,omitempty"`
	Universe     string `json:"universe_domain,omitempty"`
}

// The one value of each address.
const (
	googleToken        = "https://oauth2.googleapis.com/token"
	googleAuth         = "https://accounts.google.com/o/oauth2/auth"
	googleProviderCert = "https://www.googleapis.com/oauth2/v1/certs"
	googleClientCert   = "https://www.googleapis.com/robot/v1/metadata/x509/"
	googleUniverse     = "googleapis.com"
)

var (
	googleKeyID    = matching(`^[0-9A-Za-z]{0,64}$`)
	googleClientID = matching(`^[0-9]{0,32}$`)
	googleCertName = matching(`^[0-9A-Za-z.%@-]{1,255}$`)
	// A service account's address ends in its project, or is one of the default
	// accounts that App Engine and Compute Engine make.
	googleRobot   = matching(`^[a-z0-9][a-z0-9-]{0,62}@([a-z0-9][a-z0-9.-]{0,100})\.iam\.gserviceaccount\.com$`)
	googleDefault = matching(`^[a-z0-9][a-z0-9.-]{0,100}@(?:appspot|developer)\.gserviceaccount\.com$`)
)

// otherCredentials are the other files that Google's libraries read as a
// credential, and why none is taken.
var otherCredentials = map[string]string{
	"external_account":                 "it fetches its token from any address that stands in it",
	"external_account_authorized_user": "it fetches its token from any address that stands in it",
	"impersonated_service_account":     "it calls an address that stands in it, with another credential",
	"authorized_user":                  "it is a person's own sign-in",
	"gdch_service_account":             "it is for Google Distributed Cloud, which has addresses of its own",
}

// readServiceAccount decodes a key file. Fields that we do not know are left
// behind: Google adds some from time to time.
func readServiceAccount(raw json.RawMessage) (*serviceAccount, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, problem.Field("service_account", "is missing; give the JSON key file of a service account")
	}
	text := []byte(raw)
	// People put the file's text into a form or a variable, so it comes as a
	// string as often as not.
	if raw[0] == '"' {
		var file string
		if err := json.Unmarshal(raw, &file); err != nil {
			return nil, err
		}
		text = []byte(file)
	}
	account := &serviceAccount{}
	err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), account)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return nil, &problem.Error{Kind: problem.Unreadable, Field: "service_account." + wrong.Field, Detail: "must be a string"}
	}
	if err != nil {
		return nil, &problem.Error{Kind: problem.Unreadable, Field: "service_account", Detail: "is not the JSON key file of a service account"}
	}
	return account, nil
}

// check returns the fingerprint of the account's key, which it brings to its
// normal form, or the first broken rule.
func (a *serviceAccount) check() (fingerprint string, err error) {
	if a.Type != "service_account" {
		return "", wrongType(a.Type)
	}
	// The project in the account's own address decides which project it is of;
	// a file where the two differ was put together by hand.
	switch robot := googleRobot().FindStringSubmatch(a.ClientEmail); {
	case !googleProject.MatchString(a.ProjectID):
		return "", problem.Field("project_id", projectForm)
	case robot == nil && !googleDefault.MatchString(a.ClientEmail):
		return "", problem.Field("client_email", "must be the address of a service account, such as loader@acme-analytics-1234.iam.gserviceaccount.com")
	case robot != nil && robot[1] != emailProject(a.ProjectID):
		return "", problem.Field("client_email", "belongs to another project than project_id")
	case !googleKeyID.MatchString(a.PrivateKeyID):
		return "", problem.Field("private_key_id", "is not the id of a key")
	case !googleClientID.MatchString(a.ClientID):
		return "", problem.Field("client_id", "must be a number")
	}
	if err := a.checkAddresses(); err != nil {
		return "", err
	}
	key, err := googleKey(a.PrivateKey)
	if err != nil {
		return "", err
	}
	// Written anew, so that what a connector gets is what was read here. The
	// form is PKCS#8 as well, so Google's libraries take it.
	a.PrivateKey = string(snowflake.MarshalPrivateKey(key))
	return snowflake.Fingerprint(&key.PublicKey), nil
}

// wrongType names only those types that we know: anything else in this place
// may be part of something secret.
func wrongType(kind string) error {
	const want = `must be "service_account"`
	if why, known := otherCredentials[kind]; known {
		return problem.Field("type", want+"; "+kind+" is not taken, because "+why)
	}
	return problem.Field("type", want+"; give the JSON key file of a service account")
}

func (a *serviceAccount) checkAddresses() error {
	// Old files lack some of these; that is safe, for libraries then use the
	// same values.
	for _, pin := range []struct{ field, value, only string }{
		{"auth_uri", a.AuthURI, googleAuth},
		{"auth_provider_x509_cert_url", a.ProviderCert, googleProviderCert},
		{"universe_domain", a.Universe, googleUniverse},
	} {
		if pin.value != "" && pin.value != pin.only {
			return problem.Field(pin.field, "must be "+pin.only)
		}
	}
	if a.TokenURI != googleToken {
		return problem.Field("token_uri", "must be "+googleToken+"; a file that names an older address can be changed to it, or make a new key")
	}
	name, known := strings.CutPrefix(a.ClientCert, googleClientCert)
	if a.ClientCert != "" && (!known || !googleCertName.MatchString(name)) {
		return problem.Field("client_x509_cert_url", "must begin with "+googleClientCert)
	}
	return nil
}

// emailProject is a project's id as it stands in the addresses of its service
// accounts: of example.com:reports it is reports.example.com.
func emailProject(id string) string {
	if domain, name, scoped := strings.Cut(id, ":"); scoped {
		return name + "." + domain
	}
	return id
}

// maxGoogleKey is the longest key in bytes of DER: one of 8,192 bits is 4.7 KB.
// It bounds what parsing may cost.
const maxGoogleKey = 5 << 10

// googleKey reads the private key of a key file. Only Google writes these, all
// in one form, so nothing but that form is read; a file that went through an
// environment variable may have backslash-n for its newlines.
func googleKey(text string) (*rsa.PrivateKey, error) {
	const again = "; take the key file as Google made it, or make a new key"
	if text == "" {
		return nil, problem.Field("private_key", "is missing"+again)
	}
	block, rest := pem.Decode([]byte(strings.ReplaceAll(text, `\n`, "\n")))
	if block == nil || block.Type != "PRIVATE KEY" || len(bytes.TrimSpace(rest)) != 0 {
		return nil, problem.Field("private_key", "must be one PEM block that begins with -----BEGIN PRIVATE KEY-----"+again)
	}
	if len(block.Bytes) > maxGoogleKey {
		return nil, problem.Field("private_key", "is longer than that of an RSA key of 8192 bits"+again)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, problem.Field("private_key", "is damaged"+again)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < 2048 || len(key.Primes) != 2 {
		return nil, problem.Field("private_key", "must be an RSA key of at least 2048 bits and two primes"+again)
	}
	return key, nil
}
