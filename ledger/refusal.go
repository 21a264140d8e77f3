package ledger

// Code is a stable reason of a refusal. The strings are stored and are the
// problem types of the API.
type Code string

// The codes of a decision, in the order in which they are decided.
const (
	UnknownPush          Code = "unknown-push"
	UnknownDevice        Code = "unknown-device"
	NotScheduled         Code = "not-scheduled"
	AlreadyStarted       Code = "already-started"
	WindowClosed         Code = "window-closed"
	RateLimited          Code = "rate-limited"
	AlreadyRecalled      Code = "already-recalled"
	TooManyRecalls       Code = "too-many-recalls"
	AudienceNotAllowed   Code = "audience-not-allowed"
	ReplacementMissing   Code = "replacement-missing"
	ReplacementPushTaken Code = "replacement-push-taken"
	WholeSends           Code = "whole-sends"
)

// Refusal is a recall that may not be. It is a fact of the domain, not a
// failure: it is recorded and answered.
type Refusal struct {
	Code    Code
	Message string
	// First is the recall that stands in the way, for AlreadyRecalled.
	First *Recall
}
