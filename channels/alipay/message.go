package alipay

import (
	"encoding/json"
	"strings"
	"time"
)

// done is the code of success.
const done = "10000"

// beijing is the time of the timestamp parameter.
func beijing(t time.Time) string {
	return t.In(time.FixedZone("UTC+8", 8*60*60)).Format(time.DateTime)
}

// recall is the biz_content.
type recall struct {
	MessageID string `json:"message_id"`
}

// said is the part of an answer that is signed.
type said struct {
	Code    string `json:"code"`
	SubCode string `json:"sub_code"`
}

// errorNode is where an answer stands when the gateway does not know the method.
const errorNode = "error_response"

// parse reads an answer: the text that is signed, what it says, and the signature,
// "" where there is none. It reports whether the answer has Alipay's form.
func parse(method string, body []byte) (text []byte, s said, signature string, ok bool) {
	var nodes map[string]json.RawMessage
	if json.Unmarshal(body, &nodes) != nil {
		return nil, s, "", false
	}
	text, ok = nodes[strings.ReplaceAll(method, ".", "_")+"_response"]
	if !ok {
		text = nodes[errorNode]
	}
	if json.Unmarshal(text, &s) != nil || s.Code == "" {
		return nil, said{}, "", false
	}
	if b, is := nodes["sign"]; is && json.Unmarshal(b, &signature) != nil {
		return nil, said{}, "", false
	}
	return text, s, signature, true
}
