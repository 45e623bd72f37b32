package sms

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"
	"github.com/aws/smithy-go"
)

// verdicts are what AWS's reasons mean. Those left out are about the account and
// its settings: so is a number that is not verified, which only the sandbox asks
// for. Source: errors of SendTextMessage in the API reference of AWS End User
// Messaging SMS, and the reasons of each.
var verdicts = map[string]verdict{
	"DESTINATION_PHONE_NUMBER_OPTED_OUT":                          {ErrRefused, OptedOut},
	"DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE": {ErrRefused, Blocked},
	"DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION":        {ErrRefused, NoCountry},
	"DESTINATION_COUNTRY_BLOCKED":                                 {ErrRefused, NoCountry},
	"COUNTRY_NOT_ENABLED":                                         {ErrRefused, NoCountry},
	"COUNTRY_CODE_MISMATCH":                                       {ErrRefused, NoCountry},
	"INTERNATIONAL_SENDING_NOT_SUPPORTED":                         {ErrRefused, NoCountry},
	"INVALID_IDENTITY_FOR_DESTINATION_COUNTRY":                    {ErrRefused, NoCountry},
	"DAILY_DESTINATION_CALL_LIMIT":                                {ErrTooMany, Quota},
	"MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT":                        {ErrUnavailable, Quota},
}

// explain turns an answer that refuses into a failure. Of the answer only its
// codes are kept, because its message may quote the number.
func explain(status int, err error) error {
	name, detail, number := codes(err)
	f := &failure{
		kind: ErrUnavailable, reason: Account,
		cause: fmt.Sprintf("%s answered %d %s %s", endUserMessaging, status, word(name), word(detail)),
	}
	v, known := verdicts[detail]
	switch _, throttled := retry.DefaultThrottleErrorCodes[name]; {
	case throttled || status == http.StatusTooManyRequests:
		f.reason, f.passing = Busy, true
	case status >= http.StatusInternalServerError:
		// What failed over there may have gone out before: no second try.
		f.reason = Outage
	case known:
		f.kind, f.reason = v.kind, v.reason
	case number:
		f.kind, f.reason = ErrRefused, Unreachable
	}
	return f
}

// codes returns the name of an error, the reason in it, and whether it is about
// the number that a message was for.
func codes(err error) (name, detail string, number bool) {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "", "", false
	}
	name = api.ErrorCode()
	switch e := api.(type) {
	case *types.ConflictException:
		detail = string(e.Reason)
	case *types.ServiceQuotaExceededException:
		detail = string(e.Reason)
	case *types.AccessDeniedException:
		detail = string(e.Reason)
	case *types.ValidationException:
		detail = string(e.Reason)
		number = slices.ContainsFunc(e.Fields, func(f types.ValidationExceptionField) bool {
			return aws.ToString(f.Name) == "DestinationPhoneNumber"
		})
	}
	return name, detail, number
}

// word returns a code of an answer for an error's text, if it looks like one.
func word(code string) string {
	if len(code) > 80 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") != "" {
		return "?"
	}
	return code
}
