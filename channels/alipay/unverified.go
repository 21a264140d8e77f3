package alipay

// Unverified holds what was looked for and not found (checked 2026-11-20): the
// sub_codes of the recall for a message that was taken back before, that is not
// known, and that may not be taken back any more (whether there is a limit in time
// is not known either). A code that is neither here nor in the table of code.go is
// refused as bad-request:<code>, so that it can be seen and put here. What would
// verify them, with a life account of one's own: to recall one message twice, to
// recall a made-up message id, and to recall old messages.
type Unverified struct {
	AlreadyCodes  []string `koanf:"already_codes"`
	NotFoundCodes []string `koanf:"not_found_codes"`
	ExpiredCodes  []string `koanf:"expired_codes"`
}
