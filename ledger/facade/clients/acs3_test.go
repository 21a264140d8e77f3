package clients

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
)

// acs3 is the vendor's generic client, which signs with ACS3.
type acs3 struct {
	*openapi.Client
	// query puts the parameters into the query instead of a form.
	query bool
}

func newACS3(t *testing.T, id, key string, query bool) acs3 {
	t.Helper()
	c, err := openapi.NewClient(&openapi.Config{
		AccessKeyId: dara.String(id), AccessKeySecret: dara.String(key),
		Endpoint: dara.String(strings.TrimPrefix(api, "http://")), Protocol: dara.String("http"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return acs3{c, query}
}

func (c acs3) revoke(message, target string) (outcome, error) {
	values := map[string]any{"AppId": appID, "WorkspaceId": workspace, "MessageId": message, "TargetId": target}
	request := &openapi.OpenApiRequest{Body: values}
	if c.query {
		request = &openapi.OpenApiRequest{Query: map[string]*string{}}
		for name, v := range values {
			request.Query[name] = dara.String(v.(string))
		}
	}
	a, err := c.CallApi(&openapi.Params{
		Action: dara.String("RevokePushMessage"), Version: dara.String("2020-10-28"), Protocol: dara.String("HTTP"),
		Pathname: dara.String("/"), Method: dara.String("POST"), AuthType: dara.String("AK"), Style: dara.String("RPC"),
		ReqBodyType: dara.String("formData"), BodyType: dara.String("json"),
	}, request, &dara.RuntimeOptions{})
	if err != nil {
		return outcome{}, err
	}
	var o outcome
	body, _ := a["body"].(map[string]any)
	result, _ := body["PushResult"].(map[string]any)
	o.code, _ = body["ResultCode"].(string)
	o.success, _ = result["Success"].(bool)
	o.reason, _ = result["ResultMsg"].(string)
	return o, nil
}

// TestACS3Revoke recalls a message with the parameters in either place.
func TestACS3Revoke(t *testing.T) {
	for name, query := range map[string]bool{"form": false, "query": true} {
		t.Run(name, func(t *testing.T) {
			const target = "a b/*~'()!促"
			message := unique("acs3-" + name)
			newRPC(t, keyID, secret).push(t, simple(message, target))
			c := newACS3(t, keyID, secret, query)
			o, err := c.revoke(message, target)
			want(t, "revoke", o, err, ok, "")
			o, err = c.revoke(message, target)
			want(t, "repeat", o, err, invalid, "already taken back")
			o, err = c.revoke("acs3-nothing", target)
			want(t, "unknown", o, err, invalid, "no push")

			_, err = newACS3(t, keyID, "wrong", query).revoke(message, target)
			var refused *tea.SDKError
			if !errors.As(err, &refused) {
				t.Fatalf("wrong secret: %T %v, want the client's own error", err, err)
			}
			t.Logf("wrong secret: %d %s", tea.IntValue(refused.StatusCode), tea.StringValue(refused.Code))
			if tea.StringValue(refused.Code) != "SignatureDoesNotMatch" || tea.IntValue(refused.StatusCode) != http.StatusBadRequest ||
				!strings.Contains(tea.StringValue(refused.Data), `"RequestId"`) {
				t.Errorf("wrong secret: %v, want SignatureDoesNotMatch", refused)
			}
		})
	}
}
