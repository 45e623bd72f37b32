package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // as RFC 6238 has it
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"safekeep/infra/local"
)

// openVerify measures the verifying of a code of an authenticator app, on a warm
// instance. That the same step may be verified again, round after round, is seen
// to in the table, untimed.
func openVerify(ctx context.Context, b *bench) (pair, error) {
	sides := make([]func(context.Context) (time.Duration, error), 2)
	for i, name := range []string{"ours", "floor"} {
		s, err := b.stack(ctx, name)
		if err != nil {
			return pair{}, err
		}
		made, err := ask[struct{ Secret string }](ctx, s, "mfa", http.MethodPost, "/users/bench/totp", `{"email":"bench@acme.example"}`, map[string]int{"ours": 201, "floor": 200}[name])
		if err != nil {
			return pair{}, err
		}
		seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(made.Secret)
		if err != nil {
			return pair{}, err
		}
		if name == "ours" {
			if _, err := ask[any](ctx, s, "mfa", http.MethodPost, "/users/bench/totp/confirm", `{"code":"`+codeNow(seed)+`"}`, http.StatusOK); err != nil {
				return pair{}, err
			}
		}
		sides[i] = verifier(s, seed)
	}
	return pair{ours: sides[0], floor: sides[1]}, nil
}

func verifier(s *local.Stack, seed []byte) func(context.Context) (time.Duration, error) {
	var table string
	for _, t := range s.Template.Tables {
		if t.Name == "Accounts" {
			table = t.Name
		}
	}
	return func(ctx context.Context) (time.Duration, error) {
		// As if the code had never been used: in life there is one in 30 s, and what
		// a verify leaves behind is gone after five minutes.
		if _, err := s.DynamoDB.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: &table, UpdateExpression: aws.String("SET last_step = :none, proofs = :nothing"),
			Key:                       map[string]types.AttributeValue{"user": &types.AttributeValueMemberS{Value: "bench"}, "item": &types.AttributeValueMemberS{Value: "profile"}},
			ExpressionAttributeValues: map[string]types.AttributeValue{":none": &types.AttributeValueMemberN{Value: "0"}, ":nothing": &types.AttributeValueMemberM{}},
		}); err != nil {
			return 0, err
		}
		event, err := json.Marshal(request(http.MethodPost, "/users/bench/verify", `{"method":"totp","code":"`+codeNow(seed)+`"}`, nil))
		if err != nil {
			return 0, err
		}
		result, err := s.Invoke(ctx, "mfa", event)
		if err != nil {
			return 0, err
		}
		got, err := answerOf[struct{ OK bool }](result.Payload, http.StatusOK)
		if err == nil && !got.OK {
			err = errors.New("the code was not taken")
		}
		return result.Took, err
	}
}

// codeNow is what an authenticator app shows.
func codeNow(seed []byte) string {
	mac := hmac.New(sha1.New, seed)
	_ = binary.Write(mac, binary.BigEndian, time.Now().Unix()/30)
	sum := mac.Sum(nil)
	at := sum[19] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff)%1_000_000)
}
