package local

import (
	"context"
	"fmt"

	"safekeep/infra/local/host"
	"safekeep/infra/local/pump"
)

// startPumps connects the streams to the functions that the template names.
func (s *Stack) startPumps(ctx context.Context) error {
	if s.options.NoPump {
		return nil
	}
	for _, f := range s.Template.Functions {
		for n, stream := range f.Streams {
			p, err := pump.Start(ctx, pump.Config{
				Endpoint:    s.Endpoint,
				Region:      host.Region,
				Credentials: s.Credentials,
				Stream:      stream,
				Log:         s.log,
				State:       s.statePath(fmt.Sprintf("stream-%s-%d.json", f.Name, n)),
				// A failure in the function and one on the way to it are the same to
				// Lambda's event source: the batch is tried again.
				Invoke: func(ctx context.Context, event []byte) error {
					r, err := s.functions[f.Name].Invoke(ctx, event)
					if err != nil {
						return err
					}
					if r.Failed {
						return fmt.Errorf("%s failed: %.300s", f.Name, r.Payload)
					}
					return nil
				},
			})
			if err != nil {
				return err
			}
			s.pumps = append(s.pumps, p)
		}
	}
	return nil
}
