package snowflaketest

import (
	"strings"
	"sync"
	"time"
)

// The roles that every account has.
const (
	accountAdmin = "ACCOUNTADMIN" // may do all
	public       = "PUBLIC"       // everybody has it
)

// Account is one account with its users and roles. It may be used by several
// goroutines. A statement is done as a whole before the next one, or the next
// sign-in, sees anything of it.
type Account struct {
	name   string // in upper case, without region
	server *Server

	mu       sync.Mutex // guards all below
	named    bool       // whether there are named key pairs
	plain    bool       // whether refusals hide their reason
	blocked  bool
	users    map[string]*user // by NAME
	roles    map[string]bool
	failures recent[failure] // by the UUID in the refusal
	answers  recent[reply]   // of the SQL API, by user and requestId
}

func newAccount(s *Server, name string) *Account {
	name, _, _ = strings.Cut(strings.ToUpper(name), ".")
	return &Account{
		name: name, server: s, plain: true, users: map[string]*user{},
		roles: map[string]bool{accountAdmin: true, public: true},
	}
}

// SetNamedKeyPairs says whether the account has named key pairs, which came in
// July 2026. An account without them, which a new one is, takes their statements
// for syntax errors.
func (a *Account) SetNamedKeyPairs(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.named = on
}

// SetPlainRefusals says whether a bad token is refused with 390144 and a UUID
// whatever is wrong with it, as most clients see it and as a new account does,
// or with the code of what is wrong, 394300 to 394307, as newer ones do.
func (a *Account) SetPlainRefusals(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.plain = on
}

// SetNetworkPolicy says whether a network policy keeps all clients out, with
// 390422. It does not reach Exec, nor sessions that there are.
func (a *Account) SetNetworkPolicy(blocked bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.blocked = blocked
}

// Exec runs one statement as ACCOUNTADMIN, or several separated by ";", and
// returns the result of the last. It ends at the first that fails, with an
// *Error; those before it are done.
func (a *Account) Exec(sql string) (Result, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	statements, err := parse(sql, a.named)
	if err != nil {
		return Result{}, err
	}
	var last Result
	for _, st := range statements {
		if last, err = a.do(st, actor{role: accountAdmin}, a.server.Now()); err != nil {
			return Result{}, err
		}
	}
	return last, nil
}

// do runs a statement, and tells of it unless it only looks. The account is
// locked.
func (a *Account) do(st sentence, by actor, now time.Time) (Result, error) {
	result, err := st.run(a, by, now)
	if err != nil || a.server.Changed == nil {
		return result, err
	}
	switch st.statement.(type) {
	case selection, describeUser, showKeyPairs:
	default:
		a.server.Changed(a.name, st.sql)
	}
	return result, nil
}

// Keys are the public keys of a user.
type Keys struct {
	Slot1, Slot2 string // fingerprints of RSA_PUBLIC_KEY and RSA_PUBLIC_KEY_2, or ""
	Named        []NamedKey
}

// NamedKey is a named key pair as SHOW USER KEY PAIRS lists it.
type NamedKey struct {
	Name        string
	Fingerprint string
	Status      string    // ACTIVE, EXPIRED or DISABLED
	ExpiresAt   time.Time // zero where it does not expire
}

// Keys returns the keys that the user of a NAME has now, in any case unless one
// is exactly so called; of an unknown user, none.
func (a *Account) Keys(name string) Keys {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.users[name]
	if u == nil {
		u = a.users[strings.ToUpper(name)]
	}
	if u == nil {
		return Keys{}
	}
	now := a.server.Now()
	keys := Keys{Slot1: u.slots[0].fingerprint, Slot2: u.slots[1].fingerprint}
	for _, pair := range u.listed(now) {
		keys.Named = append(keys.Named, NamedKey{
			Name: pair.name, Fingerprint: pair.key.fingerprint, Status: pair.status(now), ExpiresAt: pair.expires,
		})
	}
	return keys
}

// byLogin finds a user by LOGIN_NAME, which is not its NAME.
func (a *Account) byLogin(login string) *user {
	for _, u := range a.users {
		if u.login == login {
			return u
		}
	}
	return nil
}

// actor is who runs a statement: a user in a session, or nobody in particular.
type actor struct {
	user                              string // NAME
	role, warehouse, database, schema string
}

// holds says whether what was granted to a role is granted to the actor.
func (by actor) holds(granted string) bool {
	return granted == by.role || granted == public || by.role == accountAdmin
}

// find returns a user, or the error that Snowflake has for one that is not there.
func (a *Account) find(name string) (*user, error) {
	if u := a.users[name]; u != nil {
		return u, nil
	}
	return nil, missing("User", name)
}

// owned returns a user that the actor's role owns.
func (a *Account) owned(name string, by actor) (*user, error) {
	u, err := a.find(name)
	if err == nil && !by.holds(u.owner) {
		return nil, forbidden("user", name)
	}
	return u, err
}

// managed returns a user whose key pairs the actor's role may see and change.
func (a *Account) managed(name string, by actor) (*user, error) {
	u, err := a.find(name)
	if err != nil {
		return nil, err
	}
	for role := range u.managers {
		if by.holds(role) {
			return u, nil
		}
	}
	return a.owned(name, by)
}

// administered refuses what only ACCOUNTADMIN may do here.
func (a *Account) administered(by actor) error {
	if by.role != accountAdmin {
		return forbidden("account", a.name)
	}
	return nil
}
