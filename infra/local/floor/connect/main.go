// The floor of opening a credential: the grant's signature, the transaction that
// uses it up and tells the ledger, one GetItem, and one Decrypt by the same
// library; and of a session, the bare login beside it. Nothing is checked that the
// measured calls could not fail.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"time"

	mpl "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygenerated"
	mpltypes "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygeneratedtypes"
	esdk "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygenerated"
	esdktypes "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygeneratedtypes"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/go-jose/go-jose/v4"
	"github.com/oklog/ulid/v2"
)

var (
	tables    *dynamodb.Client
	public    *ecdsa.PublicKey
	library   *esdk.Client
	materials mpltypes.ICryptographicMaterialsManager
)

func main() {
	ctx := context.Background()
	cfg := must(config.LoadDefaultConfig(ctx))
	tables = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.DisableValidateResponseChecksum = true
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(3 * time.Second).WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 32 })
	})
	keys := kms.NewFromConfig(cfg)
	answer := must(keys.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: aws.String(os.Getenv("GRANT_KEY"))}))
	public = must(x509.ParsePKIXPublicKey(answer.PublicKey)).(*ecdsa.PublicKey)
	policy := mpltypes.ESDKCommitmentPolicyRequireEncryptRequireDecrypt
	library = must(esdk.NewClient(esdktypes.AwsEncryptionSdkConfig{CommitmentPolicy: &policy}))
	providers := must(mpl.NewClient(mpltypes.MaterialProvidersConfig{}))
	keyring := must(providers.CreateAwsKmsKeyring(ctx, mpltypes.CreateAwsKmsKeyringInput{KmsClient: keys, KmsKeyId: os.Getenv("VAULT_KEY")}))
	plain := must(providers.CreateDefaultCryptographicMaterialsManager(ctx, mpltypes.CreateDefaultCryptographicMaterialsManagerInput{Keyring: keyring}))
	materials = must(providers.CreateRequiredEncryptionContextCMM(ctx, mpltypes.CreateRequiredEncryptionContextCMMInput{
		UnderlyingCMM: plain, RequiredEncryptionContextKeys: []string{"workspace", "credential", "version", "kind"},
	}))
	lambda.Start(handle)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func handle(ctx context.Context, event events.LambdaFunctionURLRequest) (none events.LambdaFunctionURLResponse, err error) {
	var q struct{ Grant, Credential string }
	if err := json.Unmarshal([]byte(event.Body), &q); err != nil {
		return none, err
	}
	signed, err := jose.ParseSignedCompact(q.Grant, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return none, err
	}
	payload, err := signed.Verify(public)
	if err != nil {
		return none, err
	}
	var grant struct {
		ID        string `json:"jti"`
		Workspace string `json:"workspace"`
		Purpose   string `json:"purpose"`
		Run       string `json:"run"`
	}
	if err := json.Unmarshal(payload, &grant); err != nil {
		return none, err
	}
	out, err := tables.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(os.Getenv("CREDENTIALS_TABLE")), ConsistentRead: aws.Bool(true),
		Key: map[string]types.AttributeValue{"workspace": text(grant.Workspace), "credential": text(q.Credential)},
	})
	if err != nil {
		return none, err
	}
	now := time.Now().UTC()
	detail, err := json.Marshal(map[string]any{"purpose": grant.Purpose, "run": grant.Run, "grant": grant.ID, "version": 1, "name": "main", "warehouse": "snowflake"})
	if err != nil {
		return none, err
	}
	_, err = tables.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: []types.TransactWriteItem{
		put("EPHEMERA_TABLE", "attribute_not_exists(#k)", map[string]string{"#k": "key"}, map[string]types.AttributeValue{
			"key": text("grant#" + grant.ID + "#" + q.Credential), "at": text(now.Format(time.RFC3339Nano)),
		}),
		put("LEDGER_TABLE", "attribute_not_exists(seq)", nil, map[string]types.AttributeValue{
			"workspace": text(grant.Workspace), "seq": text(ulid.Make().String()), "at": text(now.Format(time.RFC3339Nano)),
			"kind": text("credential.opened"), "actor": text("bench"), "subject": text(q.Credential), "detail": text(string(detail)),
		}),
	}})
	if err != nil {
		return none, err
	}
	current := out.Item["current"].(*types.AttributeValueMemberM).Value
	opened, err := library.Decrypt(ctx, esdktypes.DecryptInput{
		Ciphertext: current["sealed"].(*types.AttributeValueMemberB).Value[1:], MaterialsManager: materials,
		EncryptionContext: map[string]string{"workspace": grant.Workspace, "credential": q.Credential, "version": "1", "kind": "warehouse-credential"},
	})
	if err != nil {
		return none, err
	}
	if event.RawPath == "/credentials/session" {
		return login(ctx, opened.Plaintext)
	}
	body, err := json.Marshal(map[string]any{
		"warehouse": "snowflake", "version": 1,
		"settings": json.RawMessage(current["settings"].(*types.AttributeValueMemberS).Value), "secret": json.RawMessage(opened.Plaintext),
	})
	return events.LambdaFunctionURLResponse{
		StatusCode: http.StatusOK, Body: string(body),
		Headers: map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"},
	}, err
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func put(table, condition string, names map[string]string, item map[string]types.AttributeValue) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: aws.String(os.Getenv(table)), Item: item, ConditionExpression: &condition, ExpressionAttributeNames: names,
	}}
}
