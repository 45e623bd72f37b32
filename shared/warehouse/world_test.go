package warehouse_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"safekeep/shared/problem"
	"safekeep/shared/warehouse"
)

// names is a resolver that answers from a table: addresses, or an error.
type names map[string]any

var errNoName = &net.DNSError{Err: "no such host", IsNotFound: true}

func (n names) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if network != "ip" {
		panic("asked for " + network)
	}
	switch answer := n[host].(type) {
	case string:
		var list []netip.Addr
		for _, text := range strings.Fields(answer) {
			list = append(list, netip.MustParseAddr(text))
		}
		return list, nil
	case error:
		return nil, answer
	case func(context.Context) ([]netip.Addr, error):
		return answer(ctx)
	}
	return nil, errNoName
}

// world has the hosts that the good examples name.
var world = names{
	"db.example.com": "8.8.4.4 2606:4700::1111",
	"main.abc123xyz789.eu-west-1.redshift.amazonaws.com":               "52.1.2.3",
	"default.123456789012.us-east-1.redshift-serverless.amazonaws.com": "52.1.2.4",
	"main.abc.cn-north-1.redshift.amazonaws.com.cn":                    "52.80.1.2",
}

// rsaKey is one key for all tests: making one takes long.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func pkcs8(key any) string {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// object is a JSON object; with changes one of its members, or with nil takes it
// away.
type object map[string]any

func (o object) with(name string, value any) object {
	changed := maps.Clone(o)
	if changed[name] = value; value == nil {
		delete(changed, name)
	}
	return changed
}

func (o object) raw() json.RawMessage {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return text
}

// rule is one change to a good example and what becomes of it: the field that is
// named and a part of what is said, or, with no field, the normal form.
type rule struct {
	member string
	value  any
	field  string
	says   string
	normal any
}

// refused is the problem that err is; it must be one.
func refused(t *testing.T, err error) *problem.Error {
	t.Helper()
	if err == nil {
		return &problem.Error{}
	}
	p, ok := problem.Of(err)
	if !ok {
		t.Fatalf("%v is no problem", err)
	}
	return p
}

// settingsRules checks changes to good settings.
func settingsRules(t *testing.T, kind warehouse.Kind, good, secret object, rules []rule) {
	t.Helper()
	for _, r := range rules {
		m, err := warehouse.Check(t.Context(), world, kind, good.with(r.member, r.value).raw(), secret.raw())
		expect(t, r, m.Settings, err)
	}
}

// secretRules checks changes to a good secret.
func secretRules(t *testing.T, kind warehouse.Kind, settings, good object, rules []rule) {
	t.Helper()
	for _, r := range rules {
		m, err := warehouse.Check(t.Context(), world, kind, settings.raw(), good.with(r.member, r.value).raw())
		expect(t, r, m.Secret.Reveal(), err)
	}
}

func expect(t *testing.T, r rule, normal []byte, err error) {
	t.Helper()
	p := refused(t, err)
	if p.Field != r.field || !strings.Contains(p.Detail, r.says) {
		t.Errorf("%s %.90q: %q says %q, not %q with %q", r.member, r.value, p.Field, p.Detail, r.field, r.says)
	}
	if r.field != "" || r.normal == nil {
		return
	}
	var members map[string]any
	if err := json.Unmarshal(normal, &members); err != nil {
		t.Fatal(err)
	}
	if members[r.member] != r.normal {
		t.Errorf("%s %q becomes %q, not %q", r.member, r.value, members[r.member], r.normal)
	}
}
