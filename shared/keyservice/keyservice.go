// Package keyservice is how every room reaches KMS: one client with tight time
// limits. It stands apart from the rooms that seal, because only one of them comes
// with the Encryption SDK, and that makes a cold start slower.
package keyservice

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// The limits of one call. KMS answers in some 10 ms; three tries of 2 s and
// their pauses end well before the 15 s that connect has.
const (
	tryTimeout  = 2 * time.Second
	maxAttempts = 3
	maxBackoff  = 500 * time.Millisecond
)

// NewClient returns a client that gives up on a single try after 2 s and tries up
// to 3 times with jitter.
func NewClient(cfg aws.Config) *kms.Client {
	return kms.NewFromConfig(cfg, func(o *kms.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(tryTimeout)
		// The SDK knows which errors are worth another try: throttling and failures
		// of KMS are, a refusal is not.
		o.Retryer = retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts = maxAttempts
			r.MaxBackoff = maxBackoff
			// The default token bucket would stop retrying in the middle of an
			// outage; three tries are few enough.
			r.RateLimiter = ratelimit.None
		})
	})
}
