package clients

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

// The key of TIMPush and its app, which has a key of mPaaS besides.
const (
	timApp, timID, timPopID = "tim", "1400000001", "timpop"
	timKey                  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// TestNode runs the clients that are npm packages, with Node's test runner: see
// clients.test.mjs. Without node it passes, and says that nothing was tested.
func TestNode(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Log("NOT RUN: there is no node on the PATH. @alicloud/pop-core, @alicloud/openapi-client and tls-sig-api-v2 " +
			"were NOT tested; install Node 20 to test them")
		return
	}
	// The two keys of one app are two doors to the same pushes.
	for facade, id := range map[string]string{"timpush": timID, "mpaas": timPopID} {
		if err := enterKey(timApp, facade, id, timKey); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--package-lock=false", "--ignore-scripts", "--prefer-offline")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm install: %v\n%s", err, out)
	}
	run := exec.CommandContext(ctx, "node", "--test", "clients.test.mjs")
	run.Env = environ("RECALL_API="+api, "APP="+app, "KEY_ID="+keyID, "SECRET="+secret,
		"TIM_APP="+timApp, "TIM_ID="+timID, "TIM_KEY="+timKey, "TIM_POP_ID="+timPopID, "APP_ID="+appID, "WORKSPACE="+workspace)
	out, err := run.CombinedOutput()
	t.Logf("node --test:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
}
