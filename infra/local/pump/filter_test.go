package pump

import (
	"encoding/json"
	"testing"
)

// The operators that the templates may use, each against records that fit and
// that do not.
func TestFilter(t *testing.T) {
	for _, tt := range []struct {
		pattern, record string
		want            bool
	}{
		{`{"a":["x"]}`, `{"a":"x","b":1}`, true},
		{`{"a":["x","y"]}`, `{"a":"y"}`, true},
		{`{"a":["x"]}`, `{"a":"y"}`, false},
		{`{"a":["x"]}`, `{}`, false},
		{`{"a":[1,true,null]}`, `{"a":null}`, true},
		{`{"a":[null]}`, `{}`, false},
		{`{"a":["x"]}`, `{"a":["w","x"]}`, true},
		{`{"a":["x"],"b":["y"]}`, `{"a":"x"}`, false},
		{`{"a":{"S":[{"exists":true}]}}`, `{"a":{"S":""}}`, true},
		{`{"a":{"S":[{"exists":true}]}}`, `{"a":{"N":"1"}}`, false},
		{`{"a":{"S":[{"exists":true}]}}`, `{"a":"no object"}`, false},
		{`{"a":[{"exists":false}]}`, `{}`, true},
		{`{"a":[{"exists":false}]}`, `{"a":1}`, false},
		{`{"a":[{"prefix":"token."}]}`, `{"a":"token.exposed"}`, true},
		{`{"a":[{"prefix":"token."}]}`, `{"a":7}`, false},
		{`{"a":[{"suffix":"ed"}]}`, `{"a":"token.exposed"}`, true},
		{`{"a":[{"anything-but":["x","y"]}]}`, `{"a":"z"}`, true},
		{`{"a":[{"anything-but":"x"}]}`, `{"a":"x"}`, false},
		{`{"a":[{"anything-but":"x"}]}`, `{}`, false},
	} {
		f, err := parseFilter(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		var record map[string]any
		if err := json.Unmarshal([]byte(tt.record), &record); err != nil {
			t.Fatal(err)
		}
		if got := f.fits(record); got != tt.want {
			t.Errorf("%s on %s: %t", tt.pattern, tt.record, got)
		}
	}
	for _, bad := range []string{``, `[]`, `{"a":"x"}`, `{"a":[{}]}`, `{"a":[{"numeric":["=",1]}]}`, `{"a":[{"prefix":"x","suffix":"y"}]}`, `{"a":[{"anything-but":[{"prefix":"x"}]}]}`} {
		if _, err := parseFilter(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}
