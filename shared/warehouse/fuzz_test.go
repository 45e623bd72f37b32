package warehouse_test

import (
	"bytes"
	"context"
	"encoding/json"
	"hash/fnv"
	"net/netip"
	"strings"
	"testing"
	"time"

	"safekeep/shared/problem"
	"safekeep/shared/warehouse"
)

// anywhere resolves any name to an address that depends on the name alone, so
// that some names are public and some are not.
type anywhere struct{}

func (anywhere) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(host))
	return []netip.Addr{netip.AddrFrom4([4]byte(sum.Sum(nil)))}, nil
}

func fuzz(f *testing.F, kind warehouse.Kind, hostile ...[2]string) {
	example := examples()[kind]
	f.Add([]byte(example[0].raw()), []byte(example[1].raw()))
	for _, pair := range hostile {
		f.Add([]byte(pair[0]), []byte(pair[1]))
		f.Add([]byte(example[0].raw()), []byte(pair[1]))
		f.Add([]byte(pair[0]), []byte(example[1].raw()))
	}
	f.Fuzz(func(t *testing.T, settings, secret []byte) {
		start := time.Now()
		m, err := warehouse.Check(t.Context(), anywhere{}, kind, settings, secret)
		if took := time.Since(start); took > 5*time.Second { // far above any honest one, also on a busy machine
			t.Fatalf("took %s", took)
		}
		if err != nil {
			p, ok := problem.Of(err)
			if !ok || p.Detail == "" || !strings.HasPrefix(p.Field, "settings") && !strings.HasPrefix(p.Field, "secret") {
				t.Fatalf("%v is no problem with a field", err)
			}
			if len(err.Error()) > 1000 {
				t.Fatalf("%d bytes of error", len(err.Error()))
			}
			if piece := echoed(err, string(settings), string(secret)); piece != "" {
				t.Fatalf("%q is repeated in %s", piece, err)
			}
			return
		}
		if !json.Valid(m.Settings) || !json.Valid(m.Secret) || len(m.Settings) > 6*len(settings)+1000 || len(m.Secret) > 6*len(secret)+1000 {
			t.Fatalf("%d and %d bytes", len(m.Settings), len(m.Secret))
		}
		// Normal form is a fixed point, or a connector could read another
		// thing than the one that was checked.
		again, err := warehouse.Check(t.Context(), anywhere{}, kind, m.Settings, m.Secret.Reveal())
		if err != nil || !bytes.Equal(again.Settings, m.Settings) || !bytes.Equal(again.Secret, m.Secret) {
			t.Fatalf("checked again: %v\n%s\n%s", err, m.Settings, again.Settings)
		}
	})
}

func FuzzSnowflake(f *testing.F) {
	fuzz(f, warehouse.Snowflake,
		[2]string{`{"account":"https://app.snowflake.com/a/b","user":"\u0000"}`, `{"private_key":"MIIE","passphrase":"p"}`},
		[2]string{`{"account":"a.b.c.d.privatelink","user":"u"}`, `{"password":"p"}`},
		[2]string{`{"account":"xy12345.eu-central-1.aws","user":"u"}`, `{"private_key":"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n-----END ENCRYPTED PRIVATE KEY-----"}`},
	)
}

func FuzzBigQuery(f *testing.F) {
	fuzz(f, warehouse.BigQuery,
		[2]string{`{"project":"example.com:my-project","location":"us"}`, `{"service_account":"{\"type\":\"external_account\"}"}`},
		[2]string{`{"project":"acme-analytics"}`, `{"service_account":{"type":"service_account","private_key":"\\n"}}`},
	)
}

func FuzzRedshift(f *testing.F) {
	fuzz(f, warehouse.Redshift,
		[2]string{`{"host":"a.redshift.amazonaws.com.","port":0}`, `{"password":"\ud800"}`},
		[2]string{`{"host":"A.b.c.redshift.amazonaws.com.cn","port":1,"database":"a=b","user":"u"}`, `{"password":" p"}`},
	)
}

func FuzzPostgres(f *testing.F) {
	fuzz(f, warehouse.Postgres,
		[2]string{`{"host":"2606:4700::1111","database":"d","user":"u","sslmode":"verify-ca"}`, `{"password":null}`},
		[2]string{`{"host":"0x7f.1","database":"d","user":"u","root_certificate":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}`, `{"PASSWORD":"p"}`},
		[2]string{`{"host":"[::ffff:10.0.0.1]","database":"d","user":"u"}`, `{"password":{}}`},
	)
}

func FuzzDatabricks(f *testing.F) {
	fuzz(f, warehouse.Databricks,
		[2]string{`{"host":"https://a.cloud.databricks.com/?o=1","http_path":"sql/protocolv1/o/1/a"}`, `{"client_secret":"dapi1234"}`},
		[2]string{`{"host":"https://https://","port":443.0}`, `{"client_secret":12345678}`},
	)
}

// FuzzHost looks for a host that is taken and yet leads, as one of the programs
// that connectors use may read it, to an address that is not public.
func FuzzHost(f *testing.F) {
	for _, host := range []string{"127.1", "0x7f.1", "::ffff:10.0.0.1", "10.0.0.1.", "db.example.com", "fe80::1%eth0", "1.2.3.4", "a..b", "xn--a.com"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		m, err := warehouse.CheckSettings(t.Context(), anywhere{}, warehouse.Postgres, postgresSettings.with("host", host).raw())
		if err != nil {
			return
		}
		var settings warehouse.PostgresSettings
		if err := json.Unmarshal(m.Settings, &settings); err != nil {
			t.Fatal(err)
		}
		if settings.Host != strings.ToLower(settings.Host) || strings.Trim(settings.Host, "abcdefghijklmnopqrstuvwxyz0123456789.-:") != "" || len(settings.Host) > 253 {
			t.Fatalf("%q becomes %q", host, settings.Host)
		}
		if addr, err := netip.ParseAddr(settings.Host); err == nil {
			if !warehouse.Public(addr) {
				t.Fatalf("%q becomes %s", host, addr)
			}
			return
		}
		// A last part that begins with a digit is what inet_aton would read.
		last := settings.Host[strings.LastIndexByte(settings.Host, '.')+1:]
		if !strings.Contains(settings.Host, ".") || strings.Contains(settings.Host, ":") || last[0] >= '0' && last[0] <= '9' {
			t.Fatalf("%q becomes %q", host, settings.Host)
		}
		if addrs, _ := (anywhere{}).LookupNetIP(t.Context(), "ip", settings.Host); !warehouse.Public(addrs[0]) {
			t.Fatalf("%q leads to %s", host, addrs[0])
		}
	})
}
