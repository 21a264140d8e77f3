package api

import (
	"context"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// TemplateText is the text of a template, with the placeholders of the facade
// that uses it.
type TemplateText struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
}

// TemplateList lists the app's templates by name.
type TemplateList struct {
	Templates []facade.Template `json:"templates"`
}

type templatePath struct {
	Name string `path:"name" maxLength:"128" doc:"The template's name, percent-encoded"`
}

func (s *Server) texts() (*facade.Templates, error) {
	if s.c.Templates == nil {
		return nil, problem(codeNotFound, "this node runs without facades")
	}
	return s.c.Templates, nil
}

func (s *Server) templates(ctx context.Context, _ *struct{}) (*output[TemplateList], error) {
	store, err := s.texts()
	if err != nil {
		return nil, err
	}
	return answer(TemplateList{Templates: store.List(from(ctx).caller.app)}, nil)
}

func (s *Server) putTemplate(ctx context.Context, in *templatePath) (*output[facade.Template], error) {
	store, err := s.texts()
	if err != nil {
		return nil, err
	}
	var b TemplateText
	if err := readBody(ctx, &b); err != nil {
		return nil, err
	}
	t := facade.Template{Name: in.Name, Title: b.Title, Body: b.Body}
	return answer(t, store.Put(from(ctx).caller.app, t))
}

func (s *Server) deleteTemplate(ctx context.Context, in *templatePath) (*output[FacadeDeleted], error) {
	store, err := s.texts()
	if err == nil {
		err = noBody(ctx)
	}
	if err != nil {
		return nil, err
	}
	done, err := store.Delete(from(ctx).caller.app, in.Name)
	return answer(FacadeDeleted{Deleted: done}, err)
}
