package callback

// Proof names how a caller proves that it is the vendor.
type Proof string

// The proofs. A request with webhook-signature uses Signature on every channel.
const (
	// Signature is that of Standard Webhooks.
	Signature Proof = "signature"
	// Token is the account's secret in the address, as ?token=.
	Token Proof = "token"
	// Huawei is the header X-HUAWEI-CALLBACK-ID.
	Huawei Proof = "huawei"
)

// Form is how one channel's vendor reports what happened.
type Form struct {
	Channel string
	Proof   Proof
	// Carrier is the parameter of the send that must carry the push id.
	Carrier string
	// Source is where the form is described and Checked the day it was read.
	Source, Checked string
	// Unverified says what no page of the vendor confirms, and what would.
	Unverified string

	// parse reads a body. What it returns as error refuses the whole call.
	parse func(*intake, []byte) error
	// answer is the body of 200; "" is ours.
	answer string
	// empty reports whether a body that nothing proves asks for nothing, so that
	// it is answered as if it were proven: the vendor's console tries the address.
	empty func([]byte) bool
}

const checked = "2026-11-20"

// huaweiAnswer is what the vendor expects, by a program that takes its receipts.
const huaweiAnswer = `{"code":"0","message":"success"}`

const (
	huaweiSource = "developer.huawei.com/consumer/cn/doc/doccenter-references/api/push-api-msg-receipt (V2), " +
		"/doc/HMSCore-References/https-send-receipt-api-0000001051066120 (V1), /doc/HMSCore-Guides/msg-receipt-guide-0000001050040176 (codes)"
	huaweiDoubt = "the answer's fields, whether a repeated receipt has a new nonce, and that the console tries the address with an " +
		"unsigned body that holds no status; trying it in AppGallery Connect would tell"
	// receivers is a public program that takes in what these vendors send.
	receivers = "github.com/doopush/doopush, api/internal/controllers/callback_controller.go and services/callback_service.go"
)

// Forms lists the channels whose vendors' own forms are understood, and those
// whose form is not public. The others take the generic form without a row.
func Forms() []Form {
	huawei := func(channel, carrier string) Form {
		return Form{
			Channel: channel, Proof: Huawei, Carrier: carrier, Source: huaweiSource, Checked: checked, Unverified: huaweiDoubt,
			parse: parseHuawei, answer: huaweiAnswer, empty: emptyHuawei,
		}
	}
	fcm := func(channel string) Form {
		return Form{
			Channel: channel, Proof: Signature, Carrier: "fcm_options.analytics_label",
			Source: "firebase.google.com/docs/cloud-messaging/understand-delivery (labels, export)", Checked: checked,
			Unverified: "the columns event, instance_id and event_timestamp, the events and the forms of time; one exported row would tell",
			parse:      parseFCM,
		}
	}
	return []Form{
		huawei("huawei", "message.android.bi_tag"),
		huawei("huawei-emui9", "message.android.bi_tag"),
		huawei("harmony", "pushOptions.biTag"),
		{
			Channel: "honor", Proof: Token, Carrier: "android.biTag", Source: receivers, Checked: checked, parse: parseHonor,
			Unverified: "all of it: the vendor's page, its signature and its codes other than success; developer.honor.com behind a login would tell",
		},
		{
			Channel: "xiaomi", Proof: Token, Carrier: "extra.callback.param (64 bytes)", Checked: checked, parse: parseXiaomi,
			Source: "dev.mi.com/xiaomihyperos/documentation/detail?pId=1559 (callback.param), " +
				"blog.csdn.net/zhou_Tian/article/details/108751167 (form field data, sum of types), " + receivers,
			Unverified: "the names inside data, types above 16, and reports that only http addresses are called; one receipt would tell",
		},
		{
			Channel: "oppo", Proof: Token, Carrier: "call_back_parameter (100 characters; 50 in the SDK)", Checked: checked, parse: parseOPPO,
			Source:     "www.yimenapp.com/kb-yimen/11083, a copy of the vendor's page on receipts",
			Unverified: "that eventTime is Unix milliseconds, and that the vendor signs nothing; one receipt would tell",
		},
		{
			Channel: "vivo", Proof: Token, Carrier: `extra "callback.param" (64 characters)`, Checked: checked, parse: parseVivo,
			Source:     "app.applebyme.cn/cloud/appshangjia/2017.html, a copy of the server API 2.9.2 (extra), " + receivers,
			Unverified: "all of the receipt, and what ackTypes other than 0 mean; dev.vivo.com.cn/documentCenter/doc/681 behind a login would tell",
		},
		fcm("fcm"),
		fcm("fcm-data"),
		{
			Channel: "jpush", Proof: Signature, Source: "docs.jiguang.cn/jpush/server/push/rest_api_v3_callback (2024-05-27)", Checked: checked,
			Unverified: "the fields, which the vendor tells customers only; it authenticates by Basic appKey:masterSecret. Until they are known: the generic form",
			parse:      parseFacts,
		},
	}
}

// forms returns the form of every channel that has one.
func forms() map[string]Form {
	m := map[string]Form{}
	for _, f := range Forms() {
		m[f.Channel] = f
	}
	return m
}

// generic is the form of a channel without a row.
func generic() Form { return Form{Proof: Signature, parse: parseFacts} }
