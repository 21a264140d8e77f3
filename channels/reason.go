package channels

// The reasons of results that mean the same on every channel. They are on the
// log, so one that is here once stays. An adapter adds the vendor's own code
// after a colon where that helps an operator: "bad-request:80100003".
const (
	// ReasonNoMethod: the channel has no call for the method.
	ReasonNoMethod = "no-method"
	// ReasonHandedOver: the vendor has the message and cannot be told to hold
	// it back; only the sender's gate withholds on this channel.
	ReasonHandedOver = "handed-over"
	// ReasonNoSlot: the push was sent without the slot the call needs, or with
	// one that this channel cannot use.
	ReasonNoSlot = "no-slot"
	// ReasonNoSend: the call names a whole send, whose vendor id is not known.
	ReasonNoSend = "no-send"
	// ReasonNotConfigured: the node has no credentials for the app and channel.
	ReasonNotConfigured = "not-configured"
	// ReasonAlready: the vendor says that it has been taken back before.
	ReasonAlready = "already-recalled"
	// ReasonNotFound: the vendor does not know the message any more.
	ReasonNotFound = "not-found"
	// ReasonExpired: the vendor's own time for it is over.
	ReasonExpired = "expired"
	// ReasonDeadToken: the vendor says, by the code it has for just this, that
	// the token is dead. Nothing else may give this reason.
	ReasonDeadToken = "dead-token"
	// ReasonAllTokensBad: every token of a call was called dead, which a wrong
	// configuration does as well, so none of them is believed to be.
	ReasonAllTokensBad = "all-tokens-rejected"
	// ReasonTooLarge: the vendor's limit for a text is below this one.
	ReasonTooLarge = "too-large"
	// ReasonBadRequest: the vendor does not understand the request: our fault.
	ReasonBadRequest = "bad-request"
	// ReasonCredentials: the vendor rejects the app's credentials. It is tried
	// again until the window closes, for an operator can mend it.
	ReasonCredentials = "credentials"
	// ReasonThrottled: the vendor asks to come back later.
	ReasonThrottled = "throttled"
	// ReasonBusy: the vendor says that it failed and did nothing.
	ReasonBusy = "vendor-busy"
	// ReasonUnreachable: the request did not reach the vendor.
	ReasonUnreachable = "unreachable"
	// ReasonNoAnswer: the request may have reached the vendor, and no usable
	// answer came.
	ReasonNoAnswer = "no-answer"
)
