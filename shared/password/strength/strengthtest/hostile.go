// Package strengthtest has passwords that are made to cost as much as possible,
// for tests and for `make bench`.
package strengthtest

import (
	"math/rand/v2"
	"strings"
)

// Case is a password of 1,024 characters, and words that a user is known by.
type Case struct {
	Password string
	Inputs   []string
}

// Hostile returns them by what makes them dear.
func Hostile() map[string]Case {
	const n = 1024
	random := rand.New(rand.NewPCG(1, 2))
	of := func(letters string) string {
		all := []rune(letters)
		var b strings.Builder
		for range n {
			b.WriteRune(all[random.IntN(len(all))])
		}
		return b.String()
	}
	cycle := func(s string) string { return string([]rune(strings.Repeat(s, n/len([]rune(s))+1))[:n]) }
	fibonacci := [2]string{"a", "ab"}
	for len(fibonacci[1]) < n {
		fibonacci = [2]string{fibonacci[1], fibonacci[1] + fibonacci[0]}
	}
	var own, stairs []string
	for i := range 32 {
		own = append(own, of("aA4@")[:100-i])
		stairs = append(stairs, strings.Repeat("a", 100-i))
	}
	return map[string]Case{
		"every substitute":    {cycle("4@8({[<369|!$5+7"), nil},
		"random substitutes":  {of("4@8({[<3691!|0$5+7%2"), nil},
		"shared substitutes":  {of("1|7!"), nil},
		"commonest beginning": {cycle("c0nm4rpr0"), nil},
		"half substituted":    {of("c0nm4rpr0sh4ch41l|7"), nil},
		"one letter":          {strings.Repeat("a", n), stairs},
		"capitals":            {of("aA"), stairs},
		"own words":           {of("aA4@"), own},
		"two letters":         {cycle("ab"), nil},
		"syllables":           {of("lamo"), nil},
		"digits":              {of("0123456789"), nil},
		"dates":               {cycle("1.1.91-2-2-1992"), nil},
		"keys":                {cycle("qwqazsxdcfvgb"), nil},
		"two keys":            {of("qwas"), nil},
		"squares":             {fibonacci[1][:n], nil},
		"anything":            {of("abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*()"), nil},
		"beyond the plane":    {strings.Repeat("😀", n), nil},
		"many scripts":        {of("密码😀éЖяß한"), nil},
	}
}
