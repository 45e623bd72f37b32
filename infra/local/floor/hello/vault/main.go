// The floor of a cold start of the functions that hold credentials: connect,
// credentials and rotate. It makes the same SDK clients and starts the same
// encryption library, in the same way, and gives one fixed answer or, where the
// real function has no HTTP answer to give, its error. `make bench` tells it what
// the real function answers to its first event, and times both.
package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"time"

	mpl "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygenerated"
	mpltypes "github.com/aws/aws-cryptographic-material-providers-library/releases/go/mpl/awscryptographymaterialproviderssmithygeneratedtypes"
	esdk "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygenerated"
	esdktypes "github.com/aws/aws-encryption-sdk/releases/go/encryption-sdk/awscryptographyencryptionsdksmithygeneratedtypes"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/go-jose/go-jose/v4"
)

// As in the real functions, where a call needs them.
var (
	tables    *dynamodb.Client
	keys      *kms.Client
	library   *esdk.Client
	materials mpltypes.ICryptographicMaterialsManager
)

var (
	status, _ = strconv.Atoi(os.Getenv("HELLO_STATUS"))
	body      = os.Getenv("HELLO_BODY")
)

func main() {
	ctx := context.Background()
	cfg := must(config.LoadDefaultConfig(ctx))
	tables = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(3 * time.Second).WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 32 })
	})
	keys = kms.NewFromConfig(cfg)
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

func handle(ctx context.Context, event events.LambdaFunctionURLRequest) (events.LambdaFunctionURLResponse, error) {
	if event.Body != "" {
		// Never so in the bench. It keeps the calls that both make in the program,
		// so that both load about the same code.
		if err := all(ctx, event.Body); err != nil {
			return events.LambdaFunctionURLResponse{}, err
		}
	}
	if status == 0 {
		return events.LambdaFunctionURLResponse{}, errors.New(body)
	}
	return events.LambdaFunctionURLResponse{
		StatusCode: status,
		Headers:    map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store"},
		Body:       body,
	}, nil
}

func all(ctx context.Context, text string) error {
	if _, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.ES256}); err != nil {
		return err
	}
	if _, err := keys.GetPublicKey(ctx, &kms.GetPublicKeyInput{}); err != nil {
		return err
	}
	if _, err := tables.GetItem(ctx, &dynamodb.GetItemInput{}); err != nil {
		return err
	}
	if _, err := tables.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{}); err != nil {
		return err
	}
	if _, err := library.Encrypt(ctx, esdktypes.EncryptInput{Plaintext: []byte(text), MaterialsManager: materials}); err != nil {
		return err
	}
	_, err := library.Decrypt(ctx, esdktypes.DecryptInput{Ciphertext: []byte(text), MaterialsManager: materials})
	return err
}
