package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// openHTTP builds the API and opens its listener.
func (n *Node) openHTTP(ctx context.Context) error {
	end, err := n.log.End(ctx)
	if err != nil {
		return err
	}
	n.since = end
	registry := prometheus.NewRegistry()
	n.stats, n.survey = newMeters(registry), newSurvey(n, registry)
	registry.MustRegister(newGauges(n))
	s, err := api.New(api.Config{
		Log: n.log, Projection: n.projection, Decider: n.decider, Committer: n.committer,
		Clock: n.c.Clock, NewID: newID, Logger: n.c.Logger, Keys: n.c.keys(),
		DevicePassword: n.secrets.Password, DeviceURL: n.DeviceURL(),
		Ready: n.ready, Held: n.held.of, Disk: n.disk, LogLimit: n.c.Log.MaxBytes, Since: end, Credentials: n.vendors, Templates: n.texts, Version: n.c.Version, Registry: registry,
	})
	if err != nil {
		return err
	}
	pages, err := n.newConsole(s.Handler())
	if err != nil {
		return err
	}
	n.http = &http.Server{
		Handler:           n.front(s.Handler(), pages),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       2 * time.Minute,
		// No WriteTimeout: lists of holders and watched recalls are long
		// answers by nature; the API bounds how many there are.
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	// Watched recalls end when the server stops; other requests are finished.
	n.http.RegisterOnShutdown(s.Close)
	l, err := net.Listen("tcp", n.c.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("http.listen: %w", err)
	}
	n.address = l.Addr().String()
	n.listen = func() error { return n.http.Serve(l) }
	if n.c.HTTP.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(n.c.HTTP.TLSCert, n.c.HTTP.TLSKey)
		if err != nil {
			return errors.Join(fmt.Errorf("http.tls_cert, http.tls_key: %w", err), l.Close())
		}
		n.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
		n.listen = func() error { return n.http.ServeTLS(l, "", "") }
	}
	return nil
}

func (n *Node) serve() error {
	if err := n.listen(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

func (n *Node) stopHTTP(ctx context.Context) error {
	if err := n.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("stop HTTP: %w", err)
	}
	return nil
}

// ready reports why the node should get no traffic now, nil when it should.
func (n *Node) ready(ctx context.Context) error {
	if n.server != nil {
		if err := n.server.Health(); err != nil {
			return err
		}
	}
	applied := n.projection.Applied()
	if applied.Seq < n.since.Seq {
		return fmt.Errorf("the projection is catching up: it is at %s and reads need %s", applied, n.since)
	}
	end, err := n.log.End(ctx)
	if err != nil {
		return err
	}
	if lag := uint64(end.Seq) - min(uint64(applied.Seq), uint64(end.Seq)); lag > n.c.Recall.MaxLag {
		return fmt.Errorf("the projection lags %d events behind the log, the limit is %d", lag, n.c.Recall.MaxLag)
	}
	return nil
}
