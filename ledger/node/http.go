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
	end, err := n.ledger.End(ctx)
	if err != nil {
		return err
	}
	n.since = end
	registry := prometheus.NewRegistry()
	n.stats, n.survey = newMeters(registry), newSurvey(n, registry)
	registry.MustRegister(newGauges(n))
	rebuilds := newRebuilds(n)
	n.jobs = append(n.jobs, job{"", rebuilds.Run})
	s, err := api.New(api.Config{
		Ledger: n.ledger, Past: n.past, Projections: rebuilds, Clock: n.c.Clock, NewID: newID, Logger: n.c.Logger, Keys: n.c.keys(),
		DevicePassword: n.secrets.Password, DeviceURL: n.DeviceURL(),
		Ready: n.ready, Held: n.held.of, Disk: n.disk, LogLimit: n.logLimit(), Since: end, Credentials: n.vendors, Templates: n.texts, Version: n.c.Version, Registry: registry,
		Tracer: n.c.Tracer,
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
	if err := n.trouble(); err != nil {
		return err
	}
	applied, parts := n.ledger.Applied(), n.ledger.Parts()
	for _, since := range n.since {
		// Whether it is ready for the others the nodes that serve them know.
		if at := applied.Of(since.Partition); parts[since.Partition].Local != nil && at < since.Seq {
			return fmt.Errorf("the projection is catching up: it is at %s and reads need %s", applied, n.since)
		}
	}
	ends, err := n.ledger.End(ctx)
	if err != nil {
		return err
	}
	for _, end := range ends {
		at := applied.Of(end.Partition)
		if lag := uint64(end.Seq - min(at, end.Seq)); parts[end.Partition].Local != nil && lag > n.c.Recall.MaxLag {
			return fmt.Errorf("the projection lags %d events behind the log of partition %d, the limit is %d", lag, end.Partition, n.c.Recall.MaxLag)
		}
	}
	return nil
}
