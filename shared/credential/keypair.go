package credential

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"

	"safekeep/shared/problem"
	"safekeep/shared/snowflake"
	"safekeep/shared/warehouse"
	"safekeep/shared/web"
)

// keyPairRequest may be left out.
type keyPairRequest struct {
	Bits *int `json:"bits"` // 2048 unless said, or 3072 or 4096
}

// keyPair is what the customer's admin needs to put a key that was made here
// into the warehouse. There is nothing secret in it.
type keyPair struct {
	credentialView
	PublicKey string `json:"public_key"` // PEM
	// SQL takes the user by NAME. Until a sign-in has shown it, that is taken to
	// be the LOGIN_NAME, which it most often is.
	SQL string `json:"sql"`
	// CheckSQL shows which keys the user has: the SQL must not replace one
	// that is in use.
	CheckSQL string `json:"check_sql"`
}

// makeKeyPair makes a key pair here, so that nobody has to type a secret. A
// credential that has a secret keeps it until a sign-in with the new key works.
func (s *Service) makeKeyPair(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	var q keyPairRequest
	if err := web.ReadOptionalJSON(r, &q); err != nil {
		return err
	}
	bits := 2048
	if q.Bits != nil {
		bits = *q.Bits
	}
	c, err := s.named(r)
	if err != nil {
		return err
	}
	if c.Warehouse != warehouse.Snowflake {
		return problem.New(problem.Conflict, "Key pairs are made for snowflake credentials only.")
	}
	private, err := snowflake.GenerateKey(s.Random, bits)
	if err != nil {
		return err
	}
	secret, err := json.Marshal(map[string]string{"private_key": string(snowflake.MarshalPrivateKey(private))})
	if err != nil {
		return err
	}
	defer clear(secret)
	for range maxRaces {
		now := s.Now().UTC()
		next := Version{
			Number: c.Numbers + 1, Settings: c.Current.Settings, CreatedAt: now,
			Fingerprint: snowflake.Fingerprint(&private.PublicKey),
		}
		next.Sealed, err = s.Sealer.Seal(r.Context(), SealContext(c.Workspace, c.ID, next.Number), secret)
		if err != nil {
			return unavailable(err)
		}
		c.Rotation.Planned = c.slotFor()
		c, err = s.Store.Await(r.Context(), c, next, actor)
		if errors.Is(err, ErrRaced) {
			if c, err = s.named(r); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		return web.WriteJSON(w, http.StatusCreated, s.keyPairOf(c, &private.PublicKey))
	}
	return errBusy
}

func (s *Service) keyPairOf(c Credential, public *rsa.PublicKey) keyPair {
	user := c.Connection.User // the NAME, where a sign-in has shown it
	if user == "" {
		user = snowflake.NameOf(c.Pending.Place().User)
	}
	return keyPair{
		credentialView: s.view(c), PublicKey: string(snowflake.MarshalPublicKey(public)),
		SQL: snowflake.SetPublicKey(user, c.Rotation.Planned, public), CheckSQL: snowflake.DescribeUser(user),
	}
}

// slotFor is the slot for a key that somebody else is to put in place: not that of
// the key in use which, where it is not known, most likely is the first.
func (c Credential) slotFor() snowflake.Slot {
	switch {
	case c.Rotation.Slot != "":
		return c.Rotation.Slot.Other()
	case c.Current.Fingerprint != "":
		return snowflake.Slot2
	default:
		return snowflake.Slot1
	}
}
