package credential_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/credential"
	"safekeep/shared/dynamo"
	"safekeep/shared/grant"
	"safekeep/shared/ledger"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Whatever is no good grant is refused with the same answer, and nothing is
// decrypted for it.
func TestGrantsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put("acme")
	good := w.grant("acme", id)
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	flipped := []byte(good)
	flipped[len(flipped)-10] ^= 1
	elsewhere := func(parties grant.Parties) string {
		g, err := grant.New("acme", []string{id}, grant.Extract, "r", w.now)
		if err != nil {
			t.Fatal(err)
		}
		token, err := grant.NewIssuer(w.signer, parties).Issue(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		return token.Reveal()
	}
	ours := grant.PartiesOf("test")
	stranger := newSigner(t)
	strange, err := grant.NewIssuer(stranger, ours).Issue(t.Context(), must(grant.New("acme", []string{id}, grant.Extract, "r", w.now)))
	if err != nil {
		t.Fatal(err)
	}
	attacks := map[string]string{
		"another audience": elsewhere(grant.Parties{Issuer: ours.Issuer, Audience: "somebody"}),
		"another issuer":   elsewhere(grant.Parties{Issuer: "somebody", Audience: ours.Audience}),
		"another key":      strange.Reveal(),
		"empty":            "", "no JWT": "x", "unsigned": parts[0] + "." + parts[1] + ".",
		"alg none":    encode([]byte(`{"alg":"none","typ":"secret-access+jwt"}`)) + "." + parts[1] + ".",
		"wrong typ":   encode([]byte(`{"alg":"ES256","typ":"JWT"}`)) + "." + parts[1] + "." + parts[2],
		"changed":     string(flipped),
		"nearly 1 MB": strings.Repeat("a", 1<<20-200),
	}
	var first map[string]any
	for name, jwt := range attacks {
		status, fields := w.call("POST", "/credentials/open", opening(jwt, id))
		if status != 401 {
			t.Errorf("%s: %d %v", name, status, fields)
		}
		if first == nil {
			first = fields
		}
		if !reflect.DeepEqual(first, fields) {
			t.Errorf("%s is told apart: %v", name, fields)
		}
	}
	if status, _ := w.call("POST", "/credentials/open", opening(strings.Repeat("a", 1<<20), id)); status != 413 {
		t.Errorf("a body of over 1 MB: %d", status)
	}
	w.now = noon.Add(5*time.Minute + time.Second)
	if status, fields := w.call("POST", "/credentials/open", opening(good, id)); status != 401 || !reflect.DeepEqual(first, fields) {
		t.Errorf("expired: %d %v", status, fields)
	}
	if n := w.vault.opened.Load(); n != 0 {
		t.Errorf("decrypted %d times", n)
	}
	if n := w.kinds("acme")[ledger.CredentialOpened]; n != 0 {
		t.Errorf("%d entries of opens that were none", n)
	}
}

// "Not yours" and "not there" are the same.
func TestAnotherWorkspacesCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine, theirs := w.put("acme"), w.put("other")
	token := w.grant("acme", mine)
	const nobody = "6f1c9b1e-3f0a-4f5e-9f5b-0d9a4f1f6a11"
	_, want := w.call("POST", "/credentials/open", opening(token, nobody))
	for _, id := range []string{theirs, "x", "", strings.ToUpper(mine), "safekeep:credential/" + theirs, mine + "#", "v#" + mine + "#1"} {
		status, got := w.call("POST", "/credentials/open", opening(token, id))
		if status != 404 || !reflect.DeepEqual(want, got) {
			t.Errorf("%q: %d %v, want %v", id, status, got, want)
		}
	}
	// A grant that is signed rightly, of a workspace that does not have it.
	stolen, err := w.issuer.Issue(t.Context(), must(grant.New("other", []string{mine}, grant.Extract, "r", w.now)))
	if err != nil {
		t.Fatal(err)
	}
	if status, got := w.call("POST", "/credentials/open", opening(stolen.Reveal(), mine)); status != 404 || !reflect.DeepEqual(want, got) {
		t.Errorf("by another workspace's grant: %d %v", status, got)
	}
	if w.vault.opened.Load() != 0 {
		t.Error("something was decrypted")
	}
	w.need(200, "POST", "/credentials/open", opening(token, mine)) // none of that has used it up
}

// A row that is copied to another tenant, id or version does not open.
func TestSwappedRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mine, second, theirs := w.put("acme"), w.put("acme"), w.put("other")
	w.need(200, "PUT", "/workspaces/acme/credentials/"+second, `{"name":"x",`+postgres+`}`)
	sealed := func(workspace, id string) dynamo.Item {
		out, err := w.store.Client.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("Credentials"), Key: dynamo.Item{
			"workspace": dynamo.S(workspace), "credential": dynamo.S(id),
		}})
		if err != nil {
			t.Fatal(err)
		}
		return out.Item
	}
	for name, from := range map[string]dynamo.Item{
		"another tenant's": sealed("other", theirs), "another version's": sealed("acme", "v#"+second+"#1"), "another id's": sealed("acme", second),
	} {
		row := sealed("acme", mine)
		current := from["current"]
		if current == nil { // a replaced version is an item of its own
			current = &types.AttributeValueMemberM{Value: from}
		}
		row["current"] = current
		if _, err := w.store.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String("Credentials"), Item: row}); err != nil {
			t.Fatal(err)
		}
		status, fields := w.call("POST", "/credentials/open", opening(w.grant("acme", mine), mine))
		if status != 500 || fields["secret"] != nil {
			t.Errorf("%s row: %d %v", name, status, fields)
		}
	}
}

// A connector cannot put its opens down to somebody else.
func TestOpenNamesThePrincipal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put("acme")
	r := httptest.NewRequest("POST", "/credentials/open", strings.NewReader(opening(w.grant("acme", id), id)))
	r.Header.Set("X-Actor", "ann")
	answer := httptest.NewRecorder()
	w.connect.ServeHTTP(answer, r)
	entries, _, err := w.store.Ledger.List(t.Context(), "acme", "", 1)
	if err != nil || answer.Code != 200 || entries[0].Kind != ledger.CredentialOpened || entries[0].Actor == "ann" {
		t.Errorf("%d, %+v, %v", answer.Code, entries, err)
	}
}

// slow is a vault in which something happens between reading and using.
type slow struct {
	credential.Vault
	between func()
}

func (s *slow) Use(ctx context.Context, g grant.Grant, c credential.Credential, e ledger.Entry, now time.Time) error {
	if between := s.between; between != nil {
		s.between = nil
		between()
	}
	return s.Vault.Use(ctx, g, c, e, now)
}

// What is deleted or replaced while it is being opened is not opened any more,
// or in its new version.
func TestOpenWhileItChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vault := &slow{Vault: w.connector.Vault}
	w.connector.Vault = vault
	replaced, deleted := w.put("acme"), w.put("acme")
	vault.between = func() {
		w.need(200, "PUT", "/workspaces/acme/credentials/"+replaced, `{"name":"x",`+strings.Replace(postgres, password, "another one", 1)+`}`)
	}
	got := w.need(200, "POST", "/credentials/open", opening(w.grant("acme", replaced), replaced))
	if got["version"] != 2. || got["secret"].(map[string]any)["password"] != "another one" {
		t.Errorf("replaced meanwhile: %v", got)
	}
	vault.between = func() { w.need(204, "DELETE", "/workspaces/acme/credentials/"+deleted, "") }
	w.need(404, "POST", "/credentials/open", opening(w.grant("acme", deleted), deleted))
	if n := w.kinds("acme")[ledger.CredentialOpened]; n != 1 {
		t.Errorf("%d opens in the ledger", n)
	}
}

// A delete that was cut off is finished by the next one, and leaves no secret.
func TestDeleteLeavesNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put("acme")
	for range 3 {
		w.need(200, "PUT", "/workspaces/acme/credentials/"+id, `{"name":"x",`+postgres+`}`)
	}
	c, err := w.store.Get(t.Context(), "acme", id)
	if err != nil {
		t.Fatal(err)
	}
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.store.Delete(cut, c, "test", w.now); err == nil {
		t.Fatal("a delete without time went through")
	}
	if err := w.store.Delete(t.Context(), c, "test", w.now); err != nil {
		t.Fatal(err)
	}
	out, err := w.store.Client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String("Credentials")})
	if err != nil || len(out.Items) != 1 || out.Items[0]["current"] != nil || out.Items[0]["pending"] != nil {
		t.Errorf("left: %v, %v", out.Items, err)
	}
	tombstone := c
	tombstone.DeletedAt = w.now
	if err := w.store.Delete(cut, tombstone, "test", w.now); err == nil || errors.Is(err, credential.ErrNotFound) {
		t.Errorf("a tombstone whose versions could not be deleted: %v", err)
	}
	if err := w.store.Delete(t.Context(), tombstone, "test", w.now); !errors.Is(err, credential.ErrNotFound) {
		t.Errorf("a tombstone without versions: %v", err)
	}
}

// A workspace that has ended grants and stores nothing; what is left can be
// listed and deleted.
func TestEndedWorkspace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put("acme")
	if err := w.places.End(t.Context(), "acme", "test", w.now); err != nil {
		t.Fatal(err)
	}
	path := "/workspaces/acme/credentials"
	w.need(404, "POST", "/workspaces/acme/grants", `{"credentials":["`+id+`"],"purpose":"extract","run":"r"}`)
	w.need(404, "POST", path, `{"warehouse":"postgres","name":"x",`+postgres+`}`)
	w.need(404, "PUT", path+"/"+id, `{"name":"x",`+postgres+`}`)
	w.need(404, "GET", path+"/"+id, "")
	if list := w.need(200, "GET", path, ""); len(list["credentials"].([]any)) != 1 {
		t.Errorf("listed: %v", list)
	}
	w.need(204, "DELETE", path+"/"+id, "")
}

func TestAGrantOpensOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := w.put("acme"), w.put("acme")
	grant := w.grant("acme", one, two)
	var all sync.WaitGroup
	var won, used atomic.Int64
	for range 100 {
		all.Go(func() {
			answer := httptest.NewRecorder()
			w.connect.ServeHTTP(answer, httptest.NewRequest("POST", "/credentials/open", strings.NewReader(opening(grant, one))))
			switch answer.Code {
			case 200:
				won.Add(1)
			case 409:
				used.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || used.Load() != 99 || w.vault.opened.Load() != 1 {
		t.Errorf("%d opened, %d refused, %d decrypted", won.Load(), used.Load(), w.vault.opened.Load())
	}
	w.need(200, "POST", "/credentials/open", opening(grant, two)) // once for each credential
	if n := w.kinds("acme")[ledger.CredentialOpened]; n != 2 {
		t.Errorf("%d entries", n)
	}
}

// When the key service is down after the open was noted, the grant stays used.
func TestVaultDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put("acme")
	grant := w.grant("acme", id)
	w.vault.down.Store(true)
	status, fields := w.call("POST", "/credentials/open", opening(grant, id))
	if status != 503 || !strings.Contains(fields["detail"].(string), "grant is used up") {
		t.Errorf("%d %v", status, fields)
	}
	if n := w.kinds("acme")[ledger.CredentialOpened]; n != 1 {
		t.Errorf("%d entries", n)
	}
	if status, _ := w.call("POST", "/workspaces/acme/credentials", `{"warehouse":"postgres","name":"x",`+postgres+`}`); status != 503 {
		t.Errorf("storing meanwhile: %d", status)
	}
	w.vault.down.Store(false)
	w.need(409, "POST", "/credentials/open", opening(grant, id))
	w.signer.down.Store(true)
	list, _ := json.Marshal([]string{id})
	if status, _ := w.call("POST", "/workspaces/acme/grants", `{"credentials":`+string(list)+`,"purpose":"extract","run":"r"}`); status != 503 {
		t.Errorf("a grant without its key: %d", status)
	}
}
