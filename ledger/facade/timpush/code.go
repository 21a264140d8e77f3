package timpush

import "github.com/recall-ledger/recall-ledger/ledger"

// code is the vendor's number in every answer.
type code int

// The codes. Sources, checked 2026-11-20: 90xxx and 91000
// trtc.io/document/74196 and "Recalling Push"; 60xxx and 70xxx
// cloud.tencent.com/document/product/679/131708; 1 trtc.io/document/67551.
const (
	codeOK code = 0
	// codeCallback is the only failure the answer to a callback knows.
	codeCallback code = 1

	codeBadURL         code = 60002
	codeNoIdentifier   code = 60004
	codeNoUserSig      code = 60005
	codeBadSDKAppID    code = 60006
	codeBadHTTP        code = 60008
	codeBadResource    code = 60009
	codeNoSDKAppID     code = 60012
	codeDisabled       code = 60016
	codeExpired        code = 70001
	codeBadUserSig     code = 70003
	codeWrongSignature code = 70009
	codeWrongUser      code = 70013
	codeWrongSDKAppID  code = 70014
	// codeTooManyFailures: failed verifications are rate limited.
	codeTooManyFailures code = 70050

	codeBadJSON       code = 90001
	codeBadRandom     code = 90005
	codeNotAdmin      code = 90009
	codeTooManyUsers  code = 90018
	codeLongTag       code = 90020
	codeTagOverlap    code = 90022
	codeBadLifeTime   code = 90026
	codeTooManyTags   code = 90032
	codeBadAttribute  code = 90033
	codeAttrsAndTags  code = 90039
	codeEmptyTag      code = 90040
	codeUnknownTask   code = 90049
	codeRepeated      code = 90050
	codeTooOften      code = 90051
	codeWindowClosed  code = 90052
	codeNoOfflineInfo code = 90053
	codeLargeBody     code = 90056
	codeLongDataID    code = 90057
	codeInternal      code = 91000
)

// infos are the texts of the codes. That of 90001 is the vendor's
// (tencentcloud.com/zh/document/product/1047/35015); the others are free.
func infos() map[code]string {
	return map[code]string{
		codeOK:              "",
		codeCallback:        "callback refused",
		codeBadURL:          "Fail to parse the request URL",
		codeNoIdentifier:    "identifier is missing",
		codeNoUserSig:       "usersig is missing",
		codeBadSDKAppID:     "Invalid SDKAppID",
		codeBadHTTP:         "Invalid HTTP request",
		codeBadResource:     "Invalid request resource or URL",
		codeNoSDKAppID:      "sdkappid is missing",
		codeDisabled:        "SDKAppID is disabled",
		codeExpired:         "UserSig expired",
		codeBadUserSig:      "Fail to parse UserSig",
		codeWrongSignature:  "UserSig verification failed",
		codeWrongUser:       "identifier does not match UserSig",
		codeWrongSDKAppID:   "sdkappid does not match UserSig",
		codeTooManyFailures: "UserSig verification failed too often, please retry later",
		codeBadJSON:         "Fail to Parse json data of body, Please check it",
		codeBadRandom:       "Invalid format of MsgRandom",
		codeNotAdmin:        "The request requires app administrator permissions",
		codeTooManyUsers:    "More than 500 accounts",
		codeLongTag:         "A tag is longer than 50 bytes",
		codeTagOverlap:      "TagsOr and TagsAnd overlap",
		codeBadLifeTime:     "Invalid MsgLifeTime",
		codeTooManyTags:     "More than 10 tags",
		codeBadAttribute:    "Invalid attribute",
		codeAttrsAndTags:    "Attributes and tags cannot be used together",
		codeEmptyTag:        "A tag is empty",
		codeUnknownTask:     "Invalid TaskId, no push record",
		codeRepeated:        "The push has been recalled",
		codeTooOften:        "Recall too often, the limit is 1 per second",
		codeWindowClosed:    "The push is older than 24 hours",
		codeNoOfflineInfo:   "OfflinePushInfo is missing",
		codeLargeBody:       "The request body is too large",
		codeLongDataID:      "DataId is longer than 64 bytes",
		codeInternal:        "Internal error, please retry",
	}
}

// refused translates a refusal of the ledger.
func refused(r *ledger.Refusal) answer {
	switch r.Code {
	case ledger.UnknownPush, ledger.UnknownDevice:
		return say(codeUnknownTask)
	case ledger.WindowClosed:
		return say(codeWindowClosed)
	case ledger.RateLimited, ledger.TooManyRecalls:
		return say(codeTooOften)
	case ledger.AlreadyRecalled:
		return say(codeRepeated)
	case ledger.ReplacementMissing:
		return say(codeNoOfflineInfo)
	}
	// Actions and audiences that a recall of this facade never asks for.
	return say(codeUnknownTask)
}
