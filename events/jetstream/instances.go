package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Instance is a process that answers as a micro service.
type Instance struct {
	ID       string
	Version  string
	Metadata map[string]string
	// Subjects are those it answers at.
	Subjects []string
}

// maxInstances bounds how many instances are listed (L11).
const maxInstances = 10_000

// Instances lists who serves under a name: all that answer within a time, sorted by
// id. Whoever is stalled or cut off for as long is not among them.
func Instances(ctx context.Context, conn *nats.Conn, name string, within time.Duration) ([]Instance, error) {
	subject, err := micro.ControlSubject(micro.InfoVerb, name, "")
	if err != nil {
		return nil, fmt.Errorf("list who serves %s: %w", name, err)
	}
	inbox := conn.NewRespInbox()
	answers, err := conn.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("list who serves %s: %w", name, err)
	}
	defer func() { _ = answers.Unsubscribe() }() // the connection's end does it too
	if err := conn.PublishRequest(subject, inbox, nil); err != nil {
		return nil, fmt.Errorf("list who serves %s: %w", name, err)
	}
	bounded, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var list []Instance
	for len(list) < maxInstances {
		m, err := answers.NextMsgWithContext(bounded)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, nats.ErrNoResponders), bounded.Err() != nil:
			slices.SortFunc(list, func(a, b Instance) int { return strings.Compare(a.ID, b.ID) })
			return list, nil
		case err != nil:
			return nil, fmt.Errorf("list who serves %s: %w", name, err)
		}
		var info micro.Info
		if json.Unmarshal(m.Data, &info) != nil {
			continue // not one of ours
		}
		i := Instance{ID: info.ID, Version: info.Version, Metadata: info.Metadata}
		for _, e := range info.Endpoints {
			i.Subjects = append(i.Subjects, e.Subject)
		}
		list = append(list, i)
	}
	return list, nil
}
