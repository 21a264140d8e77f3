package jetstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Conn is a connection to a NATS server.
type Conn = nats.Conn

// DialConfig says how to connect to an external server or cluster. Empty fields
// are not used.
type DialConfig struct {
	// URL is one server or several, separated by commas: nats, tls, ws or wss.
	URL string
	// Name is what the server shows of the connection.
	Name string
	// Context is a context of the NATS CLI: its name, or the path of its file.
	// What is set here besides takes the place of what it says.
	Context string
	// Creds is a credentials file (JWT), NKey a seed file.
	Creds, NKey    string
	User, Password string
	Token          string
	// CA, Cert and Key are PEM files for TLS.
	CA, Cert, Key string
	// Wait bounds how long Dial tries when no server can be reached: a server that
	// starts beside this program may be a moment behind. Default: one try. A
	// refusal of the credentials is not tried again.
	Wait time.Duration
	// Patient gives a server minutes to answer, for Backup and Restore: a server
	// that writes a restored piece to disk answers nothing else on the connection.
	Patient bool
	// Logger takes what happens to the connection. Default: nothing is logged.
	Logger *slog.Logger

	// The rest only a context can say.
	inbox    string
	tlsFirst bool
	// source names the file that said a setting, by its name.
	source map[string]string
}

// What keeps a connection alive. A server that died without a word is noticed
// after pingEvery times pingsMissed and a little: sooner than its peers elect
// another leader.
const (
	pingEvery   = 1500 * time.Millisecond
	pingsMissed = 2
	// connectIn bounds one attempt at one server.
	connectIn = 3 * time.Second
	// retryEvery is the pause before a server is tried again, retrySpread what is
	// added by chance, lest all clients of a server come back as one.
	retryEvery  = 200 * time.Millisecond
	retrySpread = 300 * time.Millisecond
)

// Dial connects to an external server. The connection heals by itself, for ever,
// also when the server refuses it for a while. While it is down nothing is kept
// back to be sent later: an append either goes out or fails.
func Dial(c DialConfig) (*Conn, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := c.fromContext(); err != nil {
		return nil, err
	}
	options, err := c.options()
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(c.Wait); ; {
		nc, err := nats.Connect(c.URL, options...)
		if err == nil {
			return nc, nil
		}
		if refusal(err) || !time.Now().Before(deadline) {
			return nil, fmt.Errorf("connect to %s: %w; %s", c.hosts(), err, c.hint(err))
		}
		timer := time.NewTimer(retryEvery)
		<-timer.C
	}
}

// options checks every setting on its own, so that an error names the one.
func (c *DialConfig) options() ([]nats.Option, error) {
	if err := c.checkURL(); err != nil {
		return nil, err
	}
	options := []nats.Option{
		nats.Name(c.Name), nats.Timeout(connectIn),
		nats.MaxReconnects(-1), nats.ReconnectWait(retryEvery), nats.ReconnectJitter(retrySpread, retrySpread),
		// A publish that waits for a connection would be stored after its writer
		// was told that nobody knows (L1).
		nats.ReconnectBufSize(-1),
		// Refusals pass, for instance while a server loads its accounts.
		nats.IgnoreAuthErrorAbort(),
	}
	options = append(options, c.report()...)
	if !c.Patient {
		options = append(options, nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsMissed))
	}
	credentials, err := c.credentials()
	if err != nil {
		return nil, err
	}
	transport, err := c.tls()
	if err != nil {
		return nil, err
	}
	if c.inbox != "" {
		options = append(options, nats.CustomInboxPrefix(c.inbox))
	}
	return append(append(options, credentials...), transport...), nil
}

// report logs what happens to the connection. The texts are the client's own and
// hold no secret.
func (c *DialConfig) report() []nats.Option {
	log := c.Logger
	return []nats.Option{
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("the connection to the NATS server was lost", "error", err.Error())
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			log.Info("connected to a NATS server again", "server", nc.ConnectedServerName())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Debug("nats client", "error", err.Error())
		}),
	}
}

// name returns what an error calls a setting.
func (c *DialConfig) name(setting string) string {
	if file := c.source[setting]; file != "" {
		return setting + " in the context file " + file
	}
	return "nats." + setting
}

var schemes = []string{"nats", "tls", "ws", "wss"}

func (c *DialConfig) checkURL() error {
	if strings.TrimSpace(c.URL) == "" {
		return fmt.Errorf("%s: name one server or several, separated by commas, for example nats://127.0.0.1:4222", c.name("url"))
	}
	for i, one := range strings.Split(c.URL, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		u, err := url.Parse(one)
		// The URL may hold a password: it is not repeated.
		if err != nil || u.Hostname() == "" {
			return fmt.Errorf("%s: server %d of the list is not a URL, want SCHEME://HOST:PORT", c.name("url"), i+1)
		}
		if !slices.Contains(schemes, u.Scheme) {
			return fmt.Errorf("%s: server %d of the list has scheme %q, want one of %s", c.name("url"), i+1, u.Scheme, strings.Join(schemes, ", "))
		}
	}
	return nil
}

// hosts names the servers without user and password.
func (c *DialConfig) hosts() string {
	var hosts []string
	for one := range strings.SplitSeq(c.URL, ",") {
		one = strings.TrimSpace(one)
		if at := strings.LastIndexByte(one, '@'); at >= 0 {
			scheme, _, found := strings.Cut(one, "://")
			if !found {
				scheme = "nats"
			}
			one = scheme + "://" + one[at+1:]
		}
		hosts = append(hosts, one)
	}
	return strings.Join(hosts, ",")
}

// given returns the names of the kinds of credentials that are set.
func (c *DialConfig) given() []string {
	var names []string
	for _, k := range []struct{ name, value string }{{"creds", c.Creds}, {"nkey", c.NKey}, {"user", c.User}, {"token", c.Token}} {
		if k.value != "" {
			names = append(names, c.name(k.name))
		}
	}
	return names
}

func (c *DialConfig) credentials() ([]nats.Option, error) {
	if given := c.given(); len(given) > 1 {
		return nil, fmt.Errorf("%s: use one kind of credentials, not several", strings.Join(given, ", "))
	}
	switch {
	case c.Password != "" && c.User == "":
		return nil, fmt.Errorf("%s needs nats.user", c.name("password"))
	case c.Creds != "":
		b, err := os.ReadFile(c.Creds)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name("creds"), err)
		}
		for _, part := range []string{"NATS USER JWT", "USER NKEY SEED"} {
			if !strings.Contains(string(b), "BEGIN "+part) {
				return nil, fmt.Errorf("%s: %s is not a credentials file: it lacks the part %q", c.name("creds"), c.Creds, part)
			}
		}
		return []nats.Option{nats.UserCredentials(c.Creds)}, nil
	case c.NKey != "":
		o, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name("nkey"), err)
		}
		return []nats.Option{o}, nil
	case c.User != "":
		return []nats.Option{nats.UserInfo(c.User, c.Password)}, nil
	case c.Token != "":
		return []nats.Option{nats.Token(c.Token)}, nil
	}
	return nil, nil
}

func (c *DialConfig) tls() ([]nats.Option, error) {
	var options []nats.Option
	if c.CA != "" {
		b, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name("ca"), err)
		}
		if !x509.NewCertPool().AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("%s: %s holds no certificate in PEM", c.name("ca"), c.CA)
		}
		options = append(options, nats.RootCAs(c.CA))
	}
	switch {
	case c.Cert != "" && c.Key == "":
		return nil, fmt.Errorf("%s needs nats.key", c.name("cert"))
	case c.Key != "" && c.Cert == "":
		return nil, fmt.Errorf("%s needs nats.cert", c.name("key"))
	case c.Cert != "":
		if _, err := tls.LoadX509KeyPair(c.Cert, c.Key); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", c.name("cert"), c.name("key"), err)
		}
		options = append(options, nats.ClientCert(c.Cert, c.Key))
	}
	if c.tlsFirst {
		options = append(options, nats.TLSHandshakeFirst())
	}
	return options, nil
}

// refusal reports that a server was reached and does not want this client, or
// this client not the server.
func refusal(err error) bool {
	for _, e := range []error{
		nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired, nats.ErrSecureConnRequired, nats.ErrSecureConnWanted,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return certificate(err)
}

func certificate(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || strings.Contains(strings.ToLower(err.Error()), "tls")
}

// hint names the settings that an error is about.
func (c *DialConfig) hint(err error) string {
	var host x509.HostnameError
	switch {
	case errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted):
		return "the servers and " + c.name("url") + " differ about TLS: set " + c.name("ca") + " when the servers ask for it, and nats:// without it when they do not"
	case errors.As(err, &host):
		return "the server's certificate does not name the host of " + c.name("url")
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return "set " + c.name("ca") + " to the authority that signed the server's certificate"
	case certificate(err):
		return "the servers ask for a certificate of their authority: check " + c.name("cert") + " and " + c.name("key")
	case refusal(err):
		if given := c.given(); len(given) > 0 {
			return "the servers refuse the credentials: check " + strings.Join(given, ", ")
		}
		return "the servers ask for credentials: set nats.creds, nats.nkey, nats.user or nats.token"
	}
	return "no server could be reached: check " + c.name("url")
}
