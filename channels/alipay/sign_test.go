package alipay

import "testing"

// TestSigned: in the order of the names, without what is empty, not escaped.
func TestSigned(t *testing.T) {
	got := signed(map[string]string{"version": "1.0", "app_id": "1", "app_auth_token": "", "biz_content": `{"a":"b&c=d"}`, "charset": "utf-8"})
	if want := `app_id=1&biz_content={"a":"b&c=d"}&charset=utf-8&version=1.0`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
