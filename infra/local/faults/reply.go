package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// A reply is an answer that the proxy gives in a service's stead.
type reply struct {
	status int
	body   []byte
	kind   string // of the error, for protocols that carry it in a header
}

func (a reply) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/x-amz-json-1.0")
	h.Set("X-Amzn-Requestid", "FAULT")
	if a.kind != "" {
		h.Set("X-Amzn-Errortype", a.kind)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// refusal is an error in the protocol of the service: the JSON protocols say its
// kind in the body, REST in a header.
func refusal(c Call, status int, code, message string) reply {
	kind := code
	if c.Service == DynamoDB {
		kind = "com.amazonaws.dynamodb.v20120810#" + code
	}
	body, _ := json.Marshal(map[string]string{"__type": kind, "message": message}) // strings always marshal
	return reply{status: status, body: body, kind: code}
}

// throttled is how a service says "too much".
func throttled(c Call) reply {
	switch c.Service {
	case DynamoDB:
		return refusal(c, http.StatusBadRequest, "ProvisionedThroughputExceededException", "The level of configured provisioned throughput for the table was exceeded.")
	case SES:
		return refusal(c, http.StatusTooManyRequests, "TooManyRequestsException", "Maximum sending rate exceeded.")
	case SecretsManager:
		return refusal(c, http.StatusBadRequest, "ThrottlingException", "Rate exceeded")
	}
	return refusal(c, http.StatusTooManyRequests, "TooManyRequests", "API rate limit exceeded")
}

// conflicting is how DynamoDB refuses a write that meets another transaction; ok
// is false for a call that cannot.
func conflicting(c Call) (answer reply, ok bool) {
	switch c.Operation {
	case "PutItem", "UpdateItem", "DeleteItem":
		return refusal(c, http.StatusBadRequest, "TransactionConflictException", "Transaction is ongoing for the item"), true
	case "TransactWriteItems", "TransactGetItems":
	default:
		return reply{}, false
	}
	var q struct{ TransactItems []json.RawMessage }
	if err := json.Unmarshal(c.Body, &q); err != nil || len(q.TransactItems) == 0 {
		return reply{}, false
	}
	// DynamoDB gives a reason for every item, in order; "None" for those that
	// would have gone through. Here all of them met the other transaction.
	type reason struct{ Code, Message string }
	reasons := make([]reason, len(q.TransactItems))
	codes := make([]string, len(q.TransactItems))
	for i := range reasons {
		reasons[i] = reason{"TransactionConflict", "Transaction is ongoing for the item"}
		codes[i] = "TransactionConflict"
	}
	const code = "TransactionCanceledException"
	body, err := json.Marshal(map[string]any{
		"__type":              "com.amazonaws.dynamodb.v20120810#" + code,
		"Message":             fmt.Sprintf("Transaction cancelled, please refer cancellation reasons for specific reasons [%s]", strings.Join(codes, ", ")),
		"CancellationReasons": reasons,
	})
	return reply{status: http.StatusBadRequest, body: body, kind: code}, err == nil
}
