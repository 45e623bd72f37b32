package alert

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"safekeep/shared/token"
)

// blurred makes no sense of one token and finds the others.
type blurred struct {
	Tokens
	hash token.Hash
}

func (b blurred) Find(ctx context.Context, hashes []token.Hash) (map[token.Hash]token.Token, error) {
	found, err := b.Tokens.Find(ctx, hashes)
	if _, ok := found[b.hash]; ok {
		delete(found, b.hash)
		err = errors.Join(err, errors.New("no sense in it"))
	}
	return found, err
}

// A token that cannot be made sense of keeps no other alive, and the host is
// told to send the report again.
func TestOneTokenMakesNoSense(t *testing.T) {
	b := newBench(t)
	oddText, odd := b.issue("acme")
	goodText, good := b.issue("acme")
	body := report(t, leak(oddText, "https://github.com/a"), leak(goodText, "https://github.com/b"))
	b.service.Receiver.Tokens = blurred{b.tokens, odd.Hash}
	if w := b.post(b.service, "/alerts/github", "key1", body); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if b.status(good.Hash) != token.Revoked || b.status(odd.Hash) != token.Active {
		t.Errorf("the good one is %s, the odd one %s", b.status(good.Hash), b.status(odd.Hash))
	}
	b.service.Receiver.Tokens = b.tokens
	if w := b.post(b.service, "/alerts/github", "key1", body); w.Code != http.StatusOK {
		t.Errorf("then: status %d: %s", w.Code, w.Body)
	}
	if b.status(odd.Hash) != token.Revoked {
		t.Errorf("then the odd one is %s", b.status(odd.Hash))
	}
}
