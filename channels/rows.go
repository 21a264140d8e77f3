package channels

import (
	"slices"
	"sync"
	"time"
)

// day is the unit of the vendors' windows.
const day = 24 * time.Hour

// checked is the day on which every source of the table was last read.
const checked = "2026-11-20"

// rows is the matrix, built once and never changed: native rows first, then
// each profile's.
var rows = sync.OnceValue(func() []Row {
	native := nativeRows()
	return slices.Concat(native, profileRows(native))
})

// nativeRows says the best each vendor's own API allows. Where a vendor has no
// call that stops an undelivered message, Terminate is None, even if a later
// message under the same id would displace it: displacing is a new message.
func nativeRows() []Row {
	return []Row{
		{
			Channel: "selfbuilt", Title: "Self-built channel", Profile: Native,
			Terminate: Withhold, Recall: Remove, Override: Overwrite, Granularity: PerDevice,
			ReportsDisplay: true, ReportsRemoval: true, Repeatable: true, PerCall: 500,
			SlotForm: SlotText,
			Note:     "The device itself confirms; one that is offline gets the instruction when it returns.",
			Source:   "channels/selfbuilt", Checked: checked, Verified: true,
		},
		{
			Channel: "apns", Title: "Apple (APNs)", Profile: Native,
			Terminate: None, Recall: Remove, Override: Overwrite, Granularity: PerDevice,
			NeedsSlot: true, Repeatable: true, PerCall: 1,
			SlotForm: SlotText,
			Note: "A recall is a silent background push: best effort, two or three an hour per device, lost if the user force-quit the app or switched " +
				"background refresh off; an override shows its text in place of the old one and is the reliable way.",
			Source: "https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns; " +
				"https://docs.jiguang.cn/jpush/practice/override_del; public source of Bark and bark-server",
			Checked: checked, Verified: false,
		},
		{
			Channel: "fcm", Title: "Google FCM, notification messages", Profile: Native,
			Terminate: None, Recall: Overwrite, Override: Overwrite, Granularity: PerDevice,
			NeedsSlot: true, Repeatable: true, PerCall: 1, PerSecond: 10_000,
			SlotForm: SlotText,
			Note: "FCM has no recall call: the notification with the same tag is replaced, so the user sees the new text; " +
				"a device that gets more than 20 collapsible messages waits three minutes for each further one.",
			Source:  "doc comments of google.golang.org/api/fcm/v1; https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas",
			Checked: checked, Verified: true,
		},
		{
			Channel: "fcm-data", Title: "Google FCM, data messages", Profile: Native,
			Terminate: None, Recall: Remove, Override: Overwrite, Granularity: PerDevice,
			NeedsSlot: true, Repeatable: true, PerCall: 1, PerSecond: 10_000,
			SlotForm: SlotText,
			Note:     "The app draws the notification, so its own code must obey the recall message; where the app does not run, nothing happens.",
			Source: "doc comments of google.golang.org/api/fcm/v1, the app's half from no vendor page; " +
				"https://firebase.google.com/docs/cloud-messaging/throttling-and-quotas",
			Checked: checked, Verified: false,
		},
		{
			Channel: "huawei", Title: "Huawei Push Kit, EMUI 10 and later", Profile: Native,
			Terminate: None, Recall: Overwrite, Override: Overwrite, Granularity: PerDevice,
			NeedsSlot: true, Repeatable: true,
			SlotForm: SlotText,
			Note:     "No revoke call was found for Android: the notification with the same notify_id is replaced, so the user sees the new text.",
			Source: "https://cnblogs.com/HarmonyOSSDK/p/16163925.html; https://help.aliyun.com/en/document_detail/260264.html; " +
				"a public mirror of the vendor's field table",
			Checked: checked, Verified: false,
		},
		{
			Channel: "huawei-emui9", Title: "Huawei Push Kit, below EMUI 10", Profile: Native,
			Terminate: None, Recall: None, Override: None, Granularity: PerDevice,
			Note:    "Below EMUI 10 Huawei does not replace notifications, so what was handed over stays.",
			Source:  "https://docs.jiguang.cn/jpush/practice/override_del; https://cloud.tencent.com/document/product/548/50784",
			Checked: checked, Verified: false,
		},
		{
			Channel: "harmony", Title: "HarmonyOS Push Kit", Profile: Native,
			Terminate: Withhold, Recall: Remove, Override: Overwrite, Granularity: PerDevice,
			NeedsSlot: true, SlotToWithhold: true, Repeatable: true, PerCall: 1000,
			SlotForm: SlotInteger,
			Note:     "One revoke call stops what is undelivered and removes what is shown and unclicked; it says only that Huawei took it, and leaves the badge.",
			Source: "https://developer.huawei.com/consumer/cn/doc/harmonyos-references/push-msg-revoke; " +
				"https://developer.huawei.com/consumer/cn/doc/harmonyOS-guides/push-revoke-alert/",
			Checked: checked, Verified: true,
		},
		{
			Channel: "honor", Title: "Honor Push", Profile: Native,
			Terminate: None, Recall: Overwrite, Override: Overwrite, Granularity: PerDevice,
			NeedsSlot: true, Repeatable: true,
			SlotForm: SlotText,
			Note:     "No recall call was found: the notification with the same notifyId is replaced, so the user sees the new text.",
			Source: "https://xie.infoq.cn/article/575b0e405029cfdd8652288fa; https://docs.getui.com/getui/scene/recall; " +
				"the vendor's field text in public source",
			Checked: checked, Verified: false,
		},
		{
			Channel: "xiaomi", Title: "Xiaomi MiPush", Profile: Native,
			Terminate: None, Recall: Remove, Override: Overwrite, Granularity: PerDevice,
			NeedsSlot: true, Repeatable: true,
			SlotForm: SlotInteger,
			Note: "V3 revoke names targets and a notify_id; revoke by message, job or topic ends on 2026-12-01, " +
				"and stopping by message id is not used because it would stop the whole send.",
			Source: "https://dev.mi.com/xiaomihyperos/documentation/detail?pId=2367; " +
				"https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1559, its V3 parameter table not readable",
			Checked: checked, Verified: false,
		},
		{
			Channel: "oppo", Title: "OPPO Push", Profile: Native,
			Terminate: None, Recall: Overwrite, Override: Overwrite, Granularity: PerDevice,
			NeedsSlot: true, Repeatable: true, PerCall: 1000,
			SlotForm: SlotInteger,
			Note: "No recall call was found: the notification with the same notify_id is replaced, so the user sees the new text; " +
				"Getui, JPush and mPaaS say it works, TPNS says not.",
			Source: "https://help.aliyun.com/en/document_detail/260264.html; https://docs.getui.com/getui/scene/recall; " +
				"https://github.com/iamtang/push-oppo; the vendor's field text in public source",
			Checked: checked, Verified: false,
		},
		{
			Channel: "vivo", Title: "vivo Push", Profile: Native,
			Terminate: None, Recall: Remove, Override: None, Granularity: PerDevice,
			NeedsSlot: true, Repeatable: true,
			SlotForm: SlotInteger,
			Note: "vivo removes, as three resellers say, but its own document needs a login, so check the call in vivo's sandbox first; " +
				"replacing is off because the resellers contradict each other.",
			Source: "https://help.aliyun.com/en/document_detail/260264.html; https://docs.getui.com/getui/scene/recall; " +
				"https://docs.jiguang.cn/jpush/practice/override_del",
			Checked: checked, Verified: false,
		},
		{
			Channel: "meizu", Title: "Meizu Push", Profile: Native,
			Terminate: Withhold, Recall: Overwrite, Override: Overwrite, Granularity: PerTask, OverwritePerDevice: true,
			NeedsSlot: true, Repeatable: true,
			SlotForm: SlotShort, NeedsSend: true,
			Note: "Only a send to all users can be stopped, and only as a whole while it is pending or running; " +
				"a shown notification is replaced by its notify key, of at most 8 characters.",
			Source: "https://github.com/MEIZUPUSH/PushAPI; https://docs.getui.com/getui/scene/recall; " +
				"https://cloud.tencent.com/document/product/548/50784",
			Checked: checked, Verified: true,
		},
		{
			Channel: "jpush", Title: "JPush", Profile: Native,
			Terminate: Withhold, Recall: Remove, Override: Overwrite, Granularity: PerTask, OverwritePerDevice: true,
			Window: day, Repeatable: true,
			NeedsSend: true, SendToOverwrite: true,
			Note: "One call withdraws a whole msgid, what is undelivered and what is shown and unclicked; the day's window is stated for replacing only, " +
				"and a replacing push must carry its cid so that a repeat is not sent twice.",
			Source: "https://docs.jiguang.cn/jpush/practice/message_override_revoke; " +
				"https://docs.jiguang.cn/jpush/server/push/rest_api_v3_push_advanced",
			Checked: checked, Verified: true,
		},
		{
			Channel: "wecom", Title: "WeCom", Profile: Native,
			Terminate: None, Recall: Remove, Override: None, Granularity: PerTask,
			Window: day, Repeatable: true,
			NeedsSend: true,
			Note: "One call takes the message back from every recipient of that send, read or not, within 24 hours; " +
				"the copy in the WeChat plug-in stays.",
			Source:  "https://developer.work.weixin.qq.com/document/path/94867, as quoted in public source",
			Checked: checked, Verified: false,
		},
		{
			Channel: "dingtalk", Title: "DingTalk work notification", Profile: Native,
			Terminate: None, Recall: Remove, Override: None, Granularity: PerTask,
			Window: day, Repeatable: true,
			NeedsSend: true,
			Note:      "One call takes the message back from every recipient of that task, read or not, within 24 hours.",
			Source:    "https://open.dingtalk.com/document/development/notification-of-work-withdrawal",
			Checked:   checked, Verified: true,
		},
		{
			Channel: "wechat-oa", Title: "WeChat official account", Profile: Native,
			Terminate: None, Recall: Remove, Override: None, Granularity: PerTask, Repeatable: true,
			NeedsSend: true,
			Silent:    true,
			Note: "Only mass-sent articles and videos, for all their recipients: the card stays in the chat and opens to \"deleted\"; " +
				"template, subscription and customer-service messages stay.",
			Source:  "https://developers.weixin.qq.com/doc/service/api/notify/message/api_deletemassmsg",
			Checked: checked, Verified: false,
		},
		{
			Channel: "wechat-mp", Title: "WeChat mini-program", Profile: Native,
			Terminate: None, Recall: None, Override: None, Granularity: PerDevice,
			Silent:  true,
			Note:    "Subscription messages cannot be taken back once they are handed over.",
			Source:  "no vendor page found",
			Checked: checked, Verified: false,
		},
		{
			Channel: "alipay", Title: "Alipay life account", Profile: Native,
			Terminate: None, Recall: Remove, Override: None, Granularity: PerTask, Repeatable: true,
			NeedsSend: true,
			Silent:    true,
			Note:      "Only life account messages, for all recipients of the message id, with no stated window; template messages stay.",
			Source: "https://docs.open.alipay.com/api_6/alipay.open.public.life.msg.recall; " +
				"the vendor's SDKs in public source",
			Checked: checked, Verified: false,
		},
		{
			Channel: "webpush", Title: "Web Push", Profile: Native,
			Terminate: None, Recall: Overwrite, Override: Overwrite, Granularity: PerDevice,
			NeedsSlot: true, Repeatable: true, PerCall: 1,
			SlotForm: SlotWord,
			Note: "Topic displaces an undelivered message and tag replaces a shown one, so the user sees the new text; " +
				"only Mozilla can delete an undelivered message, and silent removal costs the subscription in some browsers.",
			Source:  "https://www.rfc-editor.org/rfc/rfc8030; https://github.com/mozilla-services/autopush-rs",
			Checked: checked, Verified: true,
		},
		{
			Channel: "ntfy", Title: "ntfy", Profile: Native,
			Terminate: None, Recall: Remove, Override: Overwrite, Granularity: PerDevice,
			NeedsSlot: true, Repeatable: true, PerCall: 1,
			SlotForm: SlotWord,
			Note: "Needs a server of version 2.16.0 or later, an older one shows a second notification and answers success; " +
				"every subscriber of the topic is reached, so one topic must be one device.",
			Source:  "https://www.home-assistant.io/actions/ntfy.delete/; docs.ntfy.sh/publish, as quoted in public source",
			Checked: checked, Verified: false,
		},
		{
			Channel: "sms", Title: "Text message", Profile: Native,
			Terminate: None, Recall: None, Override: None, Granularity: PerDevice,
			Silent:  true,
			Note:    "A text message cannot be taken back once it is handed over; the sender's gate stops only what is still unsent.",
			Source:  "https://docs.jiguang.cn/jums/server/rest_api_jums_retract_message/",
			Checked: checked, Verified: true,
		},
		{
			Channel: "email", Title: "Mail", Profile: Native,
			Terminate: None, Recall: None, Override: None, Granularity: PerDevice,
			Silent:  true,
			Note:    "Mail cannot be taken back once it is handed over; the sender's gate stops only what is still unsent.",
			Source:  "no vendor page: mail has no recall outside one organisation",
			Checked: checked, Verified: false,
		},
	}
}
