package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/alipay"
	"github.com/recall-ledger/recall-ledger/channels/apns"
	"github.com/recall-ledger/recall-ledger/channels/dingtalk"
	"github.com/recall-ledger/recall-ledger/channels/fcm"
	"github.com/recall-ledger/recall-ledger/channels/harmony"
	"github.com/recall-ledger/recall-ledger/channels/honor"
	"github.com/recall-ledger/recall-ledger/channels/huawei"
	"github.com/recall-ledger/recall-ledger/channels/jpush"
	"github.com/recall-ledger/recall-ledger/channels/meizu"
	"github.com/recall-ledger/recall-ledger/channels/ntfy"
	"github.com/recall-ledger/recall-ledger/channels/oppo"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/channels/vivo"
	"github.com/recall-ledger/recall-ledger/channels/webpush"
	"github.com/recall-ledger/recall-ledger/channels/wechat"
	"github.com/recall-ledger/recall-ledger/channels/wecom"
	"github.com/recall-ledger/recall-ledger/channels/xiaomi"
	"github.com/recall-ledger/recall-ledger/events"
)

// VendorConfig is what one app needs to call the vendor of one channel.
type VendorConfig struct {
	App     string `koanf:"app"`
	Channel string `koanf:"channel"`
	// Settings are those of the adapter, by the koanf names of its Config. In
	// place of a text, NAME_file names a file with it.
	Settings map[string]any `koanf:"settings"`
}

// tools are what adapters get from outside.
type tools struct {
	http  *http.Client
	clock func() time.Time
}

// adapter makes the emitter of a stored channel.
type adapter struct {
	channel string
	make    func(place string, settings map[string]any, t tools) (channels.Emitter, error)
	// two is true where the vendor speaks HTTP/2 only.
	two bool
}

// adapters has a row for every stored channel that can be configured.
func adapters() []adapter {
	return []adapter{
		{channel: apns.Channel, two: true, make: with(apns.New, func(c *apns.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: fcm.Notification, make: with(fcm.New, func(c *fcm.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: fcm.Data, make: with(fcm.New, func(c *fcm.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: huawei.Channel, make: with(huawei.New, func(c *huawei.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: huawei.OldChannel, make: with(huawei.New, func(c *huawei.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: harmony.Channel, make: with(harmony.New, func(c *harmony.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: honor.Channel, make: with(honor.New, func(c *honor.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: xiaomi.Channel, make: with(xiaomi.New, func(c *xiaomi.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: oppo.Channel, make: with(oppo.New, func(c *oppo.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: vivo.Channel, make: with(vivo.New, func(c *vivo.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: meizu.Channel, make: with(meizu.New, func(c *meizu.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: jpush.Channel, make: with(jpush.New, func(c *jpush.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: wecom.Channel, make: with(wecom.New, func(c *wecom.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: dingtalk.Channel, make: with(dingtalk.New, func(c *dingtalk.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: wechat.Channel, make: with(wechat.New, func(c *wechat.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: alipay.Channel, make: with(alipay.New, func(c *alipay.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: webpush.Channel, make: with(webpush.New, func(c *webpush.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
		{channel: ntfy.Channel, make: with(ntfy.New, func(c *ntfy.Config, t tools) { c.HTTP, c.Clock = t.http, t.clock })},
	}
}

// with makes an adapter of its constructor and its Config, which share completes.
func with[C any, E channels.Emitter](construct func(C) (E, error), share func(*C, tools)) func(string, map[string]any, tools) (channels.Emitter, error) {
	return func(place string, settings map[string]any, t tools) (channels.Emitter, error) {
		var c C
		if err := decode(place, settings, &c); err != nil {
			return nil, err
		}
		share(&c, t)
		e, err := construct(c)
		if err != nil {
			// The adapter's error begins with the name of the setting.
			return nil, fmt.Errorf("%s.%w", place, err)
		}
		return e, nil
	}
}

// apps are the emitters of one channel, by app. It implements channels.Emitter.
type apps map[string]channels.Emitter

// Emit calls the vendor as the command's app. Without settings of that app it is
// refused, so that it can be issued again once there are some.
func (a apps) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	if e := a[c.App]; e != nil {
		return e.Emit(ctx, c)
	}
	return channels.All(c, channels.Refused, channels.ReasonNotConfigured), nil
}

// vendorClients are the HTTP clients that all adapters share: one for vendors that
// speak any version, one for those that speak HTTP/2 only.
type vendorClients struct{ common, two *http.Client }

func newVendorClients() vendorClients {
	common, two := new(http.Protocols), new(http.Protocols)
	common.SetHTTP1(true)
	common.SetHTTP2(true)
	// Without TLS there is nothing to negotiate by; that is for loopback.
	two.SetHTTP2(true)
	two.SetUnencryptedHTTP2(true)
	return vendorClients{vendorClient(common), vendorClient(two)}
}

// The limits of connections to vendors (L11). A whole call is bounded by the
// worker's context.
const (
	vendorDial    = 5 * time.Second
	vendorAnswer  = 20 * time.Second
	vendorIdle    = 90 * time.Second
	vendorConns   = 128 // to one host
	vendorHeaders = 64 << 10
)

func vendorClient(p *http.Protocols) *http.Client {
	return &http.Client{
		// A redirected call could carry its credentials elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:       http.ProxyFromEnvironment,
			DialContext: (&net.Dialer{Timeout: vendorDial}).DialContext,
			Protocols:   p, TLSHandshakeTimeout: vendorDial, ResponseHeaderTimeout: vendorAnswer,
			IdleConnTimeout: vendorIdle, MaxConnsPerHost: vendorConns, MaxIdleConnsPerHost: vendorConns,
			MaxResponseHeaderBytes: vendorHeaders,
		},
	}
}

func (v vendorClients) close() {
	v.common.CloseIdleConnections()
	v.two.CloseIdleConnections()
}

// emitters returns the emitter of every channel that has an adapter, or
// everything that is wrong with the vendors of the configuration, by name.
func (c *Config) emitters(clients vendorClients) (map[string]channels.Emitter, error) {
	var errs []error
	all := map[string]channels.Emitter{}
	table := adapters()
	for _, a := range table {
		all[a.channel] = apps{}
	}
	first := map[[2]string]int{}
	for i, v := range c.Vendors {
		place := fmt.Sprintf("vendors[%d]", i)
		if err := errors.Join(events.CheckApp(place+".app", v.App), adaptable(place+".channel", v.Channel)); err != nil {
			errs = append(errs, err)
			continue
		}
		if j, ok := first[[2]string{v.App, v.Channel}]; ok {
			errs = append(errs, fmt.Errorf("%s: app %s has %s in vendors[%d] already", place, v.App, v.Channel, j))
			continue
		}
		first[[2]string{v.App, v.Channel}] = i
		a := table[slices.IndexFunc(table, func(a adapter) bool { return a.channel == v.Channel })]
		t := tools{http: clients.common, clock: c.Clock}
		if a.two {
			t.http = clients.two
		}
		if t.clock == nil {
			t.clock = time.Now
		}
		e, err := a.make(place+".settings", v.Settings, t)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all[v.Channel].(apps)[v.App] = e
	}
	return all, errors.Join(errs...)
}

// adaptable says why a channel cannot be configured, nil when it can.
func adaptable(field, channel string) error {
	wrong := func(format string, args ...any) error {
		return &events.FieldError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case channel == "":
		return wrong("is missing")
	case !channels.Known(channel):
		return wrong("%.40q is not a channel; see recall channels", channel)
	case channel == selfbuilt.Channel:
		return wrong("%s is the ledger's own channel and needs no vendor; see devices", channel)
	case !slices.ContainsFunc(adapters(), func(a adapter) bool { return a.channel == channel }):
		return wrong("%s has no adapter: nothing that went over it can be taken back", channel)
	}
	return nil
}

// checkVendors reports what is wrong with the vendors of the configuration.
func (c *Config) checkVendors() error {
	if len(c.Vendors) == 0 {
		return nil
	}
	clients := newVendorClients()
	defer clients.close()
	_, err := c.emitters(clients)
	return err
}
