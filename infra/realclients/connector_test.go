package realclients

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/snowflakedb/gosnowflake/v2"

	"safekeep/shared/credential"
	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/envelope"
	"safekeep/shared/envelope/kmstest"
	"safekeep/shared/grant"
	"safekeep/shared/keyservice"
	"safekeep/shared/ledger"
	"safekeep/shared/rotation"
	"safekeep/shared/snowflake"
	"safekeep/shared/web"
	"safekeep/shared/workspace"
)

// safekeep is the functions credentials, connect and rotate over the real engine
// and the real encryption library, and a Snowflake whose LOADER may alter itself.
type safekeep struct {
	*warehouses
	credentials, connect *web.Router
	rotator              *rotation.Rotator
	at                   atomic.Int64 // of the next run, in seconds
	id                   string
}

// grantKey is the key that grants are signed with, held here instead of in KMS.
type grantKey struct{ *ecdsa.PrivateKey }

func (k grantKey) Sign(_ context.Context, digest []byte) ([]byte, error) {
	return ecdsa.SignASN1(rand.Reader, k.PrivateKey, digest)
}

func (k grantKey) PublicKey(context.Context) (*ecdsa.PublicKey, error) {
	return &k.PrivateKey.PublicKey, nil
}

func startSafekeep(t *testing.T) *safekeep {
	t.Helper()
	k := &safekeep{warehouses: startSnowflake(t)}
	k.must(account, "CREATE ROLE LOADING; CREATE USER LOADER LOGIN_NAME='loader@acme.example' TYPE=SERVICE DEFAULT_ROLE=LOADING DEFAULT_WAREHOUSE=WH RSA_PUBLIC_KEY='"+keyBody(0)+
		"'; GRANT ROLE LOADING TO USER LOADER; GRANT OWNERSHIP ON USER LOADER TO ROLE LOADING")
	tables := dynamotest.New(t)
	story := &ledger.Store{Client: tables, Table: dynamotest.Ledger}
	vault, err := envelope.New(t.Context(), keyservice.NewClient(kmstest.New(t).Config()), kmstest.Key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, parties := grantKey{private}, grant.PartiesOf("test")
	store := &credential.Store{Client: tables, Table: "Credentials", Ledger: story, Grace: 24 * time.Hour}
	places := &workspace.Store{Client: tables, Table: dynamotest.Workspaces, Ledger: story}
	if _, err := places.Put(t.Context(), workspace.Workspace{ID: "acme", Name: "Acme"}, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
	client := snowflake.NewClient(k.url+"/{account}", time.Now)
	defaults := credential.Defaults{Interval: 90 * 24 * time.Hour, Overlap: 24 * time.Hour}
	k.credentials = credential.NewService(credential.Service{
		Store: store, Directory: places, Sealer: vault, Opener: vault, Snowflake: client, Defaults: defaults,
		Issuer: grant.NewIssuer(signer, parties), Grants: story, Resolver: net.DefaultResolver,
	}).Routes()
	connector := &credential.Connector{
		Vault: &credential.GrantedStore{Store: store, Grants: &grant.Store{Table: dynamotest.Ephemera}}, Opener: vault,
		Verifier: grant.NewVerifier(signer, parties), Snowflake: client, Now: time.Now,
	}
	k.connect = connector.Routes()
	k.rotator = &rotation.Rotator{
		Credentials: store, Directory: places, Vault: vault, Snowflake: client, Leases: &rotation.LeaseStore{Client: tables, Table: dynamotest.Ephemera},
		Defaults: defaults, Now: time.Now, Random: rand.Reader, TimeTravel: true,
	}
	k.at.Store(time.Now().Add(time.Minute).Unix()) // later than what is stored below
	secret, _ := json.Marshal(string(snowflake.MarshalPrivateKey(snowflakeKeys()[0])))
	k.id = k.need(k.credentials, 201, "/workspaces/acme/credentials", `{"warehouse":"snowflake","name":"main","settings":{"account":"`+account+
		`","user":"loader@acme.example"},"secret":{"private_key":`+string(secret)+`},"rotation":{"retire_supplied_key":true}}`)["id"].(string)
	return k
}

// call posts a request and returns the answer.
func (k *safekeep) call(routes *web.Router, path, body string) (int, map[string]any) {
	answer := httptest.NewRecorder()
	routes.ServeHTTP(answer, httptest.NewRequest("POST", path, strings.NewReader(body)))
	var fields map[string]any
	_ = json.Unmarshal(answer.Body.Bytes(), &fields)
	return answer.Code, fields
}

func (k *safekeep) need(routes *web.Router, status int, path, body string) map[string]any {
	k.Helper()
	got, fields := k.call(routes, path, body)
	if got != status {
		k.Fatalf("%s: %d %v", path, got, fields)
	}
	return fields
}

// use asks for a grant and uses it, as a run does.
func (k *safekeep) use(path string) (map[string]any, error) {
	status, granted := k.call(k.credentials, "/workspaces/acme/grants", `{"credentials":["`+k.id+`"],"purpose":"extract","run":"r1"}`)
	if status != 201 {
		return nil, fmt.Errorf("no grant: %d", status)
	}
	status, given := k.call(k.connect, path, fmt.Sprintf(`{"grant":%q,"credential":%q}`, granted["grant"], k.id))
	if status != 200 {
		return nil, fmt.Errorf("%s: %d %v", path, status, given["detail"])
	}
	return given, nil
}

// run runs the daily schedule as of some time later.
func (k *safekeep) run(after time.Duration) rotation.Report {
	k.Helper()
	report, err := k.rotator.Handle(k.Context(), rotation.Event{Scheduled: time.Unix(k.at.Add(int64(after/time.Second)), 0)})
	if err != nil || report.Failed+report.Failing+report.Blocked > 0 {
		k.Errorf("a run of %s later: %+v %v", after, report, err)
	}
	return report
}

// withOpenedKey is how a connector signs in with the key that it was given.
func (k *safekeep) withOpenedKey(host string, port int) (gosnowflake.Config, error) {
	given, err := k.use("/credentials/open")
	if err != nil {
		return gosnowflake.Config{}, err
	}
	key, err := snowflake.ParsePrivateKey(given["secret"].(map[string]any)["private_key"].(string), "")
	return gosnowflake.Config{
		Protocol: "http", Host: host, Port: port, Account: account, User: "loader@acme.example",
		Authenticator: gosnowflake.AuthTypeJwt, PrivateKey: key,
	}, err
}

// Snowflake's own driver signs in with a key that is stored here and opened by a
// grant, and with a session, without the key.
func TestDriverSignsInWithWhatSafekeepGives(t *testing.T) {
	k := startSafekeep(t)
	host, port := k.host(account)
	config, err := k.withOpenedKey(host, port)
	if err != nil {
		t.Fatal(err)
	}
	signsIn(t, config, "LOADER LOADING WH")
	given, err := k.use("/credentials/session")
	if err != nil {
		t.Fatal(err)
	}
	session := given["session"].(map[string]any)
	if given["secret"] != nil || session["host"] != "myorg-my-account.snowflakecomputing.com" {
		t.Errorf("given %v", given["session"])
	}
	signsIn(t, gosnowflake.Config{
		Protocol: "http", Host: host, Port: port, Account: account,
		Authenticator: gosnowflake.AuthTypeTokenAccessor, TokenAccessor: &handedOver{token: session["token"].(string)},
	}, "LOADER LOADING WH")
}

// Connectors that open the credential and sign in without a pause, during a
// hundred rotations in the slots and in named pairs, never fail. A rotation's
// overlap is a day, of which a run takes the beginning: what was opened before a
// switch has signed in before the old key goes.
func TestNoSignInFailsDuringAHundredRotations(t *testing.T) {
	k := startSafekeep(t)
	host, port := k.host(account)
	var runs sync.RWMutex // held by a run from its grant to its sign-in
	var signed, failed atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var connectors sync.WaitGroup
	for range 3 {
		connectors.Go(func() {
			for ctx.Err() == nil {
				runs.RLock()
				config, err := k.withOpenedKey(host, port)
				if err == nil {
					_, err = ask(t, config)
				}
				runs.RUnlock()
				if err != nil {
					failed.Add(1)
					t.Errorf("after %d sign-ins: %v", signed.Load(), err)
				}
				signed.Add(1)
			}
		})
	}
	const rotations = 100
	done := 0
	for n := range rotations {
		k.Account(account).SetNamedKeyPairs(n >= rotations/2)
		done += k.run(90 * 24 * time.Hour).Done // while connectors sign in
		before := signed.Load()
		for signed.Load() < before+3 && failed.Load() == 0 { // with the new key
			time.Sleep(time.Millisecond)
		}
		runs.Lock()   // a day later no run of before the switch is left
		runs.Unlock() //nolint:staticcheck // it only waits for those that there are
		k.run(25 * time.Hour)
	}
	stop()
	connectors.Wait()
	if done != rotations || failed.Load() > 0 || signed.Load() < 3*rotations {
		t.Errorf("%d rotations, %d sign-ins, %d failed", done, signed.Load(), failed.Load())
	}
	keys := k.Account(account).Keys("LOADER")
	if keys.Slot1 != "" || keys.Slot2 != "" || len(keys.Named) != 1 {
		t.Errorf("Snowflake has %+v", keys)
	}
	t.Logf("%d sign-ins during %d rotations", signed.Load(), done)
}
