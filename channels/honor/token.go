package honor

import (
	"context"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// mint gets an access token.
func (e *Emitter) mint(ctx context.Context) (call.Token, error) {
	return e.call.Exchange(ctx, e.c.TokenURL, call.ClientCredentials(e.c.ClientID, e.c.ClientSecret))
}
