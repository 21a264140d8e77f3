package ums

import (
	"net/http"

	"github.com/recall-ledger/recall-ledger/ledger"
)

// code is the vendor's number in every answer.
type code int

// The codes. Source: docs.jiguang.cn/jums/server/message_code, checked 2026-11-20.
const (
	codeSuccess         code = 0
	codeInvalid         code = 4004
	codeUnauthenticated code = 4005
	codeInternal        code = 5000
	codeTooManyUsers    code = 1015004
	codeChannelClosed   code = 1015005
	codeRateLimited     code = 1015030
	codeNoTemplate      code = 1015031
	codeBadTemplate     code = 1015032
	codeAlreadyRecalled code = 1015055
	codeNoPlatform      code = 1015084
	codeBadPlatform     code = 1015085
	codeTemplateMessage code = 1015094
)

// meaning is what a code is answered with.
type meaning struct {
	status  int
	message string
}

// meanings pairs codes with the HTTP status (docs.jiguang.cn/jums/server/
// http_status_code, checked 2026-11-20) and the text. The text of 1015055 is
// the vendor's (rest_api_jums_retract_message); the others are free.
func meanings() map[code]meaning {
	return map[code]meaning{
		codeSuccess:         {http.StatusOK, "success"},
		codeInvalid:         {http.StatusBadRequest, "parameter invalid"},
		codeUnauthenticated: {http.StatusUnauthorized, "auth failed"},
		codeInternal:        {http.StatusInternalServerError, "server error"},
		codeTooManyUsers:    {http.StatusBadRequest, "more than 1000 userids"},
		codeChannelClosed:   {http.StatusForbidden, "channel closed"},
		codeRateLimited:     {http.StatusBadRequest, "api rate limit exceeded"},
		codeNoTemplate:      {http.StatusBadRequest, "template id missing"},
		codeBadTemplate:     {http.StatusBadRequest, "template id wrong"},
		codeAlreadyRecalled: {http.StatusBadRequest, "消息已经被撤回"},
		codeNoPlatform:      {http.StatusBadRequest, "no app platform"},
		codeBadPlatform:     {http.StatusBadRequest, "bad app platform"},
		codeTemplateMessage: {http.StatusBadRequest, "template send must not carry msg_xxx"},
	}
}

// refused translates a refusal of the ledger.
func refused(r *ledger.Refusal) answer {
	switch r.Code {
	case ledger.AlreadyRecalled:
		return say(codeAlreadyRecalled, "")
	case ledger.RateLimited, ledger.TooManyRecalls:
		return say(codeRateLimited, "")
	case ledger.UnknownPush, ledger.UnknownDevice:
		return say(codeInvalid, "msgid is unknown")
	case ledger.WindowClosed:
		return say(codeInvalid, "msgid is older than 24 hours")
	}
	return say(codeInvalid, "")
}
