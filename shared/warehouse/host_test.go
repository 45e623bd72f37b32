package warehouse_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"safekeep/shared/problem"
	"safekeep/shared/warehouse"
)

// watched counts what a resolver was asked.
type watched struct {
	warehouse.Resolver
	asked []string
}

func (w *watched) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	w.asked = append(w.asked, host)
	return w.Resolver.LookupNetIP(ctx, network, host)
}

// resolves lists hosts that the form allows and what the DNS says of them.
var resolves = names{
	"public.example.com":         "93.184.215.14",
	"both.example.com":           "93.184.215.14 2606:2800:21f::1",
	"mapped.example.com":         "::ffff:93.184.215.14",
	"nat64.example.com":          "64:ff9b::5db8:d70e 93.184.215.14",
	"xn--mnchen-3ya.example.com": "93.184.215.14",
	"a-1.b--c.example.com":       "93.184.215.14",
	"edge.example.com":           "11.0.0.0 9.255.255.255 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0 169.253.255.255 192.167.1.1 223.255.255.255 168.63.129.15",
	"as112.example.com":          "192.31.196.1 192.175.48.1 2620:4f:8000::1",

	"private10.example.com":   "10.0.0.1",
	"private172.example.com":  "172.31.255.255",
	"private192.example.com":  "192.168.1.1",
	"loopback.example.com":    "127.0.0.1",
	"loopback2.example.com":   "127.255.255.254",
	"loopback6.example.com":   "::1",
	"zero.example.com":        "0.0.0.0",
	"zero6.example.com":       "::",
	"thisnet.example.com":     "0.1.2.3",
	"metadata.example.com":    "169.254.169.254",
	"ecs.example.com":         "169.254.170.2",
	"metadata6.example.com":   "fd00:ec2::254",
	"google6.example.com":     "fd20:ce::254",
	"azure.example.com":       "168.63.129.16",
	"oracle.example.com":      "192.0.0.192",
	"alibaba.example.com":     "100.100.100.200",
	"cgnat.example.com":       "100.127.255.255",
	"doc.example.com":         "192.0.2.1",
	"doc2.example.com":        "198.51.100.1",
	"doc3.example.com":        "203.0.113.7",
	"doc6.example.com":        "2001:db8::1",
	"doc6new.example.com":     "3fff::1",
	"bench.example.com":       "198.19.255.255",
	"multicast.example.com":   "224.0.0.1",
	"multicast2.example.com":  "239.255.255.250",
	"multicast6.example.com":  "ff02::1",
	"reserved.example.com":    "240.0.0.1",
	"broadcast.example.com":   "255.255.255.255",
	"relay.example.com":       "192.88.99.1",
	"linklocal6.example.com":  "fe80::1",
	"zoned.example.com":       "fe80::1%eth0",
	"zonedpublic.example.com": "2606:4700::1%eth0",
	"sitelocal.example.com":   "fec0::1",
	"ula.example.com":         "fc00::1",
	"ula2.example.com":        "fdff::1",
	"mapped10.example.com":    "::ffff:10.0.0.1",
	"mappedmeta.example.com":  "::ffff:169.254.169.254",
	"compat.example.com":      "::10.0.0.1",
	"compatmeta.example.com":  "::a9fe:a9fe",
	"translated.example.com":  "::ffff:0:a00:1",
	"nat64p.example.com":      "64:ff9b::a00:1",
	"nat64meta.example.com":   "64:ff9b::a9fe:a9fe",
	"nat64local.example.com":  "64:ff9b:1::808:808",
	"sixtofour.example.com":   "2002:a00:1::1",
	"sixtofour2.example.com":  "2002:808:808::1",
	"teredo.example.com":      "2001:0:a00:1::1",
	"orchid.example.com":      "2001:20::1",
	"discard.example.com":     "100::1",
	"srv6.example.com":        "5f00::1",
	"unassigned.example.com":  "4000::1",
	"liar.example.com":        "93.184.215.14 10.0.0.1",
	"liar6.example.com":       "2606:4700::1 fd00:ec2::254",
	"liarlast.example.com":    "8.8.8.8 8.8.4.4 1.1.1.1 9.9.9.9 169.254.169.254",
	"invalid.example.com": func(context.Context) ([]netip.Addr, error) {
		return []netip.Addr{{}}, nil
	},
	"127.0.0.1.nip.example.com": "127.0.0.1",

	"empty.example.com":  "",
	"gone.example.com":   errNoName,
	"broken.example.com": &net.DNSError{Err: "server misbehaving", IsTemporary: true},
	"late.example.com":   &net.DNSError{Err: "i/o timeout", IsTimeout: true},
	"odd.example.com":    errors.New("the resolver is not configured: 10.1.2.3"),
}

func TestHosts(t *testing.T) {
	const (
		notPublic = "not a public one"
		alone     = "must be the host alone"
		odd       = "neither a full host name nor an IP address"
		notName   = "is not a host name"
		inner     = "within a private network only"
		full      = "must be a full name"
		notThere  = "cannot be found"
		later     = "send the same request again"
	)
	for _, c := range []struct{ host, says, normal string }{
		// What may be stored.
		{"public.example.com", "", ""},
		{"PUBLIC.Example.COM", "", "public.example.com"},
		{"both.example.com", "", ""},
		{"mapped.example.com", "", ""},
		{"nat64.example.com", "", ""},
		{"xn--mnchen-3ya.example.com", "", ""},
		{"a-1.b--c.example.com", "", ""},
		{"edge.example.com", "", ""},
		{"as112.example.com", "", ""},
		{"93.184.215.14", "", ""},
		{"2606:4700:0000::1111", "", "2606:4700::1111"},
		{"2606:4700::ABCD", "", "2606:4700::abcd"},

		// Names that lead where they must not.
		{"private10.example.com", notPublic, ""},
		{"private172.example.com", notPublic, ""},
		{"private192.example.com", notPublic, ""},
		{"loopback.example.com", notPublic, ""},
		{"loopback2.example.com", notPublic, ""},
		{"loopback6.example.com", notPublic, ""},
		{"zero.example.com", notPublic, ""},
		{"zero6.example.com", notPublic, ""},
		{"thisnet.example.com", notPublic, ""},
		{"metadata.example.com", notPublic, ""},
		{"ecs.example.com", notPublic, ""},
		{"metadata6.example.com", notPublic, ""},
		{"google6.example.com", notPublic, ""},
		{"azure.example.com", notPublic, ""},
		{"oracle.example.com", notPublic, ""},
		{"alibaba.example.com", notPublic, ""},
		{"cgnat.example.com", notPublic, ""},
		{"doc.example.com", notPublic, ""},
		{"doc2.example.com", notPublic, ""},
		{"doc3.example.com", notPublic, ""},
		{"doc6.example.com", notPublic, ""},
		{"doc6new.example.com", notPublic, ""},
		{"bench.example.com", notPublic, ""},
		{"multicast.example.com", notPublic, ""},
		{"multicast2.example.com", notPublic, ""},
		{"multicast6.example.com", notPublic, ""},
		{"reserved.example.com", notPublic, ""},
		{"broadcast.example.com", notPublic, ""},
		{"relay.example.com", notPublic, ""},
		{"linklocal6.example.com", notPublic, ""},
		{"zoned.example.com", notPublic, ""},
		{"zonedpublic.example.com", notPublic, ""},
		{"sitelocal.example.com", notPublic, ""},
		{"ula.example.com", notPublic, ""},
		{"ula2.example.com", notPublic, ""},
		{"mapped10.example.com", notPublic, ""},
		{"mappedmeta.example.com", notPublic, ""},
		{"compat.example.com", notPublic, ""},
		{"compatmeta.example.com", notPublic, ""},
		{"translated.example.com", notPublic, ""},
		{"nat64p.example.com", notPublic, ""},
		{"nat64meta.example.com", notPublic, ""},
		{"nat64local.example.com", notPublic, ""},
		{"sixtofour.example.com", notPublic, ""},
		{"sixtofour2.example.com", notPublic, ""},
		{"teredo.example.com", notPublic, ""},
		{"orchid.example.com", notPublic, ""},
		{"discard.example.com", notPublic, ""},
		{"srv6.example.com", notPublic, ""},
		{"unassigned.example.com", notPublic, ""},
		{"liar.example.com", notPublic, ""},
		{"liar6.example.com", notPublic, ""},
		{"liarlast.example.com", notPublic, ""},
		{"invalid.example.com", notPublic, ""},
		{"127.0.0.1.nip.example.com", notPublic, ""},

		// Addresses as such.
		{"10.0.0.1", notPublic, ""},
		{"127.0.0.1", notPublic, ""},
		{"0.0.0.0", notPublic, ""},
		{"169.254.169.254", notPublic, ""},
		{"168.63.129.16", notPublic, ""},
		{"255.255.255.255", notPublic, ""},
		{"::1", notPublic, ""},
		{"::", notPublic, ""},
		{"fd00:ec2::254", notPublic, ""},
		{"fe80::1", notPublic, ""},
		{"::10.0.0.1", notPublic, ""},
		{"64:ff9b::10.0.0.1", notPublic, ""},
		{"2002:7f00:1::", notPublic, ""},
		{"2001::7f00:1", notPublic, ""},

		// Addresses in odd forms.
		{"::ffff:10.0.0.1", "plain address", ""},
		{"::ffff:8.8.8.8", "plain address", ""},
		{"0:0:0:0:0:ffff:a00:1", "plain address", ""},
		{"[::ffff:10.0.0.1]", "without brackets", ""},
		{"[::1]", "without brackets", ""},
		{"[::1]:5432", "without brackets", ""},
		{"fe80::1%eth0", "plain address", ""},
		{"fe80::1%25eth0", "plain address", ""},
		{"2606:4700::1%lo", "plain address", ""},
		{"0x7f.1", odd, ""},
		{"0x7f000001", odd, ""},
		{"0X7F.0.0.1", odd, ""},
		{"127.0.0.0x1", odd, ""},
		{"2130706433", odd, ""},
		{"127.1", odd, ""},
		{"0", odd, ""},
		{"010.0.0.1", odd, ""},
		{"0177.0.0.01", odd, ""},
		{"1.2.3.4.5", odd, ""},
		{"256.256.256.256", odd, ""},
		{"example.1", odd, ""},
		{"example.0xff", odd, ""},
		{"127.0.0.1.", "end with a dot", ""},
		{"localhost.", "end with a dot", ""},
		{"public.example.com.", "end with a dot", ""},
		{"127。0。0。1", "must be ASCII", ""},
		{"①②⑦.0.0.1", "must be ASCII", ""},

		// Names that mean something inside only.
		{"localhost", inner, ""},
		{"LOCALHOST", inner, ""},
		{"db.localhost", inner, ""},
		{"localhost.localdomain", inner, ""},
		{"db.local", inner, ""},
		{"metadata.google.internal", inner, ""},
		{"ip-10-0-0-1.eu-west-1.compute.internal", inner, ""},
		{"db.corp", inner, ""},
		{"db.home.arpa", inner, ""},
		{"1.0.0.127.in-addr.arpa", inner, ""},
		{"db.lan", inner, ""},
		{"db.onion", inner, ""},
		{"postgres.default.svc", inner, ""},
		{"postgres.default.svc.cluster.local", inner, ""},
		{"db.test", inner, ""},
		{"metadata", full, ""},
		{"postgres", full, ""},
		{"instance-data", full, ""},

		// More than a host, or less.
		{"", "is missing", ""},
		{"postgres://loader:hunter2@public.example.com:5432/shop", alone, ""},
		{"https://public.example.com", alone, ""},
		{"loader@public.example.com", alone, ""},
		{"169.254.169.254@public.example.com", alone, ""},
		{"public.example.com@169.254.169.254", alone, ""},
		{"public.example.com#@169.254.169.254", alone, ""},
		{`public.example.com\@10.0.0.1`, alone, ""},
		{"public.example.com/shop", alone, ""},
		{"public.example.com?x", alone, ""},
		{"public.example.com:5432", alone, ""},
		{"10.0.0.1:5432", alone, ""},
		{"public.example.com,10.0.0.1", "one host", ""},
		{"/var/run/postgresql", alone, ""},
		{"@socket", alone, ""},
		{"public.example.com ", "no space", ""},
		{"public.example.com\n10.0.0.1", "no space", ""},
		{"public.example.com\x00.evil.example", "no space", ""},
		{"public.example.com\x7f", "must be ASCII", ""},
		{"münchen.example.com", "must be ASCII", ""},
		{"pub\u00adlic.example.com", "must be ASCII", ""},
		{"pub\u200blic.example.com", "must be ASCII", ""},
		{"public..example.com", notName, ""},
		{".example.com", notName, ""},
		{"..", "end with a dot", ""},
		{"-public.example.com", notName, ""},
		{"public-.example.com", notName, ""},
		{"pub_lic.example.com", notName, ""},
		{"*.example.com", notName, ""},
		{"%31%32%37.example.com", notName, ""},
		{"$(id).example.com", notName, ""},
		{"a'b.example.com", notName, ""},
		{strings.Repeat("a", 64) + ".example.com", notName, ""},
		{strings.Repeat("a.", 127) + "com", "longer than 253", ""},

		// Names of which the DNS knows nothing, or says nothing.
		{"empty.example.com", notThere, ""},
		{"gone.example.com", notThere, ""},
		{"nobody.example.com", notThere, ""},
		{"broken.example.com", later, ""},
		{"late.example.com", later, ""},
		{"odd.example.com", later, ""},
	} {
		look := &watched{Resolver: resolves}
		settings := postgresSettings.with("host", c.host)
		m, err := warehouse.Check(t.Context(), look, warehouse.Postgres, settings.raw(), object{"password": "p"}.raw())
		_, alike := warehouse.CheckSettings(t.Context(), resolves, warehouse.Postgres, settings.raw())
		p := refused(t, err)
		kind := problem.Unacceptable
		if c.says == later {
			kind = problem.Unavailable
		}
		switch normal := c.normal; {
		case (alike == nil) != (err == nil):
			t.Errorf("%q: %v, but without a secret %v", c.host, err, alike)
		case c.says == notThere:
			if err != nil || len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], notThere) {
				t.Errorf("%q: %v, warned of %q", c.host, err, m.Warnings)
			}
		case c.says != "":
			if p.Kind != kind || p.Field != "settings.host" || !strings.Contains(p.Detail, c.says) {
				t.Errorf("%q: %v", c.host, err)
			}
			if strings.Contains(p.Detail, "10.") {
				t.Errorf("%q: tells an address: %v", c.host, err)
			}
		case err != nil:
			t.Errorf("%q: %v", c.host, err)
		default:
			if normal == "" {
				normal = c.host
			}
			if !strings.Contains(string(m.Settings), `"host":"`+normal+`"`) {
				t.Errorf("%q becomes %s", c.host, m.Settings)
			}
		}
		// Only what has the form of a name is looked up, and once.
		wants := 0
		if resolves[strings.ToLower(c.host)] != nil || c.says == notThere {
			wants = 1
		}
		if len(look.asked) != wants {
			t.Errorf("%q: the resolver is asked for %q", c.host, look.asked)
		}
	}
}

// Nobody makes us look up names with a request that is refused anyhow, and for
// names that only a vendor gives out nothing is looked up.
func TestHostIsLookedUpLast(t *testing.T) {
	for kind, e := range examples() {
		look := &watched{Resolver: world}
		if _, err := warehouse.Check(t.Context(), look, kind, e[0].raw(), object{}.raw()); err == nil {
			t.Errorf("%s: taken without a secret", kind)
		}
		if len(look.asked) != 0 {
			t.Errorf("%s: looked up %q for nothing", kind, look.asked)
		}
		if _, err := warehouse.Check(t.Context(), look, kind, e[0].raw(), e[1].raw()); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		wants := 0
		if kind == warehouse.Postgres || kind == warehouse.Redshift {
			wants = 1
		}
		if len(look.asked) != wants {
			t.Errorf("%s: looked up %q", kind, look.asked)
		}
	}
}

func TestSlowResolver(t *testing.T) {
	slow := names{"db.example.com": func(ctx context.Context) ([]netip.Addr, error) {
		select {
		case <-time.After(time.Minute):
			return []netip.Addr{netip.MustParseAddr("8.8.8.8")}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := warehouse.Check(t.Context(), slow, warehouse.Postgres, postgresSettings.raw(), object{"password": "p"}.raw())
		if p := refused(t, err); p.Kind != problem.Unavailable || p.Field != "settings.host" {
			t.Error(err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("took %s", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := warehouse.Check(ctx, slow, warehouse.Postgres, postgresSettings.raw(), object{"password": "p"}.raw())
		if p := refused(t, err); p.Kind != problem.Unavailable {
			t.Error(err)
		}
	})
}

// A net.Resolver tells a name that does not exist as Resolver asks for; without a
// network it tells that it could not ask.
var _ warehouse.Resolver = (*net.Resolver)(nil)
