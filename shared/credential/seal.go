package credential

import (
	"context"
	"errors"
	"time"

	"safekeep/shared/envelope"
	"safekeep/shared/problem"
	"safekeep/shared/warehouse"
)

// material checks what was handed over.
func (s *Service) material(ctx context.Context, q storeRequest) (warehouse.Material, error) {
	if len(q.Secret) == 0 || string(q.Secret) == "null" {
		if q.Warehouse != warehouse.Snowflake {
			return warehouse.Material{}, problem.Field("secret", "is missing; only for snowflake a key pair can be made here")
		}
		return warehouse.CheckSettings(ctx, s.Resolver, q.Warehouse, q.Settings)
	}
	return warehouse.Check(ctx, s.Resolver, q.Warehouse, q.Settings, q.Secret)
}

// seal makes a version of checked material; one without a secret is not sealed.
func (s *Service) seal(ctx context.Context, c Credential, number int64, m warehouse.Material, now time.Time) (Version, error) {
	v := Version{Number: number, Settings: m.Settings, Fingerprint: m.Fingerprint, CreatedAt: now}
	secret := m.Secret.Reveal()
	if len(secret) == 0 {
		v.Number = 0
		return v, nil
	}
	var err error
	v.Sealed, err = s.Sealer.Seal(ctx, SealContext(c.Workspace, c.ID, number), secret)
	return v, unavailable(err)
}

// SealContext is what a version of a credential is sealed for.
func SealContext(workspace, id string, number int64) envelope.Context {
	return envelope.Context{Workspace: workspace, Credential: id, Version: number}
}

// errVault is for a KMS that does not answer.
var errVault = problem.New(problem.Unavailable, "The key service did not answer in time; send the same request again.")

// unavailable turns the vault's failure into a problem, without its text.
func unavailable(err error) error {
	if errors.Is(err, envelope.ErrUnavailable) {
		return errors.Join(errVault, err)
	}
	return err
}
