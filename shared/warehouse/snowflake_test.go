package warehouse_test

import (
	"encoding/json"
	"strings"
	"testing"

	"safekeep/shared/snowflake"
	"safekeep/shared/warehouse"
)

var snowflakeSettings = object{"account": "myorg-myaccount", "user": "LOADER", "role": "LOAD", "warehouse": "WH", "database": "DB", "schema": "PUBLIC"}

func TestSnowflakeSettings(t *testing.T) {
	const form = "must be the account identifier"
	long := strings.Repeat("a", 57) // with "myorg-" 63
	settingsRules(t, warehouse.Snowflake, snowflakeSettings, object{"password": "p"}, []rule{
		{"account", "myorg-myaccount", "", "", "myorg-myaccount"},
		{"account", "MYORG-My_Account", "", "", "myorg-my_account"},
		{"account", "myorg-my-account", "", "", "myorg-my-account"},
		{"account", "org123-account_123", "", "", "org123-account_123"},
		{"account", "a-b", "", "", "a-b"},
		{"account", "myorg-my-account.privatelink", "", "", "myorg-my-account.privatelink"},
		{"account", "xy12345", "", "", "xy12345"},
		{"account", "xy12345.privatelink", "", "", "xy12345.privatelink"},
		{"account", "xy12345.eu-central-1", "", "", "xy12345.eu-central-1"},
		{"account", "XY12345.US-EAST-2.AWS", "", "", "xy12345.us-east-2.aws"},
		{"account", "xy12345.west-europe.azure", "", "", "xy12345.west-europe.azure"},
		{"account", "xy12345.europe-west4.gcp.privatelink", "", "", "xy12345.europe-west4.gcp.privatelink"},
		{"account", "xy12345.fhplus-us-gov-west-1.aws", "", "", "xy12345.fhplus-us-gov-west-1.aws"},
		{"account", "myaccount.eu-central-1.privatelink", "", "", "myaccount.eu-central-1.privatelink"},
		{"account", "myorg-" + long, "", "", "myorg-" + long},
		{"account", "myorg-" + long + "a", "settings.account", "longer than 63", nil},
		{"account", strings.Repeat("a", 7000), "settings.account", "longer than 63", nil},
		{"account", "a." + strings.Repeat("b", 7000), "settings.account", form, nil},
		{"account", "a.eu-central-1." + strings.Repeat("aws.", 1000), "settings.account", form, nil},

		{"account", nil, "settings.account", "is missing", nil},
		{"account", "", "settings.account", "is missing", nil},
		{"account", 7, "settings.account", "should be a string", nil},
		{"account", "myaccount", "settings.account", form, nil},
		{"account", "1org-acc", "settings.account", form, nil},
		{"account", "myorg-1acc", "settings.account", form, nil},
		{"account", "myorg-acc_", "settings.account", form, nil},
		{"account", "myorg-acc-", "settings.account", form, nil},
		{"account", "my_org-acc", "settings.account", form, nil},
		{"account", "-acc", "settings.account", form, nil},
		{"account", "myorg-", "settings.account", form, nil},
		{"account", "myorg account", "settings.account", form, nil},
		{"account", " myorg-acc", "settings.account", form, nil},
		{"account", "myorg-acc\n", "settings.account", form, nil},
		{"account", "myörg-acc", "settings.account", form, nil},
		{"account", "myorg-acc\x00", "settings.account", form, nil},
		{"account", "myorg-acc.eu-central-1", "settings.account", form, nil},
		{"account", "xy12345.eu-central-1.ibm", "settings.account", form, nil},
		{"account", "xy12345.eu-central-1.aws.more", "settings.account", form, nil},
		{"account", "xy12345..aws", "settings.account", form, nil},
		{"account", ".eu-central-1", "settings.account", form, nil},
		{"account", "xy12345.", "settings.account", form, nil},
		{"account", "privatelink.privatelink.privatelink", "settings.account", "with a hyphen", nil},
		{"account", "MYORG.MYACCOUNT", "settings.account", `give "myorg-myaccount"`, nil},
		{"account", "acme-prod.global", "settings.account", ".global", nil},
		{"account", "acme.global.privatelink", "settings.account", ".global", nil},
		{"account", "xy12345.cn-northwest-1.aws", "settings.account", "China", nil},

		{"account", "https://myorg-myaccount.snowflakecomputing.com", "settings.account", `give "myorg-myaccount"`, nil},
		{"account", "https://MyOrg-MyAccount.SnowflakeComputing.com/console#/x", "settings.account", `give "myorg-myaccount"`, nil},
		{"account", "myorg-myaccount.snowflakecomputing.com", "settings.account", `give "myorg-myaccount"`, nil},
		{"account", "xy12345.eu-central-1.snowflakecomputing.com:443", "settings.account", `give "xy12345.eu-central-1"`, nil},
		{"account", "jdbc:snowflake://xy12345.west-europe.azure.privatelink.snowflakecomputing.com/?db=x", "settings.account", `give "xy12345.west-europe.azure.privatelink"`, nil},
		{"account", "loader:hunter2@myorg-myaccount.snowflakecomputing.com/db", "settings.account", `give "myorg-myaccount"`, nil},
		{"account", "https://app.snowflake.com/myorg/myaccount/#/homepage", "settings.account", `give "myorg-myaccount"`, nil},
		{"account", "https://app.snowflake.com/west-europe.azure/xy12345/w1", "settings.account", `give "xy12345.west-europe.azure"`, nil},
		{"account", "https://app.snowflake.com/", "settings.account", "not an address", nil},
		{"account", "https://evil.example/", "settings.account", "not an address", nil},
		{"account", "myorg-acc.snowflakecomputing.cn", "settings.account", "not an address", nil},
		{"account", "myorg-acc/../evil", "settings.account", "not an address", nil},
		{"account", "myorg-acc:443", "settings.account", "not an address", nil},

		{"user", "ann.smith@acme.example", "", "", "ann.smith@acme.example"},
		{"user", "Zoë", "", "", "Zoë"},
		{"user", strings.Repeat("ü", 255), "", "", strings.Repeat("ü", 255)},
		{"user", strings.Repeat("u", 256), "settings.user", "longer than 255", nil},
		{"user", nil, "settings.user", "LOGIN_NAME", nil},
		{"user", " ", "settings.user", "is missing", nil},
		{"user", "LOADER ", "settings.user", "space", nil},
		{"user", "a\x00b", "settings.user", "control", nil},
		{"user", "a\nb", "settings.user", "control", nil},
		{"user", "a\u202eb", "settings.user", "control", nil},
		{"user", "a\ufffdb", "settings.user", "damaged", nil},

		{"role", nil, "", "", nil},
		{"role", "", "", "", nil},
		{"role", `Weird "role"`, "", "", `Weird "role"`},
		{"role", "  ", "settings.role", "is missing", nil},
		{"role", "a\tb", "settings.role", "control", nil},
		{"warehouse", strings.Repeat("w", 256), "settings.warehouse", "longer than 255", nil},
		{"database", "d\r", "settings.database", "control", nil},
		{"schema", "s ", "settings.schema", "space", nil},
		{"schema", false, "settings.schema", "should be a string", nil},
	})
}

func TestSnowflakeSecret(t *testing.T) {
	key := pkcs8(rsaKey())
	m, err := warehouse.Check(t.Context(), world, warehouse.Snowflake, snowflakeSettings.raw(), object{"private_key": key}.raw())
	if err != nil {
		t.Fatal(err)
	}
	var kept map[string]string
	if err := json.Unmarshal(m.Secret.Reveal(), &kept); err != nil || len(kept) != 1 || kept["private_key"] != string(snowflake.MarshalPrivateKey(rsaKey())) {
		t.Errorf("kept is %v, %v", kept, err)
	}
	if m.Fingerprint != snowflake.Fingerprint(&rsaKey().PublicKey) || len(m.Warnings) != 0 {
		t.Errorf("%q, %q", m.Fingerprint, m.Warnings)
	}
	m, err = warehouse.Check(t.Context(), world, warehouse.Snowflake, snowflakeSettings.raw(), object{"password": "p"}.raw())
	if err != nil || string(m.Secret.Reveal()) != `{"password":"p"}` || m.Fingerprint != "" || len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], "key pair") {
		t.Errorf("%s, %q, %v", m.Secret.Reveal(), m.Warnings, err)
	}
	secretRules(t, warehouse.Snowflake, snowflakeSettings, object{}, []rule{
		{"private_key", "", "secret.private_key", "is missing", nil},
		{"private_key", "garbage", "secret.private_key", "", nil},
		{"private_key", 1, "secret.private_key", "should be a string", nil},
		{"passphrase", "p", "secret.passphrase", "private_key, which is missing", nil},
		{"nothing", nil, "secret.private_key", "is missing", nil},
	})
	secretRules(t, warehouse.Snowflake, snowflakeSettings, object{"private_key": key}, []rule{
		{"password", "p", "secret.password", "one of the two", nil},
	})
	secretRules(t, warehouse.Snowflake, snowflakeSettings, object{"password": "p"}, []rule{
		{"passphrase", "p", "secret.passphrase", "private_key, which is missing", nil},
	})
}
