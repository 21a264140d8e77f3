package showcase

import (
	"fmt"

	"github.com/recall-ledger/recall-ledger/channels/alipay/alipaytest"
	"github.com/recall-ledger/recall-ledger/channels/apns/apnstest"
	"github.com/recall-ledger/recall-ledger/channels/dingtalk/dingtalktest"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/fcm/fcmtest"
	"github.com/recall-ledger/recall-ledger/channels/harmony/harmonytest"
	"github.com/recall-ledger/recall-ledger/channels/honor/honortest"
	"github.com/recall-ledger/recall-ledger/channels/huawei/huaweitest"
	"github.com/recall-ledger/recall-ledger/channels/jpush/jpushtest"
	"github.com/recall-ledger/recall-ledger/channels/meizu/meizutest"
	"github.com/recall-ledger/recall-ledger/channels/ntfy/ntfytest"
	"github.com/recall-ledger/recall-ledger/channels/oppo/oppotest"
	"github.com/recall-ledger/recall-ledger/channels/vivo/vivotest"
	"github.com/recall-ledger/recall-ledger/channels/webpush/webpushtest"
	"github.com/recall-ledger/recall-ledger/channels/wechat/wechattest"
	"github.com/recall-ledger/recall-ledger/channels/wecom/wecomtest"
	"github.com/recall-ledger/recall-ledger/channels/xiaomi/xiaomitest"
)

// vendor is who stands behind a stored channel here.
type vendor struct {
	channel string
	// start runs the vendor's double; nil where there is no adapter, so that there
	// is nobody to call.
	start starter
	// device makes the i-th device token in the vendor's form.
	device func(i int) string
	// send begins the ids of sends, where the channel has such.
	send string
	// chat is true where a message that was read stays where it is.
	chat bool
	// dead is true where one of the tokens is dead. The vendor must tell which.
	dead bool
	// trouble is what goes wrong with the first calls of a round, forced with those
	// of a forced override. There it must do nothing for certain: a new notification
	// is not shown again on the chance that it was not shown.
	trouble, forced []double.Fault
}

// named makes tokens of a text and a number.
func named(form string) func(int) string {
	return func(i int) string { return fmt.Sprintf(form, i) }
}

// either is a token of two regions, taking turns.
func either(one, other string) func(int) string {
	return func(i int) string { return fmt.Sprintf([]string{one, other}[i%2], i) }
}

// one is a script of a single fault.
func one(f double.Fault) []double.Fault { return []double.Fault{f} }

// vendors has a row for every stored channel but the self-built one. None of the
// doubles that are throttled here answers Retry-After, which would be seconds.
func vendors() []vendor {
	throttle := one(double.Throttle)
	return []vendor{
		{channel: "apns", start: customer(apnstest.Start, apnsDouble), device: apnstest.Token, trouble: one(double.DropAfter)},
		{channel: "fcm", start: customer(fcmtest.Start, fcmDouble), device: named("fcm-%d"), dead: true, trouble: one(double.Fail)},
		{channel: "fcm-data", start: customer(fcmtest.Start, fcmDouble), device: named("data-%d"), trouble: one(double.DropBefore)},
		{channel: "huawei", start: customer(huaweitest.Start, huaweiDouble), device: named("hms-%d"), trouble: throttle},
		{channel: "huawei-emui9", start: customer(huaweitest.Start, huaweiDouble), device: named(huaweitest.OldPrefix + "%d"), forced: throttle},
		{channel: "harmony", start: customer(harmonytest.Start, harmonyDouble), device: named("harmony-%d"), trouble: one(double.Fail)},
		{channel: "honor", start: customer(honortest.Start, honorDouble), device: named("honor-%d"), trouble: one(double.DropAfter)},
		{channel: "xiaomi", start: customer(xiaomitest.Start, xiaomiDouble), device: named("regid+%d="), trouble: throttle},
		{
			channel: "oppo", start: customer(oppotest.Start, oppoDouble), device: either("OPPO_CN_%d", "OPPO_US_%d"),
			trouble: []double.Fault{double.Throttle, double.Fail},
		},
		{channel: "vivo", start: customer(vivotest.Start, vivoDouble), device: named("vivo-%d"), trouble: one(double.DropAfter), forced: throttle},
		{channel: "meizu", start: customer(meizutest.Start, meizuDouble), device: named("meizu-%d"), send: "20457", trouble: one(double.Flood)},
		{channel: "jpush", start: customer(jpushtest.Start, jpushDouble), device: named("jpush-%d"), send: "1810028700854", trouble: one(double.Fail)},
		{
			channel: "wecom", start: customer(wecomtest.Start, wecomDouble), device: named("user%d"), send: "msgid-", chat: true,
			trouble: one(double.DropAfter), forced: throttle,
		},
		{
			channel: "dingtalk", start: customer(dingtalktest.Start, dingtalkDouble), device: named("user%d"), send: "256271667", chat: true,
			trouble: one(double.Fail), forced: throttle,
		},
		{
			channel: "wechat-oa", start: customer(wechattest.Start, wechatDouble), device: named("openid-%d"), send: "314748", chat: true,
			trouble: one(double.DropBefore),
		},
		{channel: "wechat-mp", device: named("openid-%d"), chat: true},
		{
			channel: "alipay", start: customer(alipaytest.Start, alipayDouble), device: named("2088%012d"), send: "LIFE", chat: true,
			trouble: throttle,
		},
		{channel: "webpush", start: customer(webpushtest.Start, webpushDouble), device: webpushtest.Device, trouble: one(double.Fail)},
		{channel: "ntfy", start: customer(ntfytest.Start, ntfyDouble), device: named("topic-%d"), trouble: one(double.DropBefore)},
		{channel: "sms", device: named("+86139%08d"), chat: true},
		{channel: "email", device: named("user%d@example.com"), chat: true},
	}
}
