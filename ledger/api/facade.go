package api

import (
	"context"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// FacadeCredential is a key with which clients of a vendor facade act for the
// app. Its secret is never shown again.
type FacadeCredential struct {
	// Facade is mpaas, tpns, timpush or ums.
	Facade string `json:"facade"`
	ID     string `json:"id"`
	// Admins are the TIMPush identifiers that may act.
	Admins   []string `json:"admins,omitempty"`
	Disabled bool     `json:"disabled,omitempty"`
}

// FacadeCredentialList lists the app's facade credentials.
type FacadeCredentialList struct {
	Credentials []FacadeCredential `json:"credentials"`
}

// FacadeSecret is what an administrator enters for a key.
type FacadeSecret struct {
	Secret   string   `json:"secret"`
	Admins   []string `json:"admins,omitempty"`
	Disabled bool     `json:"disabled,omitempty"`
}

// FacadeDeleted says whether there was a credential to delete.
type FacadeDeleted struct {
	Deleted bool `json:"deleted"`
}

type facadePath struct {
	Facade string `path:"facade" maxLength:"16" doc:"mpaas, tpns, timpush or ums"`
	ID     string `path:"id" maxLength:"128" doc:"The vendor's id of the key, percent-encoded"`
}

// store returns the credentials, which a node may run without.
func (s *Server) store() (*facade.Credentials, error) {
	if s.c.Credentials == nil {
		return nil, problem(codeNotFound, "this node runs without facades")
	}
	return s.c.Credentials, nil
}

func (s *Server) facadeCredentials(ctx context.Context, _ *struct{}) (*output[FacadeCredentialList], error) {
	store, err := s.store()
	if err != nil {
		return nil, err
	}
	a := FacadeCredentialList{Credentials: []FacadeCredential{}}
	for _, k := range store.List() {
		if k.App == from(ctx).caller.app {
			a.Credentials = append(a.Credentials, FacadeCredential{Facade: k.Facade, ID: k.ID, Admins: k.Admins, Disabled: k.Disabled})
		}
	}
	return answer(a, nil)
}

func (s *Server) putFacadeCredential(ctx context.Context, in *facadePath) (*output[FacadeCredential], error) {
	store, err := s.store()
	if err != nil {
		return nil, err
	}
	var b FacadeSecret
	if err := readBody(ctx, &b); err != nil {
		return nil, err
	}
	k := facade.Credential{
		Facade: in.Facade, ID: in.ID, App: from(ctx).caller.app, Secret: b.Secret, Admins: b.Admins, Disabled: b.Disabled,
	}
	if err := store.Put(k); err != nil {
		return nil, err
	}
	return answer(FacadeCredential{Facade: k.Facade, ID: k.ID, Admins: k.Admins, Disabled: k.Disabled}, nil)
}

func (s *Server) deleteFacadeCredential(ctx context.Context, in *facadePath) (*output[FacadeDeleted], error) {
	store, err := s.store()
	if err == nil {
		err = noBody(ctx)
	}
	if err != nil {
		return nil, err
	}
	done, err := store.Delete(from(ctx).caller.app, in.Facade, in.ID)
	return answer(FacadeDeleted{Deleted: done}, err)
}
