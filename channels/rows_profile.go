package channels

import (
	"slices"
	"time"
)

// promise is what a profile says of the channels it reaches in one way. What
// it does not say (title, granularity, slots, limits of a call) is the native
// row's, since the native adapters carry the commands out.
type promise struct {
	channels                    []string
	terminate, recall, override Method
	note                        string
	// task is true where the profile names whole sends only.
	task bool
	// unclear is true where the page does not name the channel, or where how
	// the promise is kept could not be read anywhere.
	unclear bool
}

// profile is a set of rules that restricts the channels.
type profile struct {
	name     string
	window   time.Duration
	source   string
	promises []promise
}

// profileRows returns a row for every profile and every channel, in the order
// of the native rows. A channel that a profile does not reach gets a row too,
// so that it does not inherit what the vendor allows (L9).
func profileRows(native []Row) []Row {
	var all []Row
	for _, p := range profiles() {
		for _, n := range native {
			all = append(all, p.row(n))
		}
	}
	return all
}

func (p profile) row(native Row) Row {
	i := slices.IndexFunc(p.promises, func(q promise) bool { return slices.Contains(q.channels, native.Channel) })
	if i < 0 {
		return p.outside(native)
	}
	q, r := p.promises[i], native
	r.Profile, r.Window, r.Source, r.Checked = p.name, p.window, p.source, checked
	r.Terminate, r.Recall, r.Override, r.Note = q.terminate, q.recall, q.override, q.note
	r.Verified = !q.unclear
	if q.task {
		r.Granularity = PerTask
	}
	r.OverwritePerDevice = native.OverwritePerDevice && !q.task && q.override == Overwrite
	// Stopping twice what is stopped is harmless, also where no vendor is called.
	r.Repeatable = capable(r) && (native.Repeatable || q.terminate == Withhold)
	return r
}

func (p profile) outside(native Row) Row {
	return Row{
		Channel: native.Channel, Title: native.Title, Profile: p.name, Outside: true,
		Terminate: None, Recall: None, Override: None, Granularity: native.Granularity,
		Note:   "The " + p.name + " profile does not reach this channel.",
		Source: p.source, Checked: checked, Verified: true,
	}
}

func profiles() []profile { return []profile{mpaas(), tpns(), timpush(), ums()} }

func mpaas() profile {
	const revoked = "A recall shows \"Message revoked\" in place of the notification."
	return profile{
		name: "mpaas", window: 7 * day, source: "https://help.aliyun.com/en/document_detail/260264.html",
		promises: []promise{
			{channels: []string{"selfbuilt"}, terminate: Withhold, recall: Overwrite, override: Overwrite, note: revoked},
			{channels: []string{"huawei", "xiaomi", "oppo", "apns"}, terminate: None, recall: Overwrite, override: Overwrite, note: revoked},
			{channels: []string{"vivo"}, terminate: None, recall: Remove, override: None, unclear: true,
				note: "The notification disappears; the call itself follows the native row, which vivo's own document could not confirm."},
			{channels: []string{"sms"}, terminate: None, recall: None, override: None,
				note: "mPaaS cannot revoke text messages."},
			{channels: []string{"huawei-emui9"}, terminate: None, recall: None, override: None, unclear: true,
				note: "mPaaS names Huawei without a version, but below EMUI 10 Huawei does not replace notifications."},
			{channels: []string{"harmony"}, terminate: None, recall: None, override: None, unclear: true,
				note: "mPaaS pushes to HarmonyOS, but its revocation table does not list it."},
		},
	}
}

func tpns() profile {
	const withdrawn = " TPNS has withdrawn removal, so a recall stops only what is undelivered."
	return profile{
		// The page ties termination to the task's offline storage, at most 72 hours.
		name: "tpns", window: 3 * day, source: "https://cloud.tencent.com/document/product/548/50784",
		promises: []promise{
			{channels: []string{"selfbuilt", "xiaomi", "meizu", "huawei"}, terminate: Withhold, recall: Withhold, override: Overwrite,
				note: "Only pushes to all devices, account lists and tags." + withdrawn},
			{channels: []string{"apns"}, terminate: None, recall: None, override: Overwrite,
				note: "On iOS TPNS can only override: it neither stops what is undelivered nor removes what is shown."},
			{channels: []string{"vivo", "oppo", "huawei-emui9"}, terminate: Withhold, recall: Withhold, override: None,
				note: "TPNS cannot override here: with force the new notification is shown beside the old one, without it nothing is sent." + withdrawn},
			{channels: []string{"honor", "fcm", "fcm-data"}, terminate: Withhold, recall: Withhold, override: None, unclear: true,
				note: "TPNS does not list this channel among those it can override." + withdrawn},
		},
	}
}

func timpush() profile {
	const stops = "TIMPush stops accounts not yet issued"
	return profile{
		name: "timpush", window: day, source: "https://cloud.tencent.com/document/product/269/105123",
		promises: []promise{
			{channels: []string{"apns", "fcm", "huawei", "honor"}, terminate: Withhold, recall: Overwrite, override: Overwrite,
				note: stops + " and overwrites what is shown, unless the app was in the foreground, PushFlag is 1 or OfflinePushInfo is missing; one recall a second."},
			{channels: []string{"fcm-data"}, terminate: Withhold, recall: Withhold, override: None,
				note: stops + "; FCM data messages are not overwritten."},
			{channels: []string{"huawei-emui9"}, terminate: Withhold, recall: Withhold, override: None, unclear: true,
				note: stops + "; it names Huawei without a version, but below EMUI 10 Huawei does not replace notifications."},
			{channels: []string{"xiaomi", "oppo", "vivo", "meizu"}, terminate: Withhold, recall: Withhold, override: None,
				note: stops + "; this vendor's notifications are not overwritten."},
			{channels: []string{"selfbuilt"}, terminate: Withhold, recall: Withhold, override: None, unclear: true,
				note: stops + "; what was pushed to a running app counts as read and stays."},
		},
	}
}

func ums() profile {
	return profile{
		name: "ums", window: day, source: "https://docs.jiguang.cn/jums/server/rest_api_jums_retract_message/",
		promises: []promise{
			{channels: []string{"jpush"}, terminate: Withhold, recall: Remove, override: None, task: true,
				note: "One retract takes back a whole msgid: it stops what is unsent and, where the app's SDK supports it, removes what is shown and unclicked."},
			{channels: []string{"dingtalk", "wecom"}, terminate: Withhold, recall: Remove, override: None, task: true,
				note: "One retract takes back a whole msgid: it stops what is still inside UMS and also takes back what is shown."},
			{channels: []string{"wechat-oa", "alipay"}, terminate: Withhold, recall: Remove, override: None, task: true, unclear: true,
				note: "One retract takes back a whole msgid, but template messages stay; the page says nothing more about this channel."},
			{channels: []string{"sms", "wechat-mp", "email"}, terminate: Withhold, recall: Withhold, override: None, task: true,
				note: "One retract stops of a whole msgid what is still inside UMS; what was handed over stays."},
		},
	}
}
