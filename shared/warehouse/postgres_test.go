package warehouse_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"safekeep/shared/warehouse"
)

var postgresSettings = object{"host": "db.example.com", "database": "shop", "user": "loader"}

// certificate is a root as PEM, with a name of so many characters.
func certificate(t *testing.T, long int) string {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: strings.Repeat("A", long)},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<31, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &rsaKey().PublicKey, rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestPostgresSettings(t *testing.T) {
	root := certificate(t, 9)
	settingsRules(t, warehouse.Postgres, postgresSettings, object{"password": "p"}, []rule{
		{"port", nil, "", "", 5432.0},
		{"port", 65535, "", "", 65535.0},
		{"port", 65536, "settings.port", "from 1 to 65535", nil},
		{"port", -1, "settings.port", "from 1 to 65535", nil},
		{"port", 0, "settings.port", "from 1 to 65535", nil},
		{"port", 5432.5, "settings.port", "should be a number", nil},
		{"port", 1e30, "settings.port", "should be a number", nil},
		{"database", "Größe 1", "", "", "Größe 1"},
		{"database", nil, "settings.database", "is missing", nil},
		{"database", strings.Repeat("d", 63), "", "", strings.Repeat("d", 63)},
		{"database", strings.Repeat("d", 64), "settings.database", "longer than 63", nil},
		{"database", strings.Repeat("ü", 32), "settings.database", "longer than 63 bytes", nil},
		{"database", "host=169.254.169.254 sslmode=disable", "settings.database", "looks like a connection string", nil},
		{"database", "postgresql://127.0.0.1/x", "settings.database", "looks like a connection string", nil},
		{"database", "Postgres://127.0.0.1/x", "settings.database", "looks like a connection string", nil},
		{"database", "template0", "settings.database", "reserved", nil},
		{"database", "RDSADMIN", "settings.database", "reserved", nil},
		{"database", "cloudsqladmin", "settings.database", "reserved", nil},
		{"database", "a\x00b", "settings.database", "control", nil},
		{"user", "postgres.projectref", "", "", "postgres.projectref"},
		{"user", "loader@server", "", "", "loader@server"},
		{"user", nil, "settings.user", "is missing", nil},
		{"user", strings.Repeat("u", 64), "settings.user", "longer than 63", nil},
		{"user", "a\nb", "settings.user", "control", nil},
		{"sslmode", nil, "", "", "verify-full"},
		{"sslmode", "verify-full", "", "", "verify-full"},
		{"sslmode", "verify-ca", "settings.sslmode", "only with a root_certificate", nil},
		{"sslmode", "disable", "settings.sslmode", "sends everything in clear", nil},
		{"sslmode", "allow", "settings.sslmode", "sends everything in clear if", nil},
		{"sslmode", "prefer", "settings.sslmode", "sends everything in clear if", nil},
		{"sslmode", "require", "settings.sslmode", "without asking who that is", nil},
		{"sslmode", "", "settings.sslmode", "must be verify-full", nil},
		{"sslmode", "VERIFY-FULL", "settings.sslmode", "must be verify-full", nil},
		{"root_certificate", nil, "", "", nil},
		{"root_certificate", "Acme's root:\n" + root, "", "", root},
		{"root_certificate", strings.ReplaceAll(root, "\n", "\r\n"), "", "", root},
		{"root_certificate", strings.Repeat(root, 3), "", "", strings.Repeat(root, 3)},
		{"root_certificate", strings.Repeat(root, 4), "settings.root_certificate", "more than three", nil},
		{"root_certificate", "root.crt", "settings.root_certificate", "must be certificates as PEM", nil},
		{"root_certificate", root + pkcs8(rsaKey()), "settings.root_certificate", "holds a private key", nil},
		{"root_certificate", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "settings.root_certificate", "not a certificate", nil},
		{"root_certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "settings.root_certificate", "damaged", nil},
		{"root_certificate", strings.Repeat("x", 9000), "settings", "longer than 8 KB", nil},
	})
	settingsRules(t, warehouse.Postgres, postgresSettings.with("root_certificate", root), object{"password": "p"}, []rule{
		{"sslmode", "verify-ca", "", "", "verify-ca"},
		{"sslmode", "require", "settings.sslmode", "must be verify-full", nil},
	})
}

// PEM whose lines are long grows when they are set anew, and what is stored must
// be as short as what is taken.
func TestPostgresRootGrows(t *testing.T) {
	for long := 5000; long < 6000; long += 20 {
		lines := strings.Split(certificate(t, long/2), "\n")
		root := lines[0] + "\n" + strings.Join(lines[1:len(lines)-2], "") + "\n" + lines[len(lines)-2] + "\n"
		settings := postgresSettings.with("root_certificate", root).raw()
		if len(settings) < 8100 {
			continue
		}
		_, err := warehouse.CheckSettings(t.Context(), world, warehouse.Postgres, settings)
		if p := refused(t, err); p.Field != "settings" || !strings.Contains(p.Detail, "longer than 8 KB") || len(settings) > 8192 {
			t.Errorf("%d bytes: %v", len(settings), err)
		}
		return
	}
	t.Error("no certificate was long enough")
}
