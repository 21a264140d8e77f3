package clients

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestLogHasNoSecrets reads the node's log, in which every call of these clients
// is and nothing that proves who called (L10).
//
// Reading it has a second use. go test does not see that the product changed,
// and would repeat an old result; but it keeps no result of a test that read a
// file written a moment ago, and the node's last lines are that new.
func TestLogHasNoSecrets(t *testing.T) {
	message := unique("logged")
	if _, err := newRPC(t, keyID, secret).revoke(message, "device-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := newRPC(t, keyID, "wrong").revoke(message, "device-1"); err == nil {
		t.Fatal("a wrong secret was accepted")
	}
	// The lines are written after the answers.
	var text string
	end := time.After(2 * time.Minute)
	for again := time.Tick(20 * time.Millisecond); !strings.Contains(text, "SignatureDoesNotMatch"); {
		select {
		case <-again:
		case <-end:
			t.Fatalf("the log does not have the last call:\n%s", text)
		}
		b, err := os.ReadFile(logFile)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	for _, s := range []string{secret, timKey, "usersig=", "Signature=", "SignatureNonce=", "string to sign"} {
		if strings.Contains(text, s) {
			t.Errorf("the log has %q", s)
		}
	}
}
