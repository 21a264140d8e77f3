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
	// SignOnly and BasicOnly are the one way to authenticate that a TPNS key
	// takes; without them it takes both.
	SignOnly  bool `json:"sign_only,omitempty"`
	BasicOnly bool `json:"basic_only,omitempty"`
	// Callback says that TIMPush's callback is taken, with its token.
	Callback bool `json:"callback,omitempty"`
}

// facadeCredential is what is shown of a credential.
func facadeCredential(k facade.Credential) FacadeCredential {
	return FacadeCredential{
		Facade: k.Facade, ID: k.ID, Admins: k.Admins, Disabled: k.Disabled, SignOnly: k.SignOnly, BasicOnly: k.BasicOnly,
		Callback: k.CallbackToken != "" || k.CallbackHash != nil,
	}
}

// FacadeCredentialList lists the app's facade credentials.
type FacadeCredentialList struct {
	Credentials []FacadeCredential `json:"credentials"`
}

// FacadeSecret is what an administrator enters for a key. It replaces all that
// was entered before.
type FacadeSecret struct {
	Secret    string   `json:"secret"`
	Admins    []string `json:"admins,omitempty"`
	Disabled  bool     `json:"disabled,omitempty"`
	SignOnly  bool     `json:"sign_only,omitempty" doc:"tpns: refuse Basic authentication"`
	BasicOnly bool     `json:"basic_only,omitempty" doc:"tpns: refuse Sign, so that only a hash of the secret is kept"`
	// CallbackToken is what the address of TIMPush's callback must carry.
	CallbackToken string `json:"callback_token,omitempty" doc:"timpush: what the callback's address carries as token; without it callbacks are refused"`
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
			a.Credentials = append(a.Credentials, facadeCredential(k))
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
		SignOnly: b.SignOnly, BasicOnly: b.BasicOnly, CallbackToken: b.CallbackToken,
	}
	if err := store.Put(k); err != nil {
		return nil, err
	}
	return answer(facadeCredential(k), nil)
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
