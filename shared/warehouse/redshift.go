package warehouse

import (
	"encoding/json"
	"slices"
	"strings"

	"safekeep/shared/problem"
)

// RedshiftSettings say how to reach a database of Amazon Redshift.
//
// The secret is {"password":"…"}, and is kept so.
type RedshiftSettings struct {
	// Host is the endpoint of a cluster or workgroup, kept in lower case:
	// main.abc123xyz789.eu-west-1.redshift.amazonaws.com. A name of one's own
	// for it is not taken, since anybody can point one anywhere.
	Host string `json:"host"`
	// Port is 5439 unless said.
	Port int `json:"port"`
	// Database is of at most 127 bytes, User too.
	Database string `json:"database"`
	User     string `json:"user"`
	// SSLMode is always verify-full: AWS's certificates name the endpoint.
	SSLMode string `json:"sslmode"`
}

// redshiftDomains end the endpoints that AWS gives out. Source: "Configuring
// connections in Amazon Redshift" and "Connecting to Amazon Redshift Serverless"
// in AWS's docs; .cn is AWS in China.
var redshiftDomains = []string{
	".redshift.amazonaws.com", ".redshift-serverless.amazonaws.com",
	".redshift.amazonaws.com.cn", ".redshift-serverless.amazonaws.com.cn",
}

// maxRedshiftName is the longest identifier in bytes. Source: "Names and
// identifiers" in Redshift's docs.
const maxRedshiftName = 127

func (s *RedshiftSettings) check() (err error) {
	if s.Host, err = checkHost(s.Host); err != nil {
		return err
	}
	if !endsInOneOf(s.Host, redshiftDomains) {
		return problem.Field("host", "must be the endpoint that AWS shows for the cluster or workgroup, ending in .redshift.amazonaws.com or .redshift-serverless.amazonaws.com")
	}
	if err := checkPort(s.Port); err != nil {
		return err
	}
	if err := checkDatabase(s.Database, maxRedshiftName, "template0", "template1", "padb_harvest"); err != nil {
		return err
	}
	if s.SSLMode != verifyFull {
		return problem.Field("sslmode", "must be verify-full, or left out: Redshift's certificates allow it")
	}
	return checkUser(s.User, maxRedshiftName)
}

// A cluster of the customer's own may lead to an address in our network, so its
// addresses are looked at although AWS gave the name.
func (s *RedshiftSettings) server() string { return s.Host }

func (s *RedshiftSettings) secret(raw json.RawMessage, m *Material) error {
	return checkPasswordSecret(raw, m)
}

func endsInOneOf(host string, domains []string) bool {
	return slices.ContainsFunc(domains, func(domain string) bool { return strings.HasSuffix(host, domain) })
}
