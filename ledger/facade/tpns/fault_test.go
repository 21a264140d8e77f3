package tpns

import (
	"context"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/events"
)

// A failure of our own has the vendor's form and tells nothing.
func TestOwnFailure(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "all", "")
	n.StopCommitter()
	body := `{"audience_type":"all","message_type":"notify","message":{"title":"t"}}`
	got := n.expect(codeService, appPath, body, shop())
	if want := `{"seq":0,"ret_code":1008004,"err_msg":"the service failed; try again"}`; got != want {
		t.Errorf("answered %s, want %s", got, want)
	}
	if !strings.Contains(n.Logged(), events.ErrClosed.Error()) {
		t.Error("the log does not say why")
	}
	// A recall needs no committer.
	n.expect(codeOK, stopPath, byID(push), shop())

	n.handler.endpoints[statPath] = endpoint{statPath, camel, false, false, maxRecallBody, func(*Handler, context.Context, *call) (any, error) {
		panic("a bug")
	}}
	n.expect(codeService, statPath, `{"pushId":"1"}`, shop())
	n.handler.endpoints[statPath] = endpoint{statPath, camel, false, false, maxRecallBody, func(*Handler, context.Context, *call) (any, error) {
		return nil, events.ErrOverloaded
	}}
	n.expect(codeFast, statPath, `{"pushId":"1"}`, shop())
}

// A flood of sends does not keep recalls out (L11).
func TestRecallsHaveSlotsOfTheirOwn(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "all", "")
	for range maxSends {
		n.handler.sends <- struct{}{}
	}
	n.expect(codeFast, appPath, "{}", shop())
	n.expect(codeFast, recordPath, byID(push), shop())
	n.expect(codeOK, stopPath, byID(push), shop())
	for range maxSends {
		<-n.handler.sends
	}
	for range maxRecalls {
		n.handler.recalls <- struct{}{}
	}
	n.expect(codeFast, stopPath, byID(push), shop())
	for range maxLists {
		n.handler.lists <- struct{}{}
	}
	n.expect(codeFast, recordPath, `{"startDate":"2026-11-20","endDate":"2026-11-20"}`, shop())
	n.expect(codeOK, recordPath, byID(push), shop())
}
