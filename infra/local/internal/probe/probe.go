// Package probe is the function that the local stack's own tests deploy: it does
// what its event asks for, good or bad.
//
// A test binary is its own bootstrap: TestMain calls [Main] first of all, which
// takes over when the binary was started as a Lambda.
package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// order is what an event asks for, either as the whole event or as the JSON body
// of a Function URL's event.
type order struct {
	Do    string          `json:"do"`
	Sleep int             `json:"sleep"` // milliseconds, before anything else
	Size  int             `json:"size"`
	Text  string          `json:"text"`
	Calls []call          `json:"calls"`
	Any   json.RawMessage `json:"any"`
}

// Main runs the probe and never returns when this process is a Lambda's.
// Otherwise it does nothing.
func Main() {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		return
	}
	if os.Getenv("PROBE_INIT") == "fail" {
		fmt.Println("the probe refuses to start")
		os.Exit(1)
	}
	lambda.Start(handle)
	os.Exit(0)
}

func handle(ctx context.Context, event json.RawMessage) (any, error) {
	var o order
	var u events.LambdaFunctionURLRequest
	if json.Unmarshal(event, &u) == nil && u.Version == "2.0" {
		_ = json.Unmarshal([]byte(u.Body), &o)
		if o.Do == "" {
			o.Do = "event"
			if do, ok := strings.CutPrefix(u.RawPath, "/probe/"); ok {
				o.Do = do
			}
		}
	} else if err := json.Unmarshal(event, &o); err != nil || o.Do == "" {
		o.Do = "batch" // from a stream or a schedule
	}

	time.Sleep(time.Duration(o.Sleep) * time.Millisecond)
	switch o.Do {
	case "event":
		return event, nil
	case "batch":
		fmt.Printf("batch %s\n", event)
		if strings.Contains(string(event), os.Getenv("PROBE_POISON")) && os.Getenv("PROBE_POISON") != "" {
			return nil, errors.New("poison in the batch")
		}
		return map[string]any{"took": len(event)}, nil
	case "context":
		lc, _ := lambdacontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{"id": lc.AwsRequestID, "left": time.Until(deadline).Milliseconds(), "pid": os.Getpid()}, nil
	case "env":
		return os.Environ(), nil
	case "print":
		fmt.Println(o.Text)
		return nil, nil
	case "calls":
		return callAll(ctx, o.Calls), nil
	case "fail":
		return nil, errors.New("the probe fails as asked")
	case "panic":
		panic("the probe panics as asked")
	case "exit":
		os.Exit(3)
	case "big":
		return strings.Repeat("x", o.Size), nil
	case "teapot":
		return events.LambdaFunctionURLResponse{
			StatusCode: http.StatusTeapot, Body: "c2hvcnQgYW5kIHN0b3V0", IsBase64Encoded: true,
			Headers: map[string]string{"content-type": "text/plain"}, Cookies: []string{"a=1", "b=2"},
		}, nil
	case "body":
		return map[string]any{"base64": u.IsBase64Encoded, "body": u.Body}, nil
	}
	return nil, fmt.Errorf("the probe does not know %q", o.Do)
}
