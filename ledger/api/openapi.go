package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/recall-ledger/recall-ledger/ledger/replay"
)

// EventBody is the form of an event in JSON; see events/FORMAT.md. It exists
// for the OpenAPI document.
type EventBody struct {
	V    int    `json:"v,omitempty" doc:"Version of the form; 1 when left out"`
	ID   string `json:"id,omitempty" doc:"The writer's own id of the event"`
	Kind string `json:"kind" doc:"push.created, push.sent, push.failed, delivery.delivered, delivery.expired, display.shown, display.cleared or click.clicked"`
	App  string `json:"app,omitempty" doc:"Filled in from the credential"`
	Push string `json:"push"`
	Time string `json:"time,omitempty" format:"date-time" doc:"When it happened; now when left out"`
	// Trace is no field of the data: it says nothing about what happened.
	Trace string `json:"trace,omitempty" minLength:"55" maxLength:"55" doc:"The W3C traceparent, version 00, the event came out of"`
	Data  any    `json:"data" doc:"What happened, in the shape of the kind"`
}

// wildcards finds the names in a path.
var wildcards = regexp.MustCompile(`\{([a-z]+)\}`)

// document completes the OpenAPI document with what huma cannot know.
func (s *Server) document() {
	doc := s.api.OpenAPI()
	schemas := doc.Components.Schemas
	for _, r := range routes() {
		item := doc.Paths[r.path]
		op := map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete,
		}[r.method]
		s.documentParams(&r, op)
		if r.body != nil {
			op.RequestBody = &huma.RequestBody{Required: r.id != "abort-recall", Content: map[string]*huma.MediaType{}}
			for _, t := range r.types {
				op.RequestBody.Content[t] = &huma.MediaType{Schema: bodySchema(schemas, t, r.body)}
			}
		}
		if op.Responses == nil {
			op.Responses = map[string]*huma.Response{}
		}
		if r.answer != nil {
			status, kind := r.status, r.kind
			if status == 0 {
				status = http.StatusOK
			}
			if kind == "" {
				kind = TypeJSON
			}
			op.Responses[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status), Content: map[string]*huma.MediaType{
				kind: {Schema: schemas.Schema(reflect.TypeOf(r.answer), true, r.id)},
			}}
		}
		op.Responses["default"] = &huma.Response{Description: "A problem", Content: map[string]*huma.MediaType{
			typeProblem: {Schema: schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")},
		}}
		if r.roles != nil {
			op.Security = []map[string][]string{{"key": {}}}
			op.Description = "Needs one of the roles " + strings.Join(append(r.roles[:len(r.roles):len(r.roles)], RoleAdmin), ", ") + "."
		}
	}
	for _, closed := range []string{"AbortRequest", "EventBody", "FacadeSecret", "RecallRequest", "Replacement", "Scope", "TemplateText"} {
		schemas.Map()[closed].AdditionalProperties = false
	}
	// Huma's own error types are never answered.
	delete(schemas.Map(), "ErrorModel")
	delete(schemas.Map(), "ErrorDetail")
}

// documentParams adds the parameters every route has, gives those that are read
// as text their real form, and notes which ones there are.
func (s *Server) documentParams(r *route, op *huma.Operation) {
	text := &huma.Schema{Type: huma.TypeString}
	if r.plain != nil {
		for _, m := range wildcards.FindAllStringSubmatch(r.path, -1) {
			op.Parameters = append(op.Parameters, &huma.Param{Name: m[1], In: "path", Required: true, Schema: text})
		}
		return
	}
	if r.read {
		op.Parameters = append(op.Parameters, &huma.Param{Name: "at_least", In: "query", Schema: text, Example: "0-1742",
			Description: "Wait until this position is applied; the header Recall-Position asks the same"})
	}
	if r.past {
		op.Parameters = append(op.Parameters, &huma.Param{Name: replay.Field, In: "query", Schema: text, Example: "2026-11-20T09:41:00Z",
			Description: "Answer as of a past time (RFC 3339, @-10m) or position (0-1742, or several divided by commas), what was stored then included; the headers Recall-As-Of and Recall-As-Of-Time say which moment that is, and Recall-As-Of-From from where on lists are whole when the log keeps no more"})
	}
	op.Parameters = append(op.Parameters, &huma.Param{Name: headerApp, In: "header", Schema: text,
		Description: "The app, where the ledger has no credentials; otherwise it may only repeat the credential's"})
	known := map[string]bool{}
	for _, p := range op.Parameters {
		if p.In != "query" {
			continue
		}
		known[p.Name] = true
		one := 1.0
		switch p.Name {
		case "limit":
			p.Schema = &huma.Schema{Type: huma.TypeInteger, Minimum: &one}
		case "all":
			p.Schema = &huma.Schema{Type: huma.TypeBoolean}
		}
	}
	s.params[r.pattern()] = known
}

// bodySchema is the schema of a body in a content type.
func bodySchema(schemas huma.Registry, kind string, example any) *huma.Schema {
	s := schemas.Schema(reflect.TypeOf(example), true, "")
	if _, event := example.(EventBody); !event {
		return s
	}
	cloud := &huma.Schema{Type: huma.TypeObject, Required: []string{"specversion", "id", "source", "type", "subject", "data"},
		Description:          "A CloudEvent 1.0 in structured mode: type is the kind, subject the push",
		AdditionalProperties: true, Properties: map[string]*huma.Schema{
			"specversion": {Type: huma.TypeString, Enum: []any{"1.0"}}, "id": {Type: huma.TypeString}, "source": {Type: huma.TypeString},
			"type": {Type: huma.TypeString}, "subject": {Type: huma.TypeString}, "time": {Type: huma.TypeString, Format: "date-time"},
			"traceparent": {Type: huma.TypeString, Description: "The W3C traceparent, version 00, the event came out of"},
			"data":        {Type: huma.TypeObject},
		}}
	switch kind {
	case TypeJSON:
		return &huma.Schema{OneOf: []*huma.Schema{s, {Type: huma.TypeArray, Items: s}}}
	case TypeCloudEvent:
		return cloud
	case TypeCloudEvents:
		return &huma.Schema{Type: huma.TypeArray, Items: cloud}
	}
	return s
}

// openAPI serves the document.
func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", TypeJSON)
	// A failed write is a client that has gone.
	_, _ = w.Write(s.spec)
}

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", TypeJSON)
	w.WriteHeader(status)
	// A failed write is a client that has gone.
	_ = json.NewEncoder(w).Encode(v)
}
