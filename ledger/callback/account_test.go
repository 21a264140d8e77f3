package callback

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	if err := Check(accounts()); err != nil {
		t.Errorf("the accounts of the tests: %v", err)
	}
	hush := "hush-hush-hush-hush"
	good := Account{App: "shop", Channel: "apns", Secret: hush}
	change := func(f func(*Account)) []Account {
		a := good
		f(&a)
		return []Account{a}
	}
	for want, list := range map[string][]Account{
		"callbacks[0].app": change(func(a *Account) { a.App = "a.b" }),
		"callbacks[0].channel: \"pager\" is not a channel": change(func(a *Account) { a.Channel = "pager" }),
		"callbacks[0].channel: \"ums\"":                    change(func(a *Account) { a.Channel = "ums" }),
		"callbacks[1].id: is missing; channel apns has 2":  {{App: "shop", Channel: "apns", ID: "a", Secret: hush}, good},
		"callbacks[1].id: \"a\" is there twice":            {{App: "shop", Channel: "apns", ID: "a", Secret: hush}, {App: "bank", Channel: "apns", ID: "a", Secret: hush}},
		"callbacks[0].id: \"a/b\" is not 1 to 32":          change(func(a *Account) { a.ID = "a/b" }),
		"callbacks[0].id: \"iii":                           change(func(a *Account) { a.ID = strings.Repeat("i", 33) }),
		"callbacks[0].secret: is 5 bytes long, 16 to 256":  change(func(a *Account) { a.Secret = "hush!" }),
		"callbacks[0].secret: is 257 bytes long":           change(func(a *Account) { a.Secret = strings.Repeat("hush!", 52)[:257] }),
		"callbacks[0].secret: begins with whsec_":          change(func(a *Account) { a.Secret = "whsec_hush" }),
		"callbacks[0].secret: stands in the address":       change(func(a *Account) { a.Channel, a.Secret = "oppo", "hush hush hush hush" }),
		"channel vivo: 16 to 64":                           change(func(a *Account) { a.Channel, a.Secret = "vivo", strings.Repeat("hush-", 13) }),
		"callbacks[0].secret: is 5 bytes long, 8 to 256":   change(func(a *Account) { a.Channel, a.User, a.Secret = "huawei", "u", "hush!" }),
		"callbacks[0].user: is missing":                    change(func(a *Account) { a.Channel = "huawei" }),
		"callbacks[0].user: belongs to huawei":             change(func(a *Account) { a.User = "u" }),
		"callbacks[0].user: is 129 bytes long":             change(func(a *Account) { a.Channel, a.User = "harmony", strings.Repeat("u", 129) }),
	} {
		err := Check(list)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("got %v, want %s and no secret", err, want)
		}
	}
}
