package warehouse

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled when it is first asked. All of
// them together take longer than everything else at a cold start, and connect,
// which carries this package for its names, asks none.
type pattern func() *regexp.Regexp

func matching(expression string) pattern {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// MatchString says whether a text fits.
func (p pattern) MatchString(text string) bool { return p().MatchString(text) }
