package warehouse

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"safekeep/shared/identity"
	"safekeep/shared/problem"
)

// checkName returns a problem unless text is 1 to most visible characters
// on one line, without space around it: what every warehouse takes for the name
// of a thing, however it is quoted. Missing says what the field is for.
func checkName(field, text string, most int, missing string) error {
	if err := identity.CheckLine(field, text, most, missing); err != nil {
		return err
	}
	if strings.TrimSpace(text) != text {
		return problem.Field(field, "begins or ends with a space")
	}
	if strings.ContainsRune(text, utf8.RuneError) {
		return problem.Field(field, "holds a character that was damaged on the way; send it as UTF-8")
	}
	return nil
}

// checkOptional is checkName for a field that may be left out or empty.
func checkOptional(field, text string, most int) error {
	if text == "" {
		return nil
	}
	return checkName(field, text, most, "leave it out or name one")
}

// checkDatabase returns a problem unless text can be the name of a database that
// is reached through Postgres's protocol, of at most so many bytes.
func checkDatabase(text string, most int, reserved ...string) error {
	if err := checkName("database", text, most, "name the database to connect to"); err != nil {
		return err
	}
	// The server counts bytes, where checkName counts characters.
	if len(text) > most {
		return problem.Field("database", fmt.Sprintf("is longer than %d bytes", most))
	}
	// libpq may read a database's name as a whole connection string, with a host
	// and an sslmode of its own: when there is an equals sign in it or it begins
	// like a URI. Source: PQconnectdbParams, expand_dbname, in PostgreSQL's manual.
	lower := strings.ToLower(text)
	if strings.Contains(text, "=") || strings.HasPrefix(lower, "postgres:") || strings.HasPrefix(lower, "postgresql:") {
		return problem.Field("database", "looks like a connection string; give the name of the database alone")
	}
	for _, name := range reserved {
		if lower == name {
			return problem.Field("database", "is reserved by the server; name the database that holds the data")
		}
	}
	return nil
}

// checkUser returns a problem unless text can be the name of a user, of at most
// so many bytes.
func checkUser(text string, most int) error {
	if err := checkName("user", text, most, "name the user to sign in as"); err != nil {
		return err
	}
	if len(text) > most {
		return problem.Field("user", fmt.Sprintf("is longer than %d bytes", most))
	}
	return nil
}

// checkPort leaves all ports open: databases are moved to odd ones to be found
// less often, and a port proves nothing about what listens there.
func checkPort(port int) error {
	if port < 1 || port > 65535 {
		return problem.Field("port", "must be from 1 to 65535")
	}
	return nil
}
