package api

import "context"

// CallerAnswer says who the caller is to the ledger.
type CallerAnswer struct {
	App string `json:"app"`
	// Key is the id of the credential; absent where there are none.
	Key   string   `json:"key,omitempty"`
	Roles []string `json:"roles"`
	// Open is true where there are no credentials; then Apps lists the apps the
	// log has named, any of which the caller may name.
	Open bool     `json:"open,omitempty"`
	Apps []string `json:"apps,omitempty"`
	// Version is that of the node.
	Version string `json:"version,omitempty"`
}

func (s *Server) caller(ctx context.Context, _ *struct{}) (*output[CallerAnswer], error) {
	c := from(ctx).caller
	a := CallerAnswer{App: c.app, Key: c.key, Roles: c.roles, Open: s.keys.open, Version: s.c.Version}
	if a.Open {
		var err error
		if a.Apps, err = s.c.Ledger.Apps(); err != nil {
			return nil, err
		}
	}
	return answer(a, nil)
}
