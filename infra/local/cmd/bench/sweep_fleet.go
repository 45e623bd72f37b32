package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// A fleet is the workspaces that are swept, with their members and tokens. It
// grows: the tokens of the smaller size are among those of the larger one.
//
// One token in a hundred is one to mail about, and they stand together, as when
// somebody leaves who had made many: in one workspace of twenty a tenth are of a
// creator who has left, and in another one of twenty a tenth are unused.
type fleet struct {
	workspaces int
	each       int // tokens that every workspace has by now
	now        time.Time
	smaller    *costs // of the size that was measured before
}

const (
	day = 24 * time.Hour
	// oneIn is how many workspaces have one of a kind, and tenth how many tokens
	// in it are for one to mail about.
	oneIn, tenth = 20, 10
	// leavers is how many workspaces have one of whom somebody has left.
	leavers = 4
	// loadedAtOnce is how many workspaces are held in memory to be stored.
	loadedAtOnce = 200
)

func (f *fleet) tokens() int { return f.workspaces * f.each }

// load brings every workspace to so many tokens and returns how many of those
// that were added are to be mailed about.
func (f *fleet) load(ctx context.Context, client *dynamodb.Client, each int) (odd int, err error) {
	_, _ = fmt.Fprintf(os.Stderr, "storing %d tokens in %d workspaces\n", f.workspaces*(each-f.each), f.workspaces)
	for first := 0; first < f.workspaces; first += loadedAtOnce {
		var people, tokens []types.WriteRequest
		for w := first; w < min(first+loadedAtOnce, f.workspaces); w++ {
			if f.each == 0 {
				people = append(people, f.people(w)...)
			}
			for n := f.each; n < each; n++ {
				t, found := f.token(w, n)
				tokens = append(tokens, put(t))
				if found {
					odd++
				}
			}
		}
		if err := write(ctx, client, workspacesTable, people); err != nil {
			return 0, err
		}
		if err := write(ctx, client, tokensTable, tokens); err != nil {
			return 0, err
		}
	}
	f.each = each
	return odd, nil
}

// staff is how many are in a workspace, 3 to 10 with those who have left, and how
// many of them have left.
func staff(w int) (all, left int) {
	if w%leavers == leavers-1 {
		left = 1
	}
	return 3 + w%8, left
}

func user(w, n int) string { return fmt.Sprintf("user-%05d-%02d", w, n) }

// people are the workspace's settings and its members as they are stored.
func (f *fleet) people(w int) []types.WriteRequest {
	all, left := staff(w)
	puts := []types.WriteRequest{put(item{
		"workspace": text(workspace(w)), "item": text("workspace"), "name": text(fmt.Sprintf("Customer %d", w)),
		"auto_revoke": &types.AttributeValueMemberBOOL{Value: true}, "sso": &types.AttributeValueMemberBOOL{Value: false},
		"created_at": text(issued), "version": number("1"),
	})}
	for n := range all {
		member := item{
			"workspace": text(workspace(w)), "item": text("member#" + user(w, n)), "user": text(user(w, n)),
			"role": text([]string{"owner", "admin", "member"}[min(n, 2)]), "added_at": text(issued), "version": number("1"),
		}
		if n < all-left {
			member["email"] = text(user(w, n) + "@customer.example")
		} else { // a tombstone has no address
			member["left_at"], member["version"] = f.ago(300*day), number("2")
		}
		puts = append(puts, put(member))
	}
	return puts
}

// token is the n-th one of a workspace, made long ago, and whether
// it is one to mail about.
func (f *fleet) token(w, n int) (t item, odd bool) {
	all, left := staff(w)
	creator, used := n%(all-left), time.Duration(n%20)*day
	if n%tenth == 0 {
		switch w % oneIn {
		case leavers - 1:
			creator, odd = all-1, true
		case leavers:
			used, odd = 500*day, true
		}
	}
	made := f.now.Add(-800*day - time.Duration(n)*time.Minute)
	sum := sha256.Sum256(fmt.Appendf(nil, "token %d of %d", n, w))
	last := f.now.Add(-used)
	return item{
		"hash": text(hex.EncodeToString(sum[:])), "id": text("tok_" + ulid(made, sum[:10])), "workspace": text(workspace(w)),
		"creator": text(workspace(w) + "#" + user(w, creator)), "name": text(fmt.Sprintf("CI deploy %d", n)),
		"hint": text("skp_…a1B2"), "created_by": text(user(w, creator)), "created_at": text(made.Format(time.RFC3339Nano)),
		"status": text("active"), "version": number("1"),
		"scopes":       &types.AttributeValueMemberL{Value: []types.AttributeValue{text("read"), text("write")}},
		"last_used_on": text(last.Format(time.DateOnly)), "last_used_at": text(last.Format(time.RFC3339Nano)),
		"last_used_ip": text("203.0.113.7"), "last_used_agent": text("acme-cli/4.2 (linux; amd64)"),
	}, odd
}

func (f *fleet) ago(d time.Duration) types.AttributeValue {
	return text(f.now.Add(-d).Format(time.RFC3339Nano))
}

// ulid is 48 bits of time and 80 of chance in Crockford's base 32. A sweep reads
// the time out of it.
func ulid(at time.Time, chance []byte) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [26]byte
	ms := at.UnixMilli()
	for i := 9; i >= 0; i-- {
		b[i] = digits[ms&31]
		ms >>= 5
	}
	for i := range 16 {
		b[10+i] = digits[chance[i%len(chance)]>>(i/len(chance)*3)&31]
	}
	return string(b[:])
}
