package warehouse_test

import (
	"strings"
	"testing"

	"safekeep/shared/warehouse"
)

var redshiftSettings = object{"host": "main.abc123xyz789.eu-west-1.redshift.amazonaws.com", "database": "dev", "user": "loader"}

func TestRedshiftSettings(t *testing.T) {
	settingsRules(t, warehouse.Redshift, redshiftSettings, object{"password": "p"}, []rule{
		{"host", "Main.abc123xyz789.eu-west-1.Redshift.amazonaws.com", "", "", redshiftSettings["host"]},
		{"host", "default.123456789012.us-east-1.redshift-serverless.amazonaws.com", "", "", "default.123456789012.us-east-1.redshift-serverless.amazonaws.com"},
		{"host", "main.abc.cn-north-1.redshift.amazonaws.com.cn", "", "", "main.abc.cn-north-1.redshift.amazonaws.com.cn"},
		{"host", nil, "settings.host", "is missing", nil},
		{"host", "redshift.eu-west-1.amazonaws.com", "settings.host", "must be the endpoint", nil},
		{"host", "redshift.amazonaws.com", "settings.host", "must be the endpoint", nil},
		{"host", "x.redshift.amazonaws.com.evil.example.com", "settings.host", "must be the endpoint", nil},
		{"host", "xredshift.amazonaws.com", "settings.host", "must be the endpoint", nil},
		{"host", "db.example.com", "settings.host", "must be the endpoint", nil},
		{"host", "8.8.8.8", "settings.host", "must be the endpoint", nil},
		{"host", "main.abc.eu-west-1.redshift.amazonaws.com:5439/dev", "settings.host", "must be the host alone", nil},
		{"host", "jdbc:redshift://main.abc.eu-west-1.redshift.amazonaws.com:5439/dev", "settings.host", "must be the host alone", nil},
		{"host", "nobody.abc.eu-west-1.redshift.amazonaws.com", "", "", "nobody.abc.eu-west-1.redshift.amazonaws.com"},
		{"port", nil, "", "", 5439.0},
		{"port", 5440, "", "", 5440.0},
		{"port", 0, "settings.port", "from 1 to 65535", nil},
		{"port", "5439", "settings.port", "should be a number", nil},
		{"database", nil, "settings.database", "is missing", nil},
		{"database", "Template1", "settings.database", "reserved", nil},
		{"database", strings.Repeat("d", 127), "", "", strings.Repeat("d", 127)},
		{"database", strings.Repeat("d", 128), "settings.database", "longer than 127", nil},
		{"user", "IAM:loader@acme.example", "", "", "IAM:loader@acme.example"},
		{"user", strings.Repeat("ü", 64), "settings.user", "longer than 127 bytes", nil},
		{"sslmode", "verify-full", "", "", "verify-full"},
		{"sslmode", nil, "", "", "verify-full"},
		{"sslmode", "verify-ca", "settings.sslmode", "must be verify-full", nil},
		{"sslmode", "require", "settings.sslmode", "must be verify-full", nil},
		{"sslmode", "", "settings.sslmode", "must be verify-full", nil},
	})
}

// An endpoint of AWS's can lead into a private network, maybe ours.
func TestRedshiftPrivateCluster(t *testing.T) {
	look := names{redshiftSettings["host"].(string): "10.0.12.34"}
	_, err := warehouse.Check(t.Context(), look, warehouse.Redshift, redshiftSettings.raw(), object{"password": "p"}.raw())
	if p := refused(t, err); p.Field != "settings.host" || !strings.Contains(p.Detail, "not a public one") || strings.Contains(p.Detail, "10.0") {
		t.Error(err)
	}
}
