package sms

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Regions are the countries and territories that codes are sent to, by their
// codes in ISO 3166-1: "US", "CA". The zero value has none, so nothing is sent.
//
// Puerto Rico, the Caribbean and the Pacific territories under +1 are regions
// of their own: "US" does not cover them, and a text to some of them costs many
// times as much.
type Regions struct{ codes []string }

var errNoRegions = errors.New("the list of regions that codes are sent to is empty; give it like US,CA")

// ParseRegions reads a list like "US,CA". A region that no phone number has is
// an error.
func ParseRegions(list string) (Regions, error) {
	var r Regions
	known := phonenumbers.GetSupportedRegions()
	for part := range strings.SplitSeq(list, ",") {
		code := strings.ToUpper(strings.TrimSpace(part))
		switch {
		case code == "":
		case !known[code]:
			return Regions{}, fmt.Errorf("%q is not a region; give the two letters that ISO 3166-1 has for it, such as US", code)
		case !r.Has(code):
			r.codes = append(r.codes, code)
		}
	}
	if len(r.codes) == 0 {
		return Regions{}, errNoRegions
	}
	return r, nil
}

// Has says whether codes are sent to a region.
func (r Regions) Has(code string) bool { return slices.Contains(r.codes, code) }

// String returns the list as people read it: "US, CA or MX".
func (r Regions) String() string {
	if len(r.codes) < 2 {
		return strings.Join(r.codes, "")
	}
	last := len(r.codes) - 1
	return strings.Join(r.codes[:last], ", ") + " or " + r.codes[last]
}
