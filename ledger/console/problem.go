package console

import (
	"encoding/json"
	"net/http"

	"github.com/recall-ledger/recall-ledger/ledger/decision"
)

const (
	typeJSON    = "application/json"
	typeProblem = "application/problem+json"
)

// problem is a refusal in the form of the API's (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Field  string `json:"field,omitempty"`
	// Limit is the limit that was passed.
	Limit int64 `json:"limit,omitempty"`
	// Preview holds the new figures where those shown have changed.
	Preview *decision.Preview `json:"preview,omitempty"`
	// Changed says which figures have changed.
	Changed []string `json:"changed,omitempty"`
}

// The problems of the console itself; others are the API's.
func notLoggedIn() *problem {
	return &problem{Title: "Not logged in", Status: http.StatusUnauthorized, Code: "not-logged-in", Detail: "log in with an operator key"}
}

func wrongKey() *problem {
	return &problem{Title: "No valid key", Status: http.StatusUnauthorized, Code: "unauthenticated", Field: "key",
		Detail: "this is not a valid key; which part is wrong is not told"}
}

func crossOrigin() *problem {
	return &problem{Title: "Another site asks", Status: http.StatusForbidden, Code: "cross-origin", Detail: "the request comes from another site than the console"}
}

func wrongHost() *problem {
	return &problem{Title: "Not a name of this machine", Status: http.StatusMisdirectedRequest, Code: "wrong-host",
		Detail: "a node without credentials answers to localhost, 127.0.0.1 and [::1] only"}
}

func noSuchPage() *problem {
	return &problem{Title: "There is nothing here", Status: http.StatusNotFound, Code: "not-found", Detail: "the console has no such path"}
}

func wrongMethod() *problem {
	return &problem{Title: "The method does not fit the path", Status: http.StatusMethodNotAllowed, Code: "method-not-allowed", Detail: "the header Allow names the methods that do"}
}

func badBody(field, detail string) *problem {
	return &problem{Title: "The request is not right", Status: http.StatusBadRequest, Code: "bad-request", Field: field, Detail: detail}
}

func tooLarge(limit int64) *problem {
	return &problem{Title: "The body is too large", Status: http.StatusRequestEntityTooLarge, Code: "body-too-large", Limit: limit, Detail: "the body is larger than the limit"}
}

func (p *problem) write(w http.ResponseWriter) {
	b, err := json.Marshal(p)
	if err != nil { // plain structs always encode
		panic(err)
	}
	w.Header().Set("Content-Type", typeProblem)
	w.WriteHeader(p.Status)
	// A failed write is a client that has gone.
	_, _ = w.Write(b)
}

func writeJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil { // plain structs always encode
		panic(err)
	}
	w.Header().Set("Content-Type", typeJSON)
	// A failed write is a client that has gone.
	_, _ = w.Write(b)
}
