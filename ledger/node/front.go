package node

import (
	"math/rand/v2"
	"net/http"

	inbound "github.com/recall-ledger/recall-ledger/ledger/callback"
	"github.com/recall-ledger/recall-ledger/ledger/console"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/facade/mpaas"
	"github.com/recall-ledger/recall-ledger/ledger/facade/timpush"
	"github.com/recall-ledger/recall-ledger/ledger/facade/tpns"
	"github.com/recall-ledger/recall-ledger/ledger/facade/ums"
	"github.com/recall-ledger/recall-ledger/ledger/facade/ums/callback"
	"github.com/recall-ledger/recall-ledger/ledger/tracing"
)

// vendor is a facade: it knows its requests and answers them, also when there is
// no room for them, since its clients read nothing but its own form.
type vendor interface {
	http.Handler
	Match(*http.Request) bool
	Busy(http.ResponseWriter, *http.Request)
}

// vendorRequests is how many requests of vendor clients may be under way (L11).
const vendorRequests = 256

// front gives each request to the facade it is meant for, or else to the
// native API: clients of other systems change their endpoint and nothing else. A
// browser that asks for the root gets the console.
func (n *Node) front(native http.Handler, pages *console.Console) http.Handler {
	desk := facade.NewDesk(facade.Config{
		Ledger: n.ledger, Credentials: n.vendors, Clock: n.c.Clock, Random: rand.Uint32, Logger: n.c.Logger,
	})
	started := n.c.Clock()
	vendors := []vendor{
		tpns.New(tpns.Config{Desk: desk, Logger: n.c.Logger, Started: started}),
		timpush.New(timpush.Config{Desk: desk, Logger: n.c.Logger, Started: started}),
		ums.New(ums.Config{Desk: desk, Logger: n.c.Logger, Started: started, Receivers: callback.Receivers(n.c.accounts())}),
		// After the facades, which have callbacks of their own.
		inbound.New(inbound.Config{
			Accounts: n.c.reporters(), Ledger: n.ledger, Clock: n.c.Clock, Logger: n.c.Logger,
		}),
		// Last: it takes every POST to the root.
		mpaas.New(mpaas.Config{Desk: desk, Logger: n.c.Logger, Started: started, Templates: n.template}),
	}
	slots := make(chan struct{}, vendorRequests)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Clients of UMS look whether anybody is there before their first call.
		if r.Method == http.MethodHead && r.URL.Path == "/" {
			w.WriteHeader(http.StatusOK)
			return
		}
		for _, v := range vendors {
			if !v.Match(r) {
				continue
			}
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
				if ctx := tracing.Incoming(r.Context(), r.Header); ctx != r.Context() {
					r = r.WithContext(ctx)
				}
				v.ServeHTTP(w, r)
			default:
				v.Busy(w, r)
			}
			return
		}
		// After the facades: what their clients ask at the root is theirs.
		if pages.Match(r) {
			pages.ServeHTTP(w, r)
			return
		}
		native.ServeHTTP(w, r)
	})
}

// template returns a template in the form of mPaaS.
func (n *Node) template(app, name string) (mpaas.Template, bool) {
	t, ok := n.texts.Find(app, name)
	return mpaas.Template{Title: t.Title, Content: t.Body}, ok
}
