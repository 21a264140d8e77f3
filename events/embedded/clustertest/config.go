package clustertest

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// The users of the default accounts. A client without a user is in the account
// of User.
const (
	User           = "recall"
	Password       = "recall-password"
	SystemUser     = "system"
	SystemPassword = "system-password"
)

// Config configures a cluster.
type Config struct {
	// Servers is how many there are. Default 3; 1 is a server without a cluster,
	// which is ready at once and takes R1 alone.
	Servers int
	// Dir holds the servers' files. Default a folder that the test removes.
	Dir string
	// Sync is the servers' sync_interval. Default "always".
	Sync string
	// Accounts is configuration in NATS's format that takes the place of the
	// default accounts: a user of JetStream, who is also who a client without
	// credentials is, and a user of the system account.
	Accounts string
	// More is configuration in NATS's format for every server, such as tls.
	More string
	// MaxStore bounds each server's streams, in bytes. Default 4 GiB.
	MaxStore int64
}

const defaultAccounts = `
accounts {
  LEDGER { jetstream: enabled, users: [{user: ` + User + `, password: ` + Password + `}] }
  SYS { users: [{user: ` + SystemUser + `, password: ` + SystemPassword + `}] }
}
system_account: SYS
no_auth_user: ` + User + `
`

// file is the configuration of one server. Ports are the system's choice, so
// that nobody else can have taken them; what is fixed are the forwarders.
func (c *Config) file(s *serverProcess, routes []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "server_name: %s\nlisten: \"127.0.0.1:-1\"\nhttp: \"127.0.0.1:-1\"\n", s.name)
	fmt.Fprintf(&b, "log_file: %s\nlogtime_utc: true\n", strconv.Quote(filepath.Join(s.dir, logFile)))
	// The log takes events of 1 MiB and batches of a thousand.
	b.WriteString("max_payload: 2MB\nmax_pending: 256MB\n")
	fmt.Fprintf(&b, "jetstream {\n  store_dir: %s\n  sync_interval: %q\n  max_memory_store: 64MB\n  max_file_store: %d\n}\n",
		strconv.Quote(filepath.Join(s.dir, "store")), c.Sync, c.MaxStore)
	if len(routes) > 0 {
		// Servers tell each other where their peers are. What they say here leads
		// nowhere, or a server could go around the forwarder that is cut.
		fmt.Fprintf(&b, "cluster {\n  name: ledger\n  listen: \"127.0.0.1:-1\"\n  no_advertise: true\n  cluster_advertise: \"127.0.0.1:1\"\n  routes: [\n")
		for _, r := range routes {
			fmt.Fprintf(&b, "    \"nats-route://%s\"\n", r)
		}
		b.WriteString("  ]\n}\n")
	}
	b.WriteString(c.Accounts)
	b.WriteString("\n")
	b.WriteString(c.More)
	return b.String()
}

func (c *Config) setDefaults() {
	if c.Servers == 0 {
		c.Servers = 3
	}
	if c.Sync == "" {
		c.Sync = "always"
	}
	if c.Accounts == "" {
		c.Accounts = defaultAccounts
	}
	if c.MaxStore == 0 {
		c.MaxStore = 4 << 30
	}
}
