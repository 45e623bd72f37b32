package credential

import (
	"context"
	"net/http"
	"time"

	"safekeep/shared/web"
)

// Rotator rotates a key pair as far as it goes.
type Rotator interface {
	// Rotate returns the credential as it stands then, also when something holds
	// the rotation up: Rotation.Trouble says what.
	Rotate(ctx context.Context, workspace, id string, ask RotationRequest) (Credential, error)
}

// RotationRequest is somebody's wish to have a key pair rotated now.
type RotationRequest struct {
	Actor string `json:"-"`
	// RetireSuppliedKey, when given, is from now on the credential's policy.
	RetireSuppliedKey *bool `json:"retire_supplied_key"`
}

// rotateTime leaves time to say how far it got before Lambda's own is up.
const rotateTime = 25 * time.Second

// rotate rotates a key pair now, or takes up a rotation that was held up.
func (s *Service) rotate(w http.ResponseWriter, r *http.Request) error {
	actor, err := web.Actor(r)
	if err != nil {
		return err
	}
	ask := RotationRequest{}
	if err := web.ReadOptionalJSON(r, &ask); err != nil {
		return err
	}
	ask.Actor = actor
	c, err := s.named(r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), rotateTime)
	defer cancel()
	if c, err = s.Rotator.Rotate(ctx, c.Workspace, c.ID, ask); err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, s.view(c))
}
