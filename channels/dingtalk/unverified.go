package dingtalk

// Unverified holds what was looked for and not found (checked 2026-11-20): the
// codes of the recall for a task that was taken back before, that is not known,
// and that is older than 24 hours. They are as they stand in sub_code, or else in
// errcode. A code that is neither here nor in the table of code.go is refused as
// bad-request:<code>, so that it can be seen and put here. What would verify them,
// in a company of one's own: to recall one task twice, to recall a made-up task
// id, and to recall a task of the day before.
type Unverified struct {
	AlreadyCodes  []string `koanf:"already_codes"`
	NotFoundCodes []string `koanf:"not_found_codes"`
	ExpiredCodes  []string `koanf:"expired_codes"`
}
