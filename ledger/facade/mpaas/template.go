package mpaas

import (
	"regexp"
	"strings"
)

// Template is a message template of an app: texts with placeholders, written
// #name# (help.aliyun.com/en/document_detail/134424.html, checked 2026-11-20).
type Template struct {
	Title   string
	Content string
}

var placeholder = regexp.MustCompile(`#[^#\s]+#`)

// render fills in the values. What a value holds is text, never a placeholder.
func (t Template) render(values []pair) (Template, error) {
	byName := make(map[string]string, len(values))
	for _, v := range values {
		byName[v.key] = v.value
	}
	var absent string
	fill := func(text string) string {
		return placeholder.ReplaceAllStringFunc(text, func(p string) string {
			v, ok := byName[strings.Trim(p, "#")]
			if !ok && absent == "" {
				absent = p
			}
			return v
		})
	}
	filled := Template{Title: fill(t.Title), Content: fill(t.Content)}
	if absent != "" {
		return Template{}, failed(resultTemplateValues, "TemplateKeyValue has no value for %s", absent)
	}
	return filled, nil
}

// template returns the template that a call names.
func (h *Handler) template(c *call) (Template, error) {
	name := c.values["TemplateName"]
	if name == "" {
		return Template{}, failed(resultNeedTemplate, "TemplateName is mandatory")
	}
	t, ok := h.c.Templates(c.app, name)
	if !ok {
		return Template{}, failed(resultNoTemplate, "there is no template %.200q", name)
	}
	return t, nil
}

// rendered returns the named template filled in with the call's values.
func (h *Handler) rendered(c *call) (Template, error) {
	t, err := h.template(c)
	if err != nil {
		return t, err
	}
	values, err := pairs("TemplateKeyValue", c.values["TemplateKeyValue"])
	if err != nil {
		return t, err
	}
	return t.render(values)
}
