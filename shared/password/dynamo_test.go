package password_test

import (
	"bytes"
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/shared/dynamo"
	"safekeep/shared/dynamo/dynamotest"
	"safekeep/shared/ledger"
	"safekeep/shared/password"
	"safekeep/shared/password/pwnedtest"
	"safekeep/shared/workspace"
)

// shelved is a corpus over a real table, with its own memory and clock.
type shelved struct {
	client *dynamodb.Client
	shelf  *password.EphemeraShelf
	double *pwnedtest.Double
	now    time.Time
}

func newShelved(t *testing.T) *shelved {
	t.Helper()
	client := dynamotest.New(t)
	return &shelved{client: client, shelf: &password.EphemeraShelf{Client: client, Table: dynamotest.Ephemera}, double: pwnedtest.New(), now: noon}
}

// instance is a new one of the function, which remembers nothing.
func (s *shelved) instance(url string) *password.Corpus {
	return password.NewCorpus(password.Corpus{
		URL: url, Transport: inProcess{s.double}, Shelf: patient{s.shelf}, Now: func() time.Time { return s.now },
	})
}

// patient gives the table the time that a loaded machine takes.
type patient struct{ password.Shelf }

func (p patient) Load(ctx context.Context, prefix string) (*password.Range, error) {
	return p.Shelf.Load(context.WithoutCancel(ctx), prefix)
}

func (p patient) Store(ctx context.Context, prefix string, r *password.Range) error {
	return p.Shelf.Store(context.WithoutCancel(ctx), prefix, r)
}

func (s *shelved) item(t *testing.T, key string) dynamo.Item {
	t.Helper()
	out, err := s.client.GetItem(t.Context(), &dynamodb.GetItemInput{
		TableName: aws.String(dynamotest.Ephemera), Key: dynamo.Item{"key": dynamo.S(key)}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Item
}

func TestShelf(t *testing.T) {
	t.Parallel()
	s := newShelved(t)
	const here, elsewhere = "https://pwned.example", "https://mirror.example"
	for _, step := range []struct {
		what     string
		url      string
		later    time.Duration
		requests int // so far
	}{
		{"the first instance asks", here, 0, 1},
		{"another reads what it found", here, 0, 1},
		{"also hours later", here, 23 * time.Hour, 1},
		{"not on the next day, even if the item is still there", here, 2 * time.Hour, 2},
		{"what was fetched again is shared again", here, 0, 2},
		{"another source is another truth", elsewhere, 0, 3},
		{"what a clock in the future left is not believed", elsewhere, -2 * time.Hour, 4},
	} {
		s.now = s.now.Add(step.later)
		count, err := s.instance(step.url).Count(t.Context(), password.NewSecret("password"))
		if err != nil || count != 52_256_179 {
			t.Errorf("%s: %d, %v", step.what, count, err)
		}
		if got := len(s.double.Requests()); got != step.requests {
			t.Errorf("%s: %d requests so far, want %d", step.what, got, step.requests)
		}
	}
}

// TestWhatIsShelved: the rows that count, packed, and nothing else.
func TestWhatIsShelved(t *testing.T) {
	t.Parallel()
	s := newShelved(t)
	s.double.Know("password", 3)
	if _, err := s.instance("https://pwned.example").Count(t.Context(), password.NewSecret("password")); err != nil {
		t.Fatal(err)
	}
	item := s.item(t, "pwned#5BAA6")
	rows, ok := item["rows"].(*types.AttributeValueMemberB)
	// 701 rows, each with a count that takes one byte; no padding.
	if !ok || len(rows.Value) != 701*19 || len(item) != 5 {
		t.Fatalf("%d attributes, %d bytes", len(item), len(rows.Value))
	}
	if got, want := dynamo.Number(item, "expires_at"), noon.Add(24*time.Hour).Unix(); got != want {
		t.Errorf("expires at %d, want %d", got, want)
	}
	if !dynamo.TimeOf(item, "fetched_at").Equal(noon) || dynamo.Text(item, "source") != "https://pwned.example" {
		t.Errorf("%v %v", item["fetched_at"], item["source"])
	}
}

// TestLargestRange: what is just accepted fits into one item.
func TestLargestRange(t *testing.T) {
	t.Parallel()
	s := newShelved(t)
	rows := bytes.Repeat([]byte("0123456789ABCDEF0123456789ABCDEF012\n"), 512<<10/36)
	corpus := password.NewCorpus(password.Corpus{
		URL: "https://pwned.example", Transport: inProcess{fixed(rows)}, Shelf: patient{s.shelf}, Now: func() time.Time { return noon },
	})
	if _, err := corpus.Count(t.Context(), password.NewSecret("password")); err != nil {
		t.Fatal(err)
	}
	packed, ok := s.item(t, "pwned#5BAA6")["rows"].(*types.AttributeValueMemberB)
	if !ok || len(packed.Value) != 512<<10/36*19 || len(packed.Value) > 390_000 {
		t.Errorf("%d bytes are shared", len(packed.Value))
	}
}

// TestSpoiledItem: what is no range is not read as one in which nothing stands.
func TestSpoiledItem(t *testing.T) {
	t.Parallel()
	s := newShelved(t)
	good := strings.Repeat("\x00", 18) + "\x01"
	for i, rows := range []string{"\x01", good + "\x02", good + strings.Repeat("\x00", 18) + "\xff"} {
		item := dynamo.Item{
			"key": dynamo.S("pwned#5BAA6"), "rows": &types.AttributeValueMemberB{Value: []byte(rows)},
			"source": dynamo.S("https://pwned.example"), "fetched_at": dynamo.Time(noon),
		}
		if _, err := s.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: aws.String(dynamotest.Ephemera), Item: item}); err != nil {
			t.Fatal(err)
		}
		if count, err := s.instance("https://pwned.example").Count(t.Context(), password.NewSecret("password")); err != nil || count == 0 {
			t.Errorf("spoiled item %d: %d, %v", i, count, err)
		}
	}
}

// TestNoTable: without the table the API answers.
func TestNoTable(t *testing.T) {
	t.Parallel()
	s := newShelved(t)
	s.shelf.Table = "Nowhere"
	if count, err := s.instance("https://pwned.example").Count(t.Context(), password.NewSecret("password")); err != nil || count == 0 {
		t.Errorf("%d, %v", count, err)
	}
}

// TestNothingOfAPasswordIsStored looks at every item after many questions.
func TestNothingOfAPasswordIsStored(t *testing.T) {
	t.Parallel()
	s := newShelved(t)
	w := newWorld()
	w.service.Breaches = s.instance("https://pwned.example")
	for i := range 20 {
		w.ask(t, map[string]any{
			"password": "marker-" + strconv.Itoa(i), "event": "signup", "subject": "somebody", "user_inputs": []string{"somebody"},
		})
	}
	out, err := s.client.Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(dynamotest.Ephemera)})
	if err != nil || len(out.Items) != 20 {
		t.Fatalf("%d items, %v", len(out.Items), err)
	}
	key := regexp.MustCompile(`^pwned#[0-9A-F]{5}$`)
	for _, item := range out.Items {
		if !key.MatchString(dynamo.Text(item, "key")) || len(item) != 5 {
			t.Errorf("%v with %d attributes", item["key"], len(item))
		}
	}
}

// TestPolicyOfAWorkspace reads what a workspace chose through its own calls.
func TestPolicyOfAWorkspace(t *testing.T) {
	t.Parallel()
	client := dynamotest.New(t)
	store := &workspace.Store{
		Client: client, Table: dynamotest.Workspaces, Ledger: &ledger.Store{Client: client, Table: dynamotest.Ledger},
	}
	w := newWorld()
	w.service.Directory = store
	w.double.Know(goodBreached, 2)
	for _, c := range []struct {
		chosen  workspace.Workspace
		length  int
		verdict password.Verdict
	}{
		{workspace.Workspace{Name: "Acme"}, 15, password.Warn},
		{workspace.Workspace{Name: "Acme", RequireMFA: true}, 8, password.Warn},
		{workspace.Workspace{Name: "Acme", BlockBreached: true}, 15, password.Block},
		{workspace.Workspace{Name: "Acme"}, 15, password.Warn}, // a PUT replaces
	} {
		c.chosen.ID = "acme"
		if _, err := store.Put(t.Context(), c.chosen, "zoe", noon); err != nil {
			t.Fatal(err)
		}
		a := w.ask(t, map[string]any{"password": goodBreached, "event": "change", "workspace": "acme"})
		if a.MinLength != c.length || a.Verdict != c.verdict {
			t.Errorf("%+v: %+v", c.chosen, a)
		}
	}
	if status, body := w.call(`{"password":"p","event":"change","workspace":"a/b"}`); status != 404 {
		t.Errorf("%d %s", status, body)
	}
}
