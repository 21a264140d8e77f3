package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
)

// Addresses is where a server listens, as host:port; "" where it does not.
type Addresses struct {
	Client  string `json:"client"`
	Cluster string `json:"cluster"`
	Monitor string `json:"monitor"`
}

// Serve runs a whole server, with its own listeners, from a configuration file
// in NATS's format, as the program nats-server would. ready is called once the
// server takes connections; a member of a cluster need not know a leader yet.
// Serve stops the server and returns nil when ctx ends.
//
// It is what a cluster in a test is made of (clustertest): the same server
// version as the one in the process, and nothing to install.
func Serve(ctx context.Context, config string, ready func(Addresses)) error {
	o, err := server.ProcessConfigFile(config)
	if err != nil {
		return fmt.Errorf("read the configuration of the NATS server: %w", err)
	}
	o.NoSigs = true
	srv, err := server.NewServer(o)
	if err != nil {
		return fmt.Errorf("start the NATS server: %w", err)
	}
	srv.ConfigureLogger()
	srv.Start()
	defer func() {
		srv.Shutdown()
		srv.WaitForShutdown()
	}()
	if !srv.ReadyForConnections(readyTimeout) {
		return errors.New("start the NATS server: it takes no connections; its log file says why")
	}
	var a Addresses
	if at := srv.Addr(); at != nil {
		a.Client = at.String()
	}
	if at := srv.ClusterAddr(); at != nil {
		a.Cluster = at.String()
	}
	if at := srv.MonitorAddr(); at != nil {
		a.Monitor = at.String()
	}
	ready(a)
	<-ctx.Done()
	return nil
}
