package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// SettingsOf are the settings that the stream of a backup was made with, so that it
// is opened without the configuration of the node it is from.
func SettingsOf(config json.RawMessage, partitions int) (Settings, error) {
	var c js.StreamConfig
	if err := json.Unmarshal(config, &c); err != nil {
		return Settings{}, fmt.Errorf("the settings of the stream: %w", err)
	}
	return Settings{Replicas: c.Replicas, MaxAge: c.MaxAge, MaxBytes: max(c.MaxBytes, 0), Partitions: partitions}, nil
}

// Relimit gives a stream that was just restored, and that no node has opened yet,
// another age and size; 0 bytes are no limit of its own.
func Relimit(ctx context.Context, conn *Conn, name string, maxAge time.Duration, maxBytes int64) error {
	api, err := js.New(conn)
	if err != nil {
		return err
	}
	s, err := api.Stream(ctx, name)
	if err != nil {
		return err
	}
	config := s.CachedInfo().Config
	if config.MaxAge, config.MaxBytes = maxAge, maxBytes; maxBytes == 0 {
		config.MaxBytes = -1
	}
	if _, err := api.UpdateStream(ctx, config); err != nil {
		return fmt.Errorf("set the limits of stream %s: %w", name, err)
	}
	return nil
}

// Unmake removes streams that a restore made and could not finish. It is the only
// thing that removes any, and must never be given others.
func Unmake(ctx context.Context, conn *Conn, names []string) error {
	api, err := js.New(conn)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range names {
		if err := api.DeleteStream(ctx, name); err != nil {
			errs = append(errs, fmt.Errorf("stream %s was restored and could not be removed; delete it before you restore again: %w", name, err))
		}
	}
	return errors.Join(errs...)
}
