// Package secret reads the stack's own secrets, such as its GitHub token, from
// Secrets Manager.
package secret

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// maxAge is how long a value is used before it is read again, so that a
// rotated secret is picked up by itself.
const maxAge = 5 * time.Minute

// readTimeout bounds one call.
const readTimeout = 2 * time.Second

// Manager reads one secret and remembers it for five minutes.
type Manager struct {
	Client *secretsmanager.Client
	ID     string // name or ARN
	Now    func() time.Time

	mu    sync.Mutex
	value string
	until time.Time
}

// Read returns the secret's current value. The value is in no error.
func (m *Manager) Read(ctx context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Now().Before(m.until) {
		return m.value, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	out, err := m.Client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &m.ID})
	if err != nil {
		return "", fmt.Errorf("reading secret %s: %w", m.ID, err)
	}
	// People paste secrets with the line break that followed them.
	value := strings.TrimSpace(aws.ToString(out.SecretString))
	if value == "" {
		return "", fmt.Errorf("secret %s holds no text", m.ID)
	}
	m.value, m.until = value, m.Now().Add(maxAge)
	return m.value, nil
}
