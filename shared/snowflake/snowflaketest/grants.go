package snowflaketest

import "time"

// createRole is CREATE ROLE. Roles are flat here: none is granted to another, and
// only ACCOUNTADMIN has what all the others have.
type createRole struct {
	ifNotExists bool
	name        string
}

func (s createRole) run(a *Account, by actor, _ time.Time) (Result, error) {
	if err := a.administered(by); err != nil {
		return Result{}, err
	}
	if a.roles[s.name] && !s.ifNotExists {
		return Result{}, exists(s.name)
	}
	a.roles[s.name] = true
	return done("Role " + s.name + " successfully created."), nil
}

// grant is a GRANT, or a REVOKE: of a role to a user, or of a privilege on a user
// to a role.
type grant struct {
	on        bool // GRANT
	privilege string
	user      string
	role      string
	fresh     bool // REVOKE CURRENT GRANTS
}

// What can be granted. MODIFY PROGRAMMATIC AUTHENTICATION METHODS is the
// privilege to change key pairs without owning the user.
const (
	theRole    = "ROLE"
	ownership  = "OWNERSHIP"
	management = "MODIFY PROGRAMMATIC AUTHENTICATION METHODS"
)

// grant reads what follows GRANT or REVOKE.
func (p *parser) grant(on bool) statement {
	s := grant{on: on}
	if p.take("ROLE") {
		s.privilege, s.role = theRole, p.identifier()
		p.toOrFrom(on, "USER")
		s.user = p.identifier()
		return s
	}
	switch {
	case p.take("OWNERSHIP"):
		s.privilege = ownership
	case p.take("MODIFY", "PROGRAMMATIC", "AUTHENTICATION", "METHODS"):
		s.privilege = management
	default:
		p.unexpected()
	}
	p.expect("ON", "USER")
	s.user = p.identifier()
	p.toOrFrom(on, "ROLE")
	s.role = p.identifier()
	// Without either, Snowflake refuses to move what has grants on it. Here they
	// are copied.
	if s.privilege == ownership && on && !p.take("COPY", "CURRENT", "GRANTS") {
		s.fresh = p.take("REVOKE", "CURRENT", "GRANTS")
	}
	return s
}

// toOrFrom reads TO of a GRANT and FROM of a REVOKE.
func (p *parser) toOrFrom(on bool, kind string) {
	if on {
		p.expect("TO", kind)
	} else {
		p.expect("FROM", kind)
	}
}

func (s grant) run(a *Account, by actor, _ time.Time) (Result, error) {
	if !a.roles[s.role] {
		return Result{}, missing("Role", s.role)
	}
	// A user's owner may give away what it has on the user, but a role is the
	// account's.
	if s.privilege == theRole {
		if err := a.administered(by); err != nil {
			return Result{}, err
		}
		u, err := a.find(s.user)
		if err == nil {
			put(u.roles, s.role, s.on)
		}
		return executed(), err
	}
	u, err := a.owned(s.user, by)
	switch {
	case err != nil:
		return Result{}, err
	case s.privilege == management:
		put(u.managers, s.role, s.on)
	case s.on:
		u.owner = s.role
		if s.fresh {
			clear(u.managers)
		}
	case u.owner == s.role:
		// Snowflake has no REVOKE OWNERSHIP: it is granted to another. This is
		// short for giving it back.
		u.owner = accountAdmin
	}
	return executed(), nil
}

// put puts a name into a set, or takes it out.
func put(set map[string]bool, name string, in bool) {
	if in {
		set[name] = true
	} else {
		delete(set, name)
	}
}
