package mpaas

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/events"
)

// The parameters every request has. Under ACS3 they are headers.
const (
	paramAction           = "Action"
	paramVersion          = "Version"
	paramFormat           = "Format"
	paramKey              = "AccessKeyId"
	paramSignature        = "Signature"
	paramSignatureMethod  = "SignatureMethod"
	paramSignatureVersion = "SignatureVersion"
	paramSignatureType    = "SignatureType"
	paramNonce            = "SignatureNonce"
	paramTimestamp        = "Timestamp"
)

const apiVersion = "2020-10-28"

// call is one request as it was read.
type call struct {
	action, version string
	// key is the access key, nonce and timestamp what keeps a copy of the
	// request from working again.
	key, nonce, timestamp string
	proof                 proof
	// remote is the address of the caller.
	remote string
	// values are the parameters of query and form together, decoded.
	values map[string]string

	// app and by are set once the signature held.
	app, by string
}

// read reads a request and finds its operation. It trusts nothing yet.
func read(w http.ResponseWriter, r *http.Request, c *call) (operation, *fault) {
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		return operation{}, fail(codeMethod)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxPushBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return operation{}, fail(codeBodyTooLarge)
	}
	if err != nil {
		return operation{}, fail(codeFormat)
	}
	// Clients put parameters into the query, the form or both, and some name
	// no content type, so the body is a form whatever it is called.
	query, err := parse(r.URL.RawQuery, nil)
	if err != nil {
		return operation{}, fail(codeFormat)
	}
	if c.values, err = parse(string(body), query); err != nil {
		return operation{}, fail(codeFormat)
	}
	var f *fault
	if isACS3(r.Header) {
		f = c.readACS3(r, query, body)
	} else {
		f = c.readV1(r.Method)
	}
	if f != nil {
		return operation{}, f
	}
	o, ok := findOperation(c.action)
	switch {
	case !ok || c.version != apiVersion:
		return o, fail(codeNotFound)
	case len(body) > o.limit:
		return o, fail(codeBodyTooLarge)
	case len(c.nonce) > MaxNonce:
		return o, fail(codeFormat)
	// Only JSON is answered; the vendor's other format is XML.
	case c.values[paramFormat] != "" && !strings.EqualFold(c.values[paramFormat], "JSON"):
		return o, fail(codeFormat)
	}
	return o, nil
}

var errRepeated = errors.New("a parameter is given twice")

// parse decodes parameters and adds those read before. A name given twice would
// let what is signed differ from what is read.
func parse(encoded string, before map[string]string) (map[string]string, error) {
	list, err := url.ParseQuery(encoded)
	if err != nil {
		return nil, err
	}
	all := make(map[string]string, len(list)+len(before))
	for k, v := range before {
		all[k] = v
	}
	for k, v := range list {
		if _, known := all[k]; known || len(v) != 1 {
			return nil, errRepeated
		}
		all[k] = v[0]
	}
	return all, nil
}

// check looks at what every action needs, once the caller is known.
func (c *call) check() error {
	for k, v := range c.values {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return failed(resultNotUTF8, "a parameter is not valid UTF-8")
		}
	}
	if c.values["AppId"] == "" || c.values["WorkspaceId"] == "" {
		return failed(resultNeedApp, "AppId and WorkspaceId are mandatory")
	}
	// They are kept as labels and compared.
	if len(c.values["AppId"]) > events.MaxLabel || len(c.values["WorkspaceId"]) > events.MaxLabel {
		return failed(resultAppWrong, "AppId and WorkspaceId are at most %d bytes long", events.MaxLabel)
	}
	return nil
}

// need returns a parameter that must be there.
func (c *call) need(name string) (string, error) {
	if v := c.values[name]; v != "" {
		return v, nil
	}
	return "", invalid("%s is mandatory", name)
}

// number returns a parameter that is a number; without it the fallback.
func (c *call) number(name string, fallback int64) (int64, error) {
	v := c.values[name]
	if v == "" {
		return fallback, nil
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, invalid("%s is not a number", name)
	}
	return n, nil
}
