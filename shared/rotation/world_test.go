package rotation_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"safekeep/shared/credential"
	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/envelope"
	"safekeep/shared/ledger"
	"safekeep/shared/rotation"
	"safekeep/shared/snowflake"
	"safekeep/shared/snowflake/snowflaketest"
	"safekeep/shared/warehouse"
	"safekeep/shared/workspace"
)

// world is a rotator over the real engine and the double of Snowflake. Only KMS is
// a stand-in here: the flow tests have the real one's.
type world struct {
	t       *testing.T
	at      time.Time // of the next run
	clock   time.Time // the wall's, which leases go by
	double  *snowflaketest.Server
	account *snowflaketest.Account
	client  *snowflake.Client
	store   *credential.Store
	places  *workspace.Store
	rotator *rotation.Rotator
	id      string
	key     *rsa.PrivateKey // that the customer supplied
}

// vault is an envelope whose seal is the context itself: it opens in no other.
type vault struct{}

func (vault) Seal(_ context.Context, c envelope.Context, plaintext []byte) ([]byte, error) {
	return json.Marshal(map[string]any{"context": c, "secret": plaintext})
}

func (vault) Open(_ context.Context, c envelope.Context, message []byte) ([]byte, error) {
	var sealed struct {
		Context envelope.Context
		Secret  []byte
	}
	if err := json.Unmarshal(message, &sealed); err != nil || sealed.Context != c {
		return nil, envelope.ErrSealed
	}
	return sealed.Secret, nil
}

var (
	noon     = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	defaults = credential.Defaults{Interval: 90 * 24 * time.Hour, Overlap: 24 * time.Hour}
)

// Keys take a while to make, so tests share those that customers supply.
var supplied = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 3)
	for i := range keys {
		keys[i], _ = snowflake.GenerateKey(rand.Reader, 2048)
	}
	return keys
})

const oneself = `CREATE ROLE LOADER; CREATE USER "Loader" LOGIN_NAME='LOADER@ACME.EXAMPLE' DEFAULT_ROLE=LOADER TYPE=SERVICE;
	GRANT ROLE LOADER TO USER "Loader"; GRANT OWNERSHIP ON USER "Loader" TO ROLE LOADER;`

func newWorld(t *testing.T, policies ...credential.Policy) *world {
	t.Helper()
	client := dynamotest.New(t)
	story := &ledger.Store{Client: client, Table: dynamotest.Ledger}
	w := &world{
		t: t, at: noon, clock: noon, double: snowflaketest.New(), key: supplied()[0],
		store:  &credential.Store{Client: client, Table: "Credentials", Ledger: story, Grace: 24 * time.Hour},
		places: &workspace.Store{Client: client, Table: dynamotest.Workspaces, Ledger: story},
	}
	w.account = w.double.Account("myorg-myaccount")
	w.admin(oneself + `ALTER USER "Loader" SET RSA_PUBLIC_KEY='` + snowflake.PublicKeyBody(&w.key.PublicKey) + `'`)
	server := httptest.NewServer(w.double)
	t.Cleanup(server.Close)
	w.client = snowflake.NewClient(server.URL+"/{account}", time.Now)
	w.rotator = &rotation.Rotator{
		Credentials: w.store, Directory: w.places, Vault: vault{}, Snowflake: w.client,
		Leases: &rotation.LeaseStore{Client: client, Table: dynamotest.Ephemera}, Defaults: defaults,
		Now: func() time.Time { return w.clock }, Random: rand.Reader, TimeTravel: true,
	}
	if _, err := w.places.Put(t.Context(), workspace.Workspace{ID: "acme", Name: "Acme"}, "test", noon); err != nil {
		t.Fatal(err)
	}
	w.id = w.keep(w.key, policies...)
	return w
}

// keep stores a credential with a key that the customer supplied.
func (w *world) keep(key *rsa.PrivateKey, policies ...credential.Policy) string {
	w.t.Helper()
	c := credential.Credential{
		Workspace: "acme", ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", time.Now().UnixNano()%1e12), Name: "main",
		Warehouse: warehouse.Snowflake, Status: credential.Ready, CreatedAt: noon, UpdatedAt: noon, Numbers: 1,
	}
	for _, policy := range policies {
		c.Rotation.Policy = policy
	}
	c.Current = version(c.ID, 1, key)
	if err := w.store.Create(w.t.Context(), c, "test"); err != nil {
		w.t.Fatal(err)
	}
	return c.ID
}

// version is a key sealed as a version of a credential.
func version(id string, number int64, key *rsa.PrivateKey) credential.Version {
	secret, _ := json.Marshal(map[string]string{"private_key": string(snowflake.MarshalPrivateKey(key))})
	sealed, _ := vault{}.Seal(context.Background(), credential.SealContext("acme", id, number), secret)
	return credential.Version{
		Number: number, Settings: json.RawMessage(`{"account":"myorg-myaccount","user":"loader@acme.example"}`),
		Sealed: sealed, Fingerprint: print(key), CreatedAt: noon,
	}
}

// admin runs SQL as the customer's admin.
func (w *world) admin(sql string) {
	w.t.Helper()
	if _, err := w.account.Exec(sql); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

func (w *world) get() credential.Credential {
	w.t.Helper()
	c, err := w.store.Get(w.t.Context(), "acme", w.id)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// run runs the daily schedule as of some days later.
func (w *world) run(days float64) rotation.Report {
	w.t.Helper()
	w.at = w.at.Add(time.Duration(days * 24 * float64(time.Hour)))
	report, err := w.rotator.Handle(w.t.Context(), rotation.Event{Scheduled: w.at})
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// keyOf opens the key of a version, as a connector does.
func (w *world) keyOf(v credential.Version) *rsa.PrivateKey {
	w.t.Helper()
	secret, err := vault{}.Open(w.t.Context(), credential.SealContext("acme", w.id, v.Number), v.Sealed)
	if err != nil {
		w.t.Fatal(err)
	}
	proof, err := credential.ParseProof(secret)
	if err != nil {
		w.t.Fatal(err)
	}
	return proof.Key
}

// signsIn says whether the key in use does.
func (w *world) signsIn() error {
	w.t.Helper()
	c := w.get()
	_, err := w.client.SignIn(w.t.Context(), c.Current.Place(), snowflake.Proof{Key: w.keyOf(c.Current)})
	return err
}

func (w *world) entries() []ledger.Entry {
	w.t.Helper()
	all, _, err := w.store.Ledger.List(w.t.Context(), "acme", "", 200)
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Reverse(all)
	return all
}

// story is what the ledger tells of the credential's rotations, oldest first; what
// owes a mail has a star.
func (w *world) story() []string {
	w.t.Helper()
	var kinds []string
	for _, e := range w.entries() {
		if e.Subject != w.id || e.Kind == ledger.CredentialStored {
			continue
		}
		kind := strings.TrimPrefix(string(e.Kind), "credential.")
		if e.Owes {
			kind += "*"
		}
		kinds = append(kinds, kind)
	}
	return kinds
}

func (w *world) wantStory(want ...string) {
	w.t.Helper()
	if got := w.story(); !slices.Equal(got, want) {
		w.t.Errorf("the ledger tells %v, want %v", got, want)
	}
}

func (w *world) wantKeys(slot1, slot2 string) {
	w.t.Helper()
	if keys := w.account.Keys("Loader"); keys.Slot1 != slot1 || keys.Slot2 != slot2 {
		w.t.Errorf("the slots hold %q and %q, want %q and %q", keys.Slot1, keys.Slot2, slot1, slot2)
	}
}

// held is the detail of the last entry that says why a rotation waits.
func (w *world) held() rotation.Held {
	w.t.Helper()
	var held rotation.Held
	for _, e := range w.entries() {
		if e.Kind == ledger.CredentialRotationBlocked || e.Kind == ledger.CredentialRotationFailed {
			if err := json.Unmarshal(e.Detail, &held); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	return held
}

func print(key *rsa.PrivateKey) string { return snowflake.Fingerprint(&key.PublicKey) }

func yes() *bool { v := true; return &v }
