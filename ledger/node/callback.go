package node

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/facade/ums/callback"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
)

// accounts are the facades with who hears of their messages, in the order of the
// configuration.
func (c *Config) accounts() []callback.Account {
	list := make([]callback.Account, 0, len(c.Facades))
	for i, k := range c.facades() {
		list = append(list, callback.Account{Key: k, URLs: c.Facades[i].Callbacks})
	}
	return list
}

// newCaller returns what tells the services behind UMS what became of their
// messages. Its connections are its own: a service that answers late takes none
// from the channels.
func (n *Node) newCaller(p *partition.Part) (*callback.Caller, error) {
	return callback.New(callback.Config{
		Partition: p.Number(), Queue: p.Queue, Projection: p.Local, Accounts: n.c.accounts(),
		Client: &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: callback.Calls,
		}},
		After: time.After, Random: rand.Uint32, Logger: n.c.Logger, Observer: n.stats.callbacks(),
	})
}
