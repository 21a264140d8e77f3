package ledger

import (
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// Rules are what a profile allows.
type Rules struct {
	Profile string
	// Window is how long after its start a push can be recalled.
	Window time.Duration
	// PerSecond is how many recalls an app may ask for each second; 0 means no
	// limit of the profile's own.
	PerSecond int
	// Audiences are the audiences whose pushes can be recalled; nil means all.
	Audiences []events.AudienceKind
	// CancelAudiences are the audiences whose scheduled pushes can be
	// cancelled; nil means all.
	CancelAudiences []events.AudienceKind
}

// Day is the unit of recall windows.
const Day = 24 * time.Hour

// RulesOf returns the rules of a profile. An unknown profile falls under the
// native rules. Native window is the app's own, by configuration.
func RulesOf(profile string, native time.Duration) Rules {
	all := []events.AudienceKind{events.AudienceAll, events.AudienceList, events.AudienceTag}
	switch profile {
	case "mpaas":
		// help.aliyun.com/en/document_detail/2871130.html, checked 2026-11-20.
		return Rules{Profile: profile, Window: 7 * Day}
	case "tpns":
		// cloud.tencent.com/document/product/548/50784, checked 2026-11-20: the
		// push's offline storage period, three days unless set otherwise.
		return Rules{Profile: profile, Window: 3 * Day, Audiences: all, CancelAudiences: all}
	case "timpush":
		// cloud.tencent.com/document/product/269/105123, checked 2026-11-20.
		return Rules{Profile: profile, Window: Day, PerSecond: 1}
	case "ums":
		// docs.jiguang.cn/jums/server/rest_api_jums_retract_message, checked 2026-11-20.
		return Rules{Profile: profile, Window: Day}
	}
	return Rules{Profile: channels.Native, Window: native}
}

func (r Rules) allows(a channels.Action, p *Push) bool {
	list := r.Audiences
	if a == channels.Cancel {
		list = r.CancelAudiences
	}
	if list == nil || p.Created == nil {
		return true
	}
	return slices.Contains(list, p.Created.Audience.Kind)
}
