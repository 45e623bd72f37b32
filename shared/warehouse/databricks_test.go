package warehouse_test

import (
	"strings"
	"testing"

	"safekeep/shared/warehouse"
)

var databricksSettings = object{
	"host": "dbc-a1b2345c-d6e7.cloud.databricks.com", "http_path": "/sql/1.0/warehouses/a1b234c567d8e9fa",
	"client_id": "1f2e3d4c-5b6a-7980-1234-56789abcdef0", "catalog": "main", "schema": "loads",
}

func TestDatabricksSettings(t *testing.T) {
	settingsRules(t, warehouse.Databricks, databricksSettings, object{"client_secret": "dose0123456789"}, []rule{
		{"host", "DBC-A1b2345c-d6e7.cloud.Databricks.com", "", "", databricksSettings["host"]},
		{"host", "adb-1234567890123456.7.azuredatabricks.net", "", "", "adb-1234567890123456.7.azuredatabricks.net"},
		{"host", "1234567890123456.7.gcp.databricks.com", "", "", "1234567890123456.7.gcp.databricks.com"},
		{"host", "acme.cloud.databricks.us", "", "", "acme.cloud.databricks.us"},
		{"host", "adb-12.3.databricks.azure.us", "", "", "adb-12.3.databricks.azure.us"},
		{"host", "adb-12.3.databricks.azure.cn", "", "", "adb-12.3.databricks.azure.cn"},
		{"host", nil, "settings.host", "is missing", nil},
		{"host", "https://dbc-a1b2345c-d6e7.cloud.databricks.com/?o=123", "settings.host", `give "dbc-a1b2345c-d6e7.cloud.databricks.com"`, nil},
		{"host", "https://dbc-a1b2345c-d6e7.cloud.databricks.com:443", "settings.host", `give "dbc-a1b2345c-d6e7.cloud.databricks.com"`, nil},
		{"host", "https://user:pass@dbc-1.cloud.databricks.com", "settings.host", "must be the host alone", nil},
		{"host", "https://https://dbc-1.cloud.databricks.com", "settings.host", "must be the host alone", nil},
		{"host", "jdbc:databricks://dbc-1.cloud.databricks.com:443", "settings.host", "must be the host alone", nil},
		{"host", "dbc-1.cloud.databricks.com:443", "settings.host", "must be the host alone", nil},
		{"host", "dbc-1.cloud.databricks.com.", "settings.host", "end with a dot", nil},
		{"host", "dbc-1.cloud.databricks.com.evil.example.com", "settings.host", "must be the server hostname", nil},
		{"host", "evilcloud.databricks.com", "settings.host", "must be the server hostname", nil},
		{"host", "cloud.databricks.com", "settings.host", "must be the server hostname", nil},
		{"host", "databricks.com", "settings.host", "must be the server hostname", nil},
		{"host", "accounts.cloud.databricks.com", "settings.host", "account console", nil},
		{"host", "accounts.azuredatabricks.net", "settings.host", "account console", nil},
		{"host", "accounts-dod.cloud.databricks.us", "settings.host", "account console", nil},
		{"host", "8.8.8.8", "settings.host", "must be the server hostname", nil},
		{"port", nil, "", "", 443.0},
		{"port", 443, "", "", 443.0},
		{"port", 8443, "settings.port", "must be 443", nil},
		{"http_path", "sql/1.0/warehouses/a1b234c567d8e9fa", "", "", "/sql/1.0/warehouses/a1b234c567d8e9fa"},
		{"http_path", "/sql/1.0/endpoints/a1b234c567d8e9fa", "", "", "/sql/1.0/endpoints/a1b234c567d8e9fa"},
		{"http_path", "sql/protocolv1/o/1234567890123456/0123-456789-abcdefg1", "", "", "/sql/protocolv1/o/1234567890123456/0123-456789-abcdefg1"},
		{"http_path", nil, "settings.http_path", "is missing", nil},
		{"http_path", "/sql/1.0/warehouses/../../api/2.0/token", "settings.http_path", "must be as in", nil},
		{"http_path", "/sql/1.0/warehouses/a1b2?x=y", "settings.http_path", "must be as in", nil},
		{"http_path", "/sql/1.0/warehouses/a1b2\r\nX-Evil: 1", "settings.http_path", "must be as in", nil},
		{"http_path", "//evil.example/sql/1.0/warehouses/a1b2", "settings.http_path", "must be as in", nil},
		{"http_path", "https://dbc-1.cloud.databricks.com/sql/1.0/warehouses/a1", "settings.http_path", "must be as in", nil},
		{"http_path", "a1b234c567d8e9fa", "settings.http_path", "must be as in", nil},
		{"client_id", "1F2E3D4C-5B6A-7980-1234-56789ABCDEF0", "", "", databricksSettings["client_id"]},
		{"client_id", nil, "settings.client_id", "application id", nil},
		{"client_id", "my-principal", "settings.client_id", "application id", nil},
		{"client_id", "token", "settings.client_id", "application id", nil},
		{"catalog", nil, "", "", nil},
		{"catalog", "a\x00", "settings.catalog", "control", nil},
		{"schema", strings.Repeat("s", 256), "settings.schema", "longer than 255", nil},
	})
}

func TestDatabricksSecret(t *testing.T) {
	secretRules(t, warehouse.Databricks, databricksSettings, object{}, []rule{
		{"client_secret", "dose0123456789abcdef0123456789abcdef", "", "", "dose0123456789abcdef0123456789abcdef"},
		{"client_secret", "Abc8Q~xyz_.-~0123456789", "", "", "Abc8Q~xyz_.-~0123456789"},
		{"client_secret", nil, "secret.client_secret", "is missing", nil},
		{"client_secret", "dapi0123456789abcdef", "secret.client_secret", "personal access token", nil},
		{"client_secret", "short", "secret.client_secret", "8 to 1024", nil},
		{"client_secret", strings.Repeat("x", 1025), "secret.client_secret", "8 to 1024", nil},
		{"client_secret", "dose0123456789 ", "secret.client_secret", "without spaces", nil},
		{"client_secret", "dose01234\n56789", "secret.client_secret", "without spaces", nil},
		{"client_secret", "dose0123ü456789", "secret.client_secret", "ASCII", nil},
		{"client_secret", 123456789, "secret.client_secret", "should be a string", nil},
	})
	m, err := warehouse.Check(t.Context(), world, warehouse.Databricks, databricksSettings.with("catalog", "Hive_Metastore").raw(), object{"client_secret": "dose0123456789"}.raw())
	if err != nil || len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], "Unity Catalog") {
		t.Error(err, m.Warnings)
	}
}
