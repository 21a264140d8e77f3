package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/recall-ledger/recall-ledger/projections"
)

// class says which slots a request takes.
type class uint8

const (
	// classFree takes none: what is asked when everything else is stuck.
	classFree class = iota
	classOrdinary
	classRecall
	classStream
	classWatch
	// classReplay reads much of the log for one answer.
	classReplay
)

// route is one row of the table of routes.
type route struct {
	id, method, path string
	// roles may use the route; none means that no credential is needed.
	roles []string
	class class
	// read is true where the answer comes from the projection: such a route
	// takes at_least and answers with its position.
	read bool
	// past is true where the question can be asked of a past moment: such a route
	// takes as_of.
	past bool
	// summary is one sentence for the OpenAPI document.
	summary string
	// add registers the handler with huma; plain is one without huma.
	add   func(*Server, huma.Operation)
	plain func(*Server, http.ResponseWriter, *http.Request)
	// body is an example of the type of the body, types its content types.
	body  any
	types []string
	// answer is an example of what a handler without a typed answer writes.
	answer any
	status int
	kind   string
}

func (r *route) pattern() string { return r.method + " " + r.path }

var (
	publishers = []string{RolePublish, RoleRead}
	readers    = []string{RoleRead}
	recallers  = []string{RoleRecall}
	followers  = []string{RoleRead, RoleRecall}
	anybody    = []string{RolePublish, RoleRead, RoleRecall}
	admins     = []string{RoleAdmin}
)

// routes is the table of everything the API serves.
func routes() []route {
	json, get, post := []string{TypeJSON}, http.MethodGet, http.MethodPost
	return append(projectionRoutes(), []route{
		{id: "publish-events", method: post, path: "/v1/events", roles: []string{RolePublish}, class: classOrdinary,
			summary: "Publish events; what is accepted is durable", add: with((*Server).publish),
			body: EventBody{}, types: []string{TypeJSON, TypeNDJSON, TypeCloudEvent, TypeCloudEvents}, answer: PublishAnswer{}},
		{id: "read-events", method: get, path: "/v1/events", roles: readers, class: classStream,
			summary: "Stream a range of the log, one event per line", add: with((*Server).readEvents), answer: LogEntry{}, kind: TypeNDJSON},
		{id: "follow-events", method: get, path: "/v1/events/follow", roles: readers, class: classWatch,
			summary: "Stream a range of the log and what comes after it, one event per line", add: with((*Server).followEvents), answer: LogEntry{}, kind: TypeNDJSON},

		{id: "list-pushes", method: get, path: "/v1/pushes", roles: readers, class: classOrdinary, read: true, past: true,
			summary: "List pushes, newest first", add: with((*Server).pushes)},
		{id: "get-push", method: get, path: "/v1/pushes/{push}", roles: readers, class: classOrdinary, read: true, past: true,
			summary: "Show a push with its funnel and recalls", add: with((*Server).push)},
		{id: "list-holders", method: get, path: "/v1/pushes/{push}/holders", roles: readers, class: classStream, read: true, past: true,
			summary: "Stream the devices that hold a push unclicked, one per line", add: with((*Server).holders), answer: Holder{}, kind: TypeNDJSON},
		{id: "get-notification", method: get, path: "/v1/pushes/{push}/devices/{device}", roles: readers, class: classOrdinary, read: true, past: true,
			summary: "Show the state and history of a push at one device", add: with((*Server).notification)},
		{id: "get-timeline", method: get, path: "/v1/pushes/{push}/timeline", roles: readers, class: classReplay, read: true, past: true,
			summary: "Show what was decided about a push and how many held it when, from the log", add: with((*Server).timeline)},
		{id: "ask-gate", method: get, path: "/v1/pushes/{push}/gate", roles: publishers, class: classOrdinary,
			summary: "Ask whether a push may still be handed over to a device; answered from the log", add: with((*Server).gate)},
		{id: "list-device", method: get, path: "/v1/devices/{device}", roles: readers, class: classOrdinary, read: true, past: true,
			summary: "List what a device holds", add: with((*Server).device)},
		{id: "issue-device-credential", method: post, path: "/v1/devices/{device}/credential", roles: admins, class: classOrdinary,
			summary: "Show what a device of the self-built channel connects with", add: with((*Server).deviceCredential)},
		{id: "list-user", method: get, path: "/v1/users/{user}", roles: readers, class: classOrdinary, read: true, past: true,
			summary: "List what the devices of a user hold", add: with((*Server).user)},

		{id: "preview-recall", method: post, path: "/v1/preview", roles: followers, class: classRecall, past: true,
			summary: "Say what a recall would do, and do nothing", add: with((*Server).preview), body: RecallRequest{}, types: json},
		{id: "request-recall", method: post, path: "/v1/recalls", roles: recallers, class: classRecall,
			summary: "Take a push back", add: with((*Server).recall), body: RecallRequest{}, types: json, answer: RecallAnswer{}, status: http.StatusAccepted},
		{id: "list-recalls", method: get, path: "/v1/recalls", roles: followers, class: classOrdinary, read: true, past: true,
			summary: "List recalls, newest first", add: with((*Server).recalls)},
		{id: "get-recall", method: get, path: "/v1/recalls/{recall}", roles: followers, class: classOrdinary, read: true, past: true,
			summary: "Show a recall and how far it is", add: with((*Server).getRecall)},
		{id: "list-recall-devices", method: get, path: "/v1/recalls/{recall}/devices", roles: followers, class: classStream, read: true, past: true,
			summary: "Stream what came of a recall, one device per line", add: with((*Server).recallDevices), answer: RecallDevice{}, kind: TypeNDJSON},
		{id: "watch-recall", method: get, path: "/v1/recalls/{recall}/watch", roles: followers, class: classWatch, read: true,
			summary: "Follow a recall by server-sent events", add: with((*Server).watch), answer: projections.Recall{}, kind: typeEvents},
		{id: "abort-recall", method: post, path: "/v1/recalls/{recall}/abort", roles: recallers, class: classRecall,
			summary: "Stop a running recall", add: with((*Server).abort), body: AbortRequest{}, types: json},
		{id: "redrive-recall", method: post, path: "/v1/recalls/{recall}/redrive", roles: recallers, class: classRecall,
			summary: "Issue the refused commands of a running recall once more", add: with((*Server).redrive)},

		{id: "watch-overview", method: get, path: "/v1/overview", roles: readers, class: classWatch, read: true,
			summary: "Follow pushes, recalls under way and the node's health by server-sent events", add: with((*Server).overview), answer: Overview{}, kind: typeEvents},
		{id: "get-caller", method: get, path: "/v1/caller", roles: anybody, class: classOrdinary,
			summary: "Say who the caller is to the ledger", add: with((*Server).caller)},
		{id: "list-positions", method: get, path: "/v1/positions", roles: anybody, class: classOrdinary, read: true, past: true,
			summary: "Show how far the projection is", add: with((*Server).positions)},
		{id: "list-quarantine", method: get, path: "/v1/quarantine", roles: readers, class: classOrdinary, read: true, past: true,
			summary: "List events that were passed over, newest first", add: with((*Server).quarantine)},
		{id: "list-dead-letters", method: get, path: "/v1/dead-letters", roles: followers, class: classOrdinary, read: true, past: true,
			summary: "List recalls with refused commands, newest first", add: with((*Server).deadLetters)},
		{id: "list-channels", method: get, path: "/v1/channels", roles: anybody, class: classOrdinary,
			summary: "Show what each channel allows", add: with((*Server).listChannels)},

		{id: "list-facade-credentials", method: get, path: "/v1/facades", roles: admins, class: classOrdinary,
			summary: "List the keys with which vendor clients act for the app", add: with((*Server).facadeCredentials)},
		{id: "put-facade-credential", method: http.MethodPut, path: "/v1/facades/{facade}/{id}", roles: admins, class: classOrdinary,
			summary: "Enter or change a key of a vendor client", add: with((*Server).putFacadeCredential), body: FacadeSecret{}, types: json},
		{id: "delete-facade-credential", method: http.MethodDelete, path: "/v1/facades/{facade}/{id}", roles: admins, class: classOrdinary,
			summary: "Delete a key of a vendor client", add: with((*Server).deleteFacadeCredential)},
		{id: "list-templates", method: get, path: "/v1/templates", roles: publishers, class: classOrdinary,
			summary: "List the templates that pushes of vendor clients name", add: with((*Server).templates)},
		{id: "put-template", method: http.MethodPut, path: "/v1/templates/{name}", roles: admins, class: classOrdinary,
			summary: "Store a template", add: with((*Server).putTemplate), body: TemplateText{}, types: json},
		{id: "delete-template", method: http.MethodDelete, path: "/v1/templates/{name}", roles: admins, class: classOrdinary,
			summary: "Delete a template", add: with((*Server).deleteTemplate)},

		{id: "live", method: get, path: "/livez", summary: "Say that the process serves", plain: (*Server).live, answer: Status{}},
		{id: "ready", method: get, path: "/readyz", summary: "Say whether the node should get traffic", plain: (*Server).ready, answer: Status{}},
		{id: "metrics", method: get, path: "/metrics", summary: "Show metrics in the Prometheus text format", plain: (*Server).serveMetrics, answer: "", kind: "text/plain"},
		{id: "openapi", method: get, path: "/openapi.json", summary: "Show this document", plain: (*Server).openAPI, answer: map[string]any{}},
		{id: "explain-problem", method: get, path: "/problems/{code}", summary: "Explain a problem code", plain: (*Server).explain, answer: "", kind: "text/plain"},
	}...)
}

// with adapts a handler to huma. Its error becomes a problem here, so that huma
// never makes one of its own.
func with[I, O any](h func(*Server, context.Context, *I) (*O, error)) func(*Server, huma.Operation) {
	return func(s *Server, op huma.Operation) {
		huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
			out, err := h(s, ctx, in)
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			return out, nil
		})
	}
}

// output is a typed answer.
type output[T any] struct{ Body T }

func answer[T any](v T, err error) (*output[T], error) {
	if err != nil {
		return nil, err
	}
	return &output[T]{Body: v}, nil
}

// routeMux wraps what huma registers.
type routeMux struct{ s *Server }

// HandleFunc implements humago.Mux.
func (m routeMux) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	list := routes()
	for i := range list {
		if list[i].pattern() == pattern {
			m.s.mux.HandleFunc(pattern, m.s.wrap(&list[i], h))
			return
		}
	}
	panic("api: " + pattern + " is not in the table of routes")
}

// ServeHTTP implements humago.Mux.
func (m routeMux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.s.mux.ServeHTTP(w, r) }

// register adds every route, and an answer for everything else.
func (s *Server) register() error {
	methods := map[string][]string{}
	for _, r := range routes() {
		op := huma.Operation{
			OperationID: r.id, Method: r.method, Path: r.path, Summary: r.summary,
			DefaultStatus: r.status, SkipValidateParams: true, SkipValidateBody: true,
		}
		if r.add != nil {
			r.add(s, op)
		} else {
			s.mux.HandleFunc(r.pattern(), s.wrap(&r, func(w http.ResponseWriter, q *http.Request) { r.plain(s, w, q) }))
			s.api.OpenAPI().AddOperation(&op)
		}
		methods[r.path] = append(methods[r.path], r.method)
	}
	for path, allowed := range methods {
		s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			for _, m := range allowed {
				w.Header().Add("Allow", m)
			}
			s.writeProblem(w, problem(codeMethodNotAllowed, "%.20q is not a method of this path", r.Method))
		})
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.writeProblem(w, problem(codeNotFound, "there is no such path; see /openapi.json"))
	})
	s.document()
	spec, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	s.spec = spec
	return nil
}
