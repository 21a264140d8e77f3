package xiaomi

import "cmp"

// Unverified is what no readable page of Xiaomi gives: the parameter table of the
// V3 revoke (section 13 of pId=1559), the stop call and the limits. The defaults are
// the V1 revoke's names as they stand in Xiaomi's Java SDK (checked 2026-11-20),
// because the notice of V3 changes the path only. One call of each kind to a test
// device, seen on its screen, would verify them; until then a configuration can
// override each.
type Unverified struct {
	// Regids, Aliases and Accounts are the lists of targets of the revoke calls,
	// comma separated.
	Regids   string `koanf:"regids"`
	Aliases  string `koanf:"aliases"`
	Accounts string `koanf:"accounts"`
	// Package and NotifyID are the other two parameters of a revoke.
	Package  string `koanf:"package"`
	NotifyID string `koanf:"notify_id"`
	// Stop is the path that stops a send, StopID its parameter.
	Stop   string `koanf:"stop"`
	StopID string `koanf:"stop_id"`
	// Bad is where, within the data of an answer, the rejected targets are listed,
	// comma separated. Seen in public source for sends; whether a revoke lists them
	// is not known.
	Bad string `koanf:"bad"`
	// PerCall is how many targets one call takes. The figure is remembered from
	// the sends' documentation.
	PerCall int `koanf:"per_call"`
}

func (u Unverified) withDefaults() Unverified {
	return Unverified{
		Regids:   cmp.Or(u.Regids, "registration_ids"),
		Aliases:  cmp.Or(u.Aliases, "aliases"),
		Accounts: cmp.Or(u.Accounts, "user_accounts"),
		Package:  cmp.Or(u.Package, "restricted_package_name"),
		NotifyID: cmp.Or(u.NotifyID, "notify_id"),
		Stop:     cmp.Or(u.Stop, "/v1/message/switch/stop_by_id"),
		StopID:   cmp.Or(u.StopID, "msg_ids"),
		Bad:      cmp.Or(u.Bad, "bad_regids"),
		PerCall:  cmp.Or(u.PerCall, 1000),
	}
}
