// Package sms sends sign-in codes by text message and checks them.
//
// A phone number is judged before anything is sent to it ([ParseNumber]), a
// send is counted before it is made ([Meter]), and then one of two services
// makes and sends the code: [Codes] with AWS End User Messaging SMS
// ([Pinpoint]), or [Twilio]. Both have the same two methods, Start and Check.
//
// Neither a phone number nor a code stands in an error, a log or what is stored:
// the types that hold them print a hint or nothing.
package sms

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"safekeep/shared/problem"
)

// Number is a phone number that a code may be sent to. However it is printed,
// logged or encoded, only its hint comes out; Reveal is the one way to the
// number, and easy to search for.
//
// It stands behind a pointer because fmt cannot call the methods of a field that
// is unexported: of a struct around this one it prints an address. (Of a pointer
// to a struct it would print what is in there.)
type Number struct {
	e164        *string
	countryCode int
	region      string
}

// The bounds of what is read as a number.
const (
	maxInput  = 64 // bytes; fifteen digits, each with something around it
	maxDigits = 15 // with the country code: ITU-T E.164
)

// refuse is a problem about the request's field "phone". None repeats what was
// given: these are answered, and the answer may be logged on its way.
func refuse(detail string) error { return problem.Field("phone", detail) }

var (
	errMissing = refuse("is missing; give a mobile number in international form, such as +1 604 555 0142")
	errNoPlus  = refuse("must begin with + and the country code, such as +1 604 555 0142")
	errLong    = refuse("is too long; a number has at most 15 digits with its country code, and takes no extension")
	errCharset = refuse("may hold only a +, digits, spaces and - . ( ) /; leave out names and extensions")
	errInvalid = refuse("is not a number that exists; check its digits, and that the country code is right")
	errKind    = refuse("is not a mobile number; landline, toll-free, premium, personal and internet numbers get no codes, so give a mobile number")
)

// ParseNumber reads a phone number in international form and judges it: it must
// be a mobile number of one of the regions, or one of which its digits do not
// say whether it is, as in all of +1. Every refusal is a *problem.Error about
// field "phone" that says what to give instead and repeats nothing.
//
// The region is that of the number, not of the country code: +1 787 is Puerto
// Rico. A number is never guessed to belong to a country, for then a code may
// go to a stranger. Whether it is an internet (VoIP) number its digits do not
// always say. Source: NIST SP 800-63B-4, 3.1.3, on out-of-band authenticators
// over the telephone network.
func ParseNumber(text string, regions Regions) (Number, error) {
	digits, err := digitsOf(text)
	if err != nil {
		return Number{}, err
	}
	// "ZZ" is no region: only the country code in the number counts.
	parsed, err := phonenumbers.Parse(digits, phonenumbers.UNKNOWN_REGION)
	if err != nil || !phonenumbers.IsValidNumber(parsed) {
		return Number{}, errInvalid
	}
	region := phonenumbers.GetRegionCodeForNumber(parsed)
	if !regions.Has(region) {
		return Number{}, refuse("is not in a country that codes are sent to; give a mobile number of " + regions.String())
	}
	// The digits of toll-free and premium numbers are valid ones of their region,
	// and whoever owns such a number may earn by every text that it gets.
	switch phonenumbers.GetNumberType(parsed) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
	default:
		return Number{}, errKind
	}
	e164 := phonenumbers.Format(parsed, phonenumbers.E164)
	return Number{&e164, int(parsed.GetCountryCode()), region}, nil
}

// KeptNumber reads a number that ParseNumber has judged and Reveal returned. Where
// texts go may have changed since; it is for checking a code that was sent to it.
func KeptNumber(e164 string) (Number, error) {
	parsed, err := phonenumbers.Parse(e164, phonenumbers.UNKNOWN_REGION)
	if err != nil {
		return Number{}, errKept
	}
	return Number{&e164, int(parsed.GetCountryCode()), phonenumbers.GetRegionCodeForNumber(parsed)}, nil
}

// errKept repeats nothing of the number either.
var errKept = errors.New("a phone number that is kept cannot be read")

// digitsOf returns "+" and the digits of a number as people write, copy and
// paste it. The library would find a number within any text, and read letters as
// the keys they stand on.
func digitsOf(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", errMissing
	}
	if len(text) > maxInput {
		return "", errLong
	}
	digits := make([]byte, 0, maxDigits+1)
	for _, r := range text {
		switch {
		case '0' <= r && r <= '9':
			if len(digits) == 0 {
				return "", errNoPlus
			}
			digits = append(digits, byte(r))
		case r == '+' && len(digits) == 0:
			digits = append(digits, '+')
		// Address books put unseen marks, narrow spaces and long dashes in.
		case strings.ContainsRune("-.()/", r), unicode.In(r, unicode.Zs, unicode.Pd, unicode.Cf):
		default:
			return "", errCharset
		}
	}
	switch {
	case len(digits) > maxDigits+1:
		return "", errLong
	case len(digits) == 0:
		return "", errNoPlus
	}
	return string(digits), nil
}

// Reveal returns the number itself in E.164 form, +16045550142, or "" for the
// zero value.
func (n Number) Reveal() string {
	if n.e164 == nil {
		return ""
	}
	return *n.e164
}

// Region returns the region that the number belongs to, such as "CA".
func (n Number) Region() string { return n.region }

// Hint returns what may be shown of a number: its country code and last two
// digits, "+1 … 42".
func (n Number) Hint() string {
	if n.e164 == nil {
		return "(no number)"
	}
	return "+" + strconv.Itoa(n.countryCode) + " … " + (*n.e164)[len(*n.e164)-2:]
}

// String returns the hint.
func (n Number) String() string { return n.Hint() }

// LogValue implements slog.LogValuer.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.Hint()) }

// MarshalText implements encoding.TextMarshaler, and so covers JSON.
func (n Number) MarshalText() ([]byte, error) { return []byte(n.Hint()), nil }

// Format implements fmt.Formatter: %v, %+v, %#v, %q, %x and the rest alike.
func (n Number) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, n.Hint()) }
