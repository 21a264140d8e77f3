package wecom

// Unverified holds what was looked for and not found (checked 2026-11-20): the
// codes of message/recall for a msgid that was taken back before, that is not
// known, and that is older than 24 hours. A code that is neither here nor in the
// table of code.go is refused as bad-request:<code>, so that it can be seen and
// put here. What would verify them, in a company of one's own: to recall one
// message twice, to recall a made-up msgid, and to recall one of the day before.
type Unverified struct {
	AlreadyCodes  []int `koanf:"already_codes"`
	NotFoundCodes []int `koanf:"not_found_codes"`
	ExpiredCodes  []int `koanf:"expired_codes"`
}
