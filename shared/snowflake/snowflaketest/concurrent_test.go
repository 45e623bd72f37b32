package snowflaketest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// A statement is done as a whole: at every moment of a rotation one key of the
// pair is active, and sign-ins with another are not touched by it.
func TestSignInsDuringRotations(t *testing.T) {
	w := withPairs(t)
	w.must("ALTER USER LOADER ADD KEY PAIR k PUBLIC_KEY='" + body(1) + "'")
	token := w.token(0)
	done := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				a := w.loginByToken(token)
				if !a.Success {
					t.Errorf("the slot's key: %s", a.Code)
					return
				}
				if got := strings.Count(w.named(), "ACTIVE"); got != 1 {
					t.Errorf("%d pairs are active", got)
					return
				}
				s := w.session(a)
				w.query(s.Token, "SHOW USER KEY PAIRS")
				w.inSession("/session?delete=true", s.Token, "")
				w.SetMisbehave(nil)
			}
		})
	}
	for i := range 50 {
		w.must(fmt.Sprintf("ALTER USER LOADER ROTATE KEY PAIR k PUBLIC_KEY='%s' EXPIRE_ROTATED_KEY_PAIR_AFTER_HOURS=0", body(2-i%2)))
	}
	close(done)
	all.Wait()
}
