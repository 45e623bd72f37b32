// The floor of verifying a code of an authenticator app: one read of the account,
// one conditional write that counts the try, one Decrypt, and one conditional
// write of the step. Nothing is checked that the measured calls could not fail.
// Its other call puts an enrolled account there to be verified.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // as RFC 6238 has it
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

var (
	tables *dynamodb.Client
	keys   *kms.Client
	table  = aws.String(os.Getenv("ACCOUNTS_TABLE"))
	key    = aws.String(os.Getenv("FACTOR_KEY"))
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	tables = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.DisableValidateResponseChecksum = true
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(3 * time.Second).WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 32 })
	})
	keys = kms.NewFromConfig(cfg)
	lambda.Start(handle)
}

func handle(ctx context.Context, event events.LambdaFunctionURLRequest) (none events.LambdaFunctionURLResponse, err error) {
	user := strings.Split(event.RawPath, "/")[2]
	answer := any(nil)
	if strings.HasSuffix(event.RawPath, "/verify") {
		answer, err = verify(ctx, user, event.Body)
	} else {
		answer, err = enrol(ctx, user)
	}
	if err != nil {
		return none, err
	}
	body, err := json.Marshal(answer)
	return events.LambdaFunctionURLResponse{
		StatusCode: http.StatusOK, Body: string(body),
		Headers: map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"},
	}, err
}

func verify(ctx context.Context, user, body string) (any, error) {
	var q struct{ Code string }
	if err := json.Unmarshal([]byte(body), &q); err != nil {
		return nil, err
	}
	account, err := tables.Query(ctx, &dynamodb.QueryInput{
		TableName: table, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("#u = :u"),
		ExpressionAttributeNames: map[string]string{"#u": "user"}, ExpressionAttributeValues: map[string]types.AttributeValue{":u": text(user)},
	})
	if err != nil {
		return nil, err
	}
	var sealed []byte
	for _, item := range account.Items {
		if b, ok := item["sealed"].(*types.AttributeValueMemberB); ok {
			sealed = b.Value
		}
	}
	now := time.Now().UTC()
	if err := update(ctx, user, "SET tries = tries + :one, streak = streak + :one, tried_at = :at", "tries < :most", map[string]types.AttributeValue{
		":one": number(1), ":most": number(5), ":at": text(now.Format(time.RFC3339Nano)),
	}); err != nil {
		return nil, err
	}
	opened, err := keys.Decrypt(ctx, &kms.DecryptInput{KeyId: key, CiphertextBlob: sealed, EncryptionContext: bound(user)})
	if err != nil {
		return nil, err
	}
	step, ok := int64(0), false
	for s := now.Unix()/30 - 1; s <= now.Unix()/30+1; s++ {
		if codeOf(opened.Plaintext, s) == q.Code {
			step, ok = s, true
		}
	}
	if !ok {
		return nil, errors.New("a wrong code")
	}
	proof := rand.Text()
	err = update(ctx, user, "SET last_step = :step, tries = :none, streak = :none, proof = :proof, used_at = :at", "last_step < :step", map[string]types.AttributeValue{
		":step": number(step), ":none": number(0), ":proof": text(proof), ":at": text(now.Format(time.RFC3339Nano)),
	})
	return map[string]any{"ok": true, "proof": proof, "proof_expires_at": now.Add(5 * time.Minute), "recovery_codes_left": 10}, err
}

// enrol puts an account there, of an item for each thing that a real one has.
func enrol(ctx context.Context, user string) (any, error) {
	seed := make([]byte, 20)
	if _, err := rand.Read(seed); err != nil {
		return nil, err
	}
	sealed, err := keys.Encrypt(ctx, &kms.EncryptInput{KeyId: key, Plaintext: seed, EncryptionContext: bound(user)})
	if err != nil {
		return nil, err
	}
	codes := map[string]types.AttributeValue{}
	for i := range 10 {
		codes[fmt.Sprint("code", i)] = &types.AttributeValueMemberB{Value: make([]byte, 48)}
	}
	for item, attributes := range map[string]map[string]types.AttributeValue{
		"profile":     {"email": text("bench@acme.example"), "last_step": number(0), "tries": number(0), "streak": number(0)},
		"factor#totp": {"sealed": &types.AttributeValueMemberB{Value: sealed.CiphertextBlob}, "hint": text("bench@acme.example")},
		"recovery":    {"codes": &types.AttributeValueMemberM{Value: codes}},
	} {
		attributes["user"], attributes["item"] = text(user), text(item)
		if _, err := tables.PutItem(ctx, &dynamodb.PutItemInput{TableName: table, Item: attributes}); err != nil {
			return nil, err
		}
	}
	return map[string]string{"secret": base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(seed)}, nil
}

func update(ctx context.Context, user, what, when string, values map[string]types.AttributeValue) error {
	_, err := tables.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: table, Key: map[string]types.AttributeValue{"user": text(user), "item": text("profile")},
		UpdateExpression: &what, ConditionExpression: &when, ExpressionAttributeValues: values,
	})
	return err
}

func codeOf(seed []byte, step int64) string {
	mac := hmac.New(sha1.New, seed)
	_ = binary.Write(mac, binary.BigEndian, step)
	sum := mac.Sum(nil)
	at := sum[19] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff)%1_000_000)
}

func bound(user string) map[string]string { return map[string]string{"user": user, "purpose": "totp"} }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}
