package mfa_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
	"time"

	"safekeep/shared/mfa"
)

// hotp is RFC 4226 as the RFC writes it, apart from the code under test.
func hotp(key []byte, counter uint64, digits int) string {
	var text [8]byte
	binary.BigEndian.PutUint64(text[:], counter)
	mac := hmac.New(sha1.New, key)
	mac.Write(text[:])
	hash := mac.Sum(nil)
	offset := hash[19] & 0xf
	number := int64(hash[offset]&0x7f)<<24 | int64(hash[offset+1])<<16 | int64(hash[offset+2])<<8 | int64(hash[offset+3])
	return fmt.Sprintf("%0*d", digits, number%int64(math.Pow10(digits)))
}

// The vectors of RFC 6238, appendix B, for SHA-1. They have eight digits, of
// which six-digit codes are the last six.
func TestVectors(t *testing.T) {
	seed := []byte("12345678901234567890")
	for unix, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		at := time.Unix(unix, 0)
		if got := hotp(seed, uint64(unix)/30, 8); got != want {
			t.Errorf("the tests' own code of %d is %s", unix, got)
		}
		if step, ok := mfa.Match(seed, want[2:], at); !ok || step != unix/30 {
			t.Errorf("at %d: step %d, %v", unix, step, ok)
		}
		if got := mfa.CodeAt(seed, unix/30); got != want[2:] {
			t.Errorf("at %d: %s", unix, got)
		}
	}
	// RFC 4226, appendix D.
	for counter, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := mfa.CodeAt(seed, int64(counter)); got != want {
			t.Errorf("counter %d: %s, want %s", counter, got, want)
		}
	}
}

// A code is good for 90 s: its own half minute and those beside it.
func TestSkew(t *testing.T) {
	seed := []byte("12345678901234567890")
	code := mfa.CodeAt(seed, 1000)
	for unix, want := range map[int64]bool{
		29969: false, 29970: true, 29999: true, 30000: true, 30029: true, 30030: true, 30059: true, 30060: false,
	} {
		step, ok := mfa.Match(seed, code, time.Unix(unix, 0))
		if ok != want || ok && step != 1000 {
			t.Errorf("at %d: step %d, %v", unix, step, ok)
		}
	}
	for _, bad := range []string{"", "1", code + "0", code[:5], " " + code[1:], "٤٣٢١٠٩"} {
		if _, ok := mfa.Match(seed, bad, time.Unix(30000, 0)); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Where two steps have the same code, the later one counts: of the earlier one
// the code may have been used.
func TestLatestStepOfTwo(t *testing.T) {
	seed := []byte("12345678901234567890")
	for step := int64(1); ; step++ {
		if mfa.CodeAt(seed, step) == mfa.CodeAt(seed, step+1) || mfa.CodeAt(seed, step) == mfa.CodeAt(seed, step+2) {
			now := time.Unix((step+1)*30, 0)
			got, ok := mfa.Match(seed, mfa.CodeAt(seed, step), now)
			if !ok || got <= step {
				t.Errorf("step %d of %d", got, step)
			}
			return
		}
	}
}
