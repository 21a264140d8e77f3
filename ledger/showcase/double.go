package showcase

import (
	"time"

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

// settings are what an operator would write into the configuration.
type settings = map[string]any

// starter runs a double and returns the settings of an app that is its customer.
type starter func(clock func() time.Time) (*double.Server, settings, error)

// customer makes a starter of a double's Start: of gives the server inside the
// double, and the settings.
func customer[S any](start func(func() time.Time) (S, error), of func(S) (*double.Server, settings)) starter {
	return func(clock func() time.Time) (*double.Server, settings, error) {
		s, err := start(clock)
		if err != nil {
			return nil, nil, err
		}
		d, set := of(s)
		return d, set, nil
	}
}

func apnsDouble(s *apnstest.Server) (*double.Server, settings) {
	return s.Server, settings{
		"base_url": s.URL, "topic": apnstest.Topic, "team_id": apnstest.TeamID, "key_id": apnstest.KeyID, "private_key": apnstest.Key(),
	}
}

func fcmDouble(s *fcmtest.Server) (*double.Server, settings) {
	return s.Server, settings{"base_url": s.URL, "service_account": s.Credentials()}
}

func huaweiDouble(s *huaweitest.Server) (*double.Server, settings) {
	return s.Server, settings{
		"base_url": s.URL, "token_url": s.TokenURL(), "client_id": huaweitest.ClientID, "client_secret": huaweitest.ClientSecret,
	}
}

func harmonyDouble(s *harmonytest.Server) (*double.Server, settings) {
	return s.Server, settings{"base_url": s.URL, "client_id": harmonytest.ClientID, "service_account": s.Account}
}

func honorDouble(s *honortest.Server) (*double.Server, settings) {
	return s.Server, settings{
		"base_url": s.URL, "token_url": s.TokenURL(), "app_id": honortest.AppID,
		"client_id": honortest.ClientID, "client_secret": honortest.ClientSecret,
	}
}

func xiaomiDouble(s *xiaomitest.Server) (*double.Server, settings) {
	return s.Server, settings{"base_url": s.URL, "app_secret": xiaomitest.AppSecret, "package": xiaomitest.Package}
}

func oppoDouble(s *oppotest.Server) (*double.Server, settings) {
	return s.Server, settings{
		"base_url": s.URL, "overseas_url": s.URL + oppotest.Overseas, "app_key": oppotest.AppKey, "master_secret": oppotest.MasterSecret,
	}
}

func vivoDouble(s *vivotest.Server) (*double.Server, settings) {
	return s.Server, settings{
		"base_url": s.URL, "app_id": vivotest.AppID, "app_key": vivotest.AppKey, "app_secret": vivotest.AppSecret,
	}
}

func meizuDouble(s *meizutest.Server) (*double.Server, settings) {
	return s.Server, settings{"base_url": s.URL, "app_id": meizutest.AppID, "app_secret": meizutest.AppSecret}
}

func jpushDouble(s *jpushtest.Server) (*double.Server, settings) {
	return s.Server, settings{"base_url": s.URL, "app_key": jpushtest.AppKey, "master_secret": jpushtest.MasterSecret}
}

func wecomDouble(s *wecomtest.Server) (*double.Server, settings) {
	return s.Server, settings{
		"base_url": s.URL, "corp_id": wecomtest.CorpID, "corp_secret": wecomtest.CorpSecret, "agent_id": wecomtest.AgentID,
	}
}

func dingtalkDouble(s *dingtalktest.Server) (*double.Server, settings) {
	return s.Server, settings{
		"base_url": s.URL, "app_key": dingtalktest.AppKey, "app_secret": dingtalktest.AppSecret, "agent_id": dingtalktest.AgentID,
	}
}

func wechatDouble(s *wechattest.Server) (*double.Server, settings) {
	return s.Server, settings{"base_url": s.URL, "app_id": wechattest.AppID, "app_secret": wechattest.AppSecret}
}

func alipayDouble(s *alipaytest.Server) (*double.Server, settings) {
	return s.Server, settings{
		"base_url": s.URL, "app_id": alipaytest.AppID, "private_key": alipaytest.PrivateKey(), "public_key": alipaytest.PublicKey(),
	}
}

func webpushDouble(s *webpushtest.Server) (*double.Server, settings) {
	return s.Server, settings{
		"base_url": s.URL, "private_key": webpushtest.PrivateKey(), "subject": "mailto:push@example.com", "hosts": []string{webpushtest.Host},
	}
}

func ntfyDouble(s *ntfytest.Server) (*double.Server, settings) {
	return s.Server, settings{"base_url": s.URL, "token": ntfytest.Token}
}
