package warehouse

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"

	"safekeep/shared/problem"
)

// PostgresSettings say how to reach a PostgreSQL database, wherever it runs.
//
// The secret is {"password":"…"}, and is kept so.
type PostgresSettings struct {
	// Host is a public DNS name, kept in lower case, or a public IP address.
	// Resolver says what a connector has to do with it.
	Host string `json:"host"`
	// Port is 5432 unless said.
	Port int `json:"port"`
	// Database is of at most 63 bytes, User too.
	Database string `json:"database"`
	User     string `json:"user"`
	// SSLMode is verify-full unless said, or verify-ca beside a RootCertificate.
	SSLMode string `json:"sslmode"`
	// RootCertificate is for servers whose certificate no public authority
	// signed: one to three certificates as PEM, in place of the system's roots.
	RootCertificate string `json:"root_certificate,omitempty"`
}

// The modes of libpq in which a server has to prove who it is. Source: "SSL
// Support", Table "SSL Mode Descriptions", in PostgreSQL's manual.
const (
	verifyFull = "verify-full"
	verifyCA   = "verify-ca"
)

// weakModes are libpq's other modes, and what is wrong with them. A password
// goes over the internet here, and "require" gives it to whoever answers.
var weakModes = map[string]string{
	"disable": "sends everything in clear",
	"allow":   "sends everything in clear if the server likes",
	"prefer":  "sends everything in clear if the server likes",
	"require": "encrypts for whoever answers, without asking who that is",
}

// maxPostgresName is the longest identifier in bytes: NAMEDATALEN is 64. The
// server cuts a longer one without a word.
const maxPostgresName = 63

// postgresReserved can never hold a customer's data: template0 takes no
// connections, the others belong to PostgreSQL or to AWS's, Google's and Azure's
// own operators.
var postgresReserved = []string{"template0", "template1", "rdsadmin", "cloudsqladmin", "azure_maintenance", "azure_sys"}

func (s *PostgresSettings) check() (err error) {
	if s.Host, err = checkHost(s.Host); err != nil {
		return err
	}
	if err := checkPort(s.Port); err != nil {
		return err
	}
	if err := checkDatabase(s.Database, maxPostgresName, postgresReserved...); err != nil {
		return err
	}
	if err := checkUser(s.User, maxPostgresName); err != nil {
		return err
	}
	if s.RootCertificate, err = checkRoots(s.RootCertificate); err != nil {
		return err
	}
	return s.checkMode()
}

// checkMode allows verify-ca only where the customer names the authority: of a
// public one, which signs for everybody, it would prove nothing. Some services
// (Google's Cloud SQL) sign with an authority for each server and put no host
// into the certificate; there it is as good as verify-full.
func (s *PostgresSettings) checkMode() error {
	switch s.SSLMode {
	case verifyFull:
		return nil
	case verifyCA:
		if s.RootCertificate == "" {
			return problem.Field("sslmode", "can be verify-ca only with a root_certificate: public authorities sign for everybody; use verify-full")
		}
		return nil
	}
	if why, known := weakModes[s.SSLMode]; known {
		return problem.Field("sslmode", "must be verify-full, because "+s.SSLMode+" "+why)
	}
	return problem.Field("sslmode", "must be verify-full, or verify-ca with a root_certificate")
}

func (s *PostgresSettings) server() string { return s.Host }

func (s *PostgresSettings) secret(raw json.RawMessage, m *Material) error {
	return checkPasswordSecret(raw, m)
}

// maxRoots is how many certificates may be given: an old and a new root while
// they change, and one between.
const maxRoots = 3

// checkRoots returns certificates as PEM, without the comments that people have
// around them.
func checkRoots(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	// Settings are shown to whoever may list them.
	if strings.Contains(text, "PRIVATE KEY") {
		return "", problem.Field("root_certificate", "holds a private key, which must not stand here; give certificates alone, and make a new key if that one is in use")
	}
	var normal strings.Builder
	rest := []byte(text)
	for count := 0; ; count++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if count == 0 {
				return "", problem.Field("root_certificate", "must be certificates as PEM, each from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----")
			}
			return normal.String(), nil
		}
		if block.Type != "CERTIFICATE" {
			return "", problem.Field("root_certificate", "holds something that is not a certificate")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return "", problem.Field("root_certificate", "holds a certificate that is damaged")
		}
		if count == maxRoots {
			return "", problem.Field("root_certificate", "holds more than three certificates; give the one that signs the server's")
		}
		normal.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
}
