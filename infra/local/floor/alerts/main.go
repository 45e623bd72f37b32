// The floor of a leaked-token report: what function alerts would cost if it did
// nothing but the work that cannot be avoided. `make bench` runs it beside the
// real one, under the same host and on the same engine.
//
// It makes the same calls on the same items by the same libraries, so both
// leave the same tables behind. What it has not: routes, problems, metrics, a
// key cache, lenient parsing, policies, sightings, retries after a conflict.
// Nothing in it is meant to be pretty, general or safe to deploy.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// As many at once as the real function does: more would be another design, and
// not less overhead.
const (
	readsAtOnce  = 8
	writesAtOnce = 16
	readSize     = 100 // keys in one BatchGetItem, the most there may be
)

// An item as the SDK has it; it is never turned into a struct here.
type item = map[string]types.AttributeValue

// The settings are the template's, as the real function gets them.
var (
	client     *dynamodb.Client
	keys       = map[string]*ecdsa.PublicKey{}
	tokens     = os.Getenv("TOKENS_TABLE")
	workspaces = os.Getenv("WORKSPACES_TABLE")
	ledger     = os.Getenv("LEDGER_TABLE")
	tombstone  = days(os.Getenv("TOMBSTONE_DAYS"))
	retention  = days(os.Getenv("LEDGER_DAYS"))
)

// days reads a number of days.
func days(text string) time.Duration {
	n, _ := strconv.Atoi(text) // the template gives a number
	return time.Duration(n) * 24 * time.Hour
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	// The options of the real client, as they decide how connections are kept.
	client = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(3 * time.Second).WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 32 })
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = 8
			r.RateLimiter = ratelimit.None
		})
	})
	if err := fetchKeys(os.Getenv("GITHUB_KEYS_URL")); err != nil {
		panic(err)
	}
	lambda.Start(handle)
}

// fetchKeys fetches the host's keys once and for all. That is before the first
// report, so it is in no figure.
func fetchKeys(address string) error {
	answer, err := http.Get(address)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var document struct {
		PublicKeys []struct {
			ID  string `json:"key_identifier"`
			Key string `json:"key"`
		} `json:"public_keys"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&document); err != nil {
		return err
	}
	for _, k := range document.PublicKeys {
		block, _ := pem.Decode([]byte(k.Key))
		if block == nil {
			return fmt.Errorf("key %s is not PEM", k.ID)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return err
		}
		keys[k.ID] = key.(*ecdsa.PublicKey)
	}
	return nil
}

// finding is one element of a report, in one plain pass: encoding/json finds the
// lower-case names by itself.
type finding struct{ Token, Type, URL, Source string }

// verdict is one element of the feedback that GitHub asks for.
type verdict struct {
	TokenHash string `json:"token_hash"`
	TokenType string `json:"token_type"`
	Label     string `json:"label"`
}

// handle takes one report.
func handle(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	now := time.Now().UTC()
	// A Function URL hands JSON over as text, but does not promise to.
	body := []byte(event.Body)
	if event.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(event.Body); err != nil {
			return events.LambdaFunctionURLResponse{StatusCode: 400}, nil
		}
	}
	signature, err := base64.StdEncoding.DecodeString(event.Headers["github-public-key-signature"])
	key := keys[event.Headers["github-public-key-identifier"]]
	sum := sha256.Sum256(body) // signed, and the report's name in the ledger
	if err != nil || key == nil || !ecdsa.VerifyASN1(key, sum[:], signature) {
		return events.LambdaFunctionURLResponse{StatusCode: 401}, nil
	}
	var findings []finding
	if err := json.Unmarshal(body, &findings); err != nil {
		return events.LambdaFunctionURLResponse{StatusCode: 400}, nil
	}

	// A token is stored under the hash that the answer names it by.
	verdicts := make([]verdict, len(findings))
	wanted := make([]item, len(findings))
	for i, f := range findings {
		hash := sha256.Sum256([]byte(f.Token))
		verdicts[i] = verdict{hex.EncodeToString(hash[:]), f.Type, "false_positive"}
		wanted[i] = item{"hash": s(verdicts[i].TokenHash)}
	}
	found, err := read(ctx, wanted)
	if err != nil {
		return events.LambdaFunctionURLResponse{}, err
	}
	size := map[string]int{} // tokens of a workspace in this report
	for _, t := range found {
		size[text(t, "workspace")]++
	}
	revokes, err := policies(ctx, size)
	if err != nil {
		return events.LambdaFunctionURLResponse{}, err
	}

	// One transaction a token: DynamoDB has none over thousands, and one token must
	// not wait for another's trouble.
	var all sync.WaitGroup
	permits := make(chan struct{}, writesAtOnce)
	errs := make([]error, len(findings))
	report := hex.EncodeToString(sum[:16])
	for i := range findings {
		t := found[verdicts[i].TokenHash]
		if t == nil {
			continue
		}
		verdicts[i].Label = "true_positive"
		workspace := text(t, "workspace")
		if text(t, "status") != "active" || !revokes[workspace] {
			continue // the bench reports active tokens only
		}
		permits <- struct{}{}
		all.Go(func() {
			errs[i] = revoke(ctx, t, findings[i], now, report, size[workspace])
			<-permits
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
	}
	answer, err := json.Marshal(verdicts)
	return events.LambdaFunctionURLResponse{
		StatusCode: 200, Headers: map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"}, Body: string(answer),
	}, err
}

// read gets the tokens by hash, consistently: a token issued a moment ago may be
// in the report.
func read(ctx context.Context, wanted []item) (map[string]item, error) {
	var all sync.WaitGroup
	permits := make(chan struct{}, readsAtOnce)
	found := make([][]item, (len(wanted)+readSize-1)/readSize)
	errs := make([]error, len(found))
	for n := range found {
		part := wanted[n*readSize : min((n+1)*readSize, len(wanted))]
		permits <- struct{}{}
		all.Go(func() {
			found[n], errs[n] = get(ctx, tokens, part)
			<-permits
		})
	}
	all.Wait()
	byHash := make(map[string]item, len(wanted))
	for n, items := range found {
		if errs[n] != nil {
			return nil, errs[n]
		}
		for _, t := range items {
			byHash[text(t, "hash")] = t
		}
	}
	return byHash, nil
}

// policies says which workspaces want their leaked tokens revoked.
func policies(ctx context.Context, size map[string]int) (map[string]bool, error) {
	wanted := make([]item, 0, len(size))
	for w := range size {
		wanted = append(wanted, item{"workspace": s(w), "item": s("workspace")})
	}
	settings, err := get(ctx, workspaces, wanted)
	revokes := make(map[string]bool, len(settings))
	for _, w := range settings {
		auto, _ := w["auto_revoke"].(*types.AttributeValueMemberBOOL)
		revokes[text(w, "workspace")] = auto != nil && auto.Value
	}
	return revokes, err
}

// get is one BatchGetItem, which all of its keys must come back from: the engine
// here never throttles.
func get(ctx context.Context, table string, wanted []item) ([]item, error) {
	out, err := client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
		RequestItems: map[string]types.KeysAndAttributes{table: {Keys: wanted, ConsistentRead: aws.Bool(true)}},
	})
	if err != nil {
		return nil, err
	}
	if len(out.UnprocessedKeys) > 0 {
		return nil, fmt.Errorf("%s: keys were left unprocessed", table)
	}
	return out.Responses[table], nil
}

// exposed is the detail of the entry that a mail is made from.
type exposed struct {
	Name      string `json:"name"`
	Hint      string `json:"hint"`
	CreatedBy string `json:"created_by"`
	CreatedAt string `json:"created_at"`
	Host      string `json:"host"`
	Source    string `json:"source"`
	URL       string `json:"url"`
	Outcome   string `json:"outcome"`
}

// revoked is the detail of the other one.
type revoked struct {
	Name   string `json:"name"`
	Hint   string `json:"hint"`
	Reason string `json:"reason"`
}

// revoke ends one token and tells the ledger, in one transaction: the token if
// nobody changed it since it was read, the entry that owes a mail, and the one
// that only tells. The expression is the real one's, names and all, because the
// engine has to parse it.
func revoke(ctx context.Context, t item, f finding, now time.Time, report string, size int) error {
	version, _ := strconv.ParseInt(t["version"].(*types.AttributeValueMemberN).Value, 10, 64)
	at := s(now.Format(time.RFC3339Nano))
	place := sha256.Sum256([]byte(f.URL))
	opened, err := json.Marshal(exposed{
		text(t, "name"), text(t, "hint"), text(t, "created_by"), text(t, "created_at"), "github", f.Source, f.URL, "revoked",
	})
	if err != nil {
		return err
	}
	closed, err := json.Marshal(revoked{text(t, "name"), text(t, "hint"), "leaked"})
	if err != nil {
		return err
	}
	purge := n(now.Add(retention).Unix())
	_, err = client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		{Update: &types.Update{
			TableName: &tokens, Key: item{"hash": t["hash"]},
			UpdateExpression: aws.String("SET #exposed_at = :exposed_at, #exposed_by = :exposed_by, #status = :status, #revoked_at = :revoked_at, " +
				"#revoked_reason = :revoked_reason, #purge_at = :purge_at, #version = :next ADD #places :places"),
			ConditionExpression: aws.String("#version = :version"),
			ExpressionAttributeNames: map[string]string{
				"#exposed_at": "exposed_at", "#exposed_by": "exposed_by", "#status": "status", "#revoked_at": "revoked_at",
				"#revoked_reason": "revoked_reason", "#purge_at": "purge_at", "#version": "version", "#places": "places",
			},
			ExpressionAttributeValues: item{
				":exposed_at": at, ":exposed_by": s(report), ":status": s("revoked"), ":revoked_at": at, ":revoked_reason": s("leaked"),
				":purge_at": n(now.Add(tombstone).Unix()), ":version": n(version), ":next": n(version + 2),
				":places": &types.AttributeValueMemberSS{Value: []string{hex.EncodeToString(place[:8])}},
			},
		}},
		{Put: &types.Put{TableName: &ledger, ConditionExpression: aws.String("attribute_not_exists(seq)"), Item: item{
			"workspace": t["workspace"], "seq": s(seq(now)), "at": at, "kind": s("token.exposed"), "actor": s("github"),
			"subject": t["id"], "detail": s(string(opened)), "version": n(version + 1),
			"owes": s(fmt.Sprintf("%02d", mathrand.N(16))), "mail": &types.AttributeValueMemberM{Value: item{}},
			"report": s(report), "report_size": n(int64(size)), "purge_at": purge,
		}}},
		{Put: &types.Put{TableName: &ledger, ConditionExpression: aws.String("attribute_not_exists(seq)"), Item: item{
			"workspace": t["workspace"], "seq": s(seq(now)), "at": at, "kind": s("token.revoked"), "actor": s("safekeep"),
			"subject": t["id"], "detail": s(string(closed)), "version": n(version + 2), "purge_at": purge,
		}}},
	}})
	return err
}

// seq is a ULID: 48 bits of time and 80 of chance in Crockford's base 32.
func seq(now time.Time) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [26]byte
	ms := now.UnixMilli()
	for i := 9; i >= 0; i-- {
		b[i] = digits[ms&31]
		ms >>= 5
	}
	_, _ = rand.Read(b[10:]) // cannot fail
	for i := 10; i < len(b); i++ {
		b[i] = digits[b[i]&31]
	}
	return string(b[:])
}

func s(text string) types.AttributeValue { return &types.AttributeValueMemberS{Value: text} }

func n(number int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(number, 10)}
}

func text(from item, name string) string {
	value, _ := from[name].(*types.AttributeValueMemberS)
	if value == nil {
		return ""
	}
	return value.Value
}
