package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

func formatMD(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// blocks returns the fenced blocks of a page by their info string.
func blocks(page string) map[string][]string {
	found := map[string][]string{}
	for _, m := range regexp.MustCompile("(?ms)^```([^\n]+)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		found[m[1]] = append(found[m[1]], m[2])
	}
	return found
}

// compact is JSON without white space, with its fields in their order.
func compact(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(s)); err != nil {
		t.Fatalf("%v in\n%s", err, s)
	}
	return b.String()
}

// TestFormatExamples: every example is a golden file and every kind has one.
func TestFormatExamples(t *testing.T) {
	kindOf := map[string]events.Kind{}
	missing := map[events.Kind]bool{}
	for _, kind := range events.Kinds() {
		kindOf[compact(t, string(golden(t, kind)))] = kind
		missing[kind] = true
	}
	page := formatMD(t)
	for _, example := range blocks(page)["json"] {
		kind, ok := kindOf[compact(t, example)]
		if !ok {
			t.Errorf("this example of FORMAT.md is no golden file:\n%s", example)
		}
		delete(missing, kind)
	}
	for kind := range missing {
		t.Errorf("FORMAT.md has no example of %s", kind)
	}
	for _, kind := range events.Kinds() {
		if heading := regexp.MustCompile(`(?m)^#{3,4} ` + regexp.QuoteMeta(string(kind)) + `$`); !heading.MatchString(page) && !strings.Contains(page, "| `"+string(kind)+"` |") {
			t.Errorf("FORMAT.md does not explain %s", kind)
		}
	}
}

func TestFormatCloudEvent(t *testing.T) {
	examples := blocks(formatMD(t))["json cloudevent"]
	if len(examples) != 1 {
		t.Fatalf("%d examples of a CloudEvent, want 1", len(examples))
	}
	var given, want map[string]json.RawMessage
	if err := json.Unmarshal([]byte(compact(t, examples[0])), &given); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(golden(t, events.PushCreated), &want); err != nil {
		t.Fatal(err)
	}
	mapped := map[string]json.RawMessage{
		"v": json.RawMessage("1"), "id": given["id"], "kind": given["type"], "push": given["subject"], "time": given["time"], "data": given["data"],
		"app": json.RawMessage(strings.Replace(string(given["source"]), "/apps/", "", 1)),
	}
	if diff := cmp.Diff(mapped, want); diff != "" {
		t.Error(diff)
	}
}

// TestFormatCommand: the line to copy is right in subject and event.
func TestFormatCommand(t *testing.T) {
	found := 0
	for _, block := range blocks(formatMD(t))["sh"] {
		for _, m := range regexp.MustCompile(`nats (?:pub|request) '([^']+)' '([^']+)'`).FindAllStringSubmatch(block, -1) {
			found++
			e, err := events.DecodeStrict([]byte(m[2]))
			if err != nil {
				t.Fatal(err)
			}
			if want := events.Subject(0, e.App, e.Kind, e.Push, ""); m[1] != want {
				t.Errorf("the subject is %s, want %s", m[1], want)
			}
			if want := strings.TrimSpace(string(golden(t, e.Kind))); m[2] != want {
				t.Errorf("the event is %s, want %s", m[2], want)
			}
		}
		for _, m := range regexp.MustCompile(`--last-for '([^']+)'`).FindAllStringSubmatch(block, -1) {
			found++
			if want := events.DecisionFilter(0, "shop", "order-4711"); m[1] != want {
				t.Errorf("the subject is %s, want %s", m[1], want)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d commands checked, want 2", found)
	}
}

func TestFormatTables(t *testing.T) {
	page := formatMD(t)
	for name, limit := range map[string]int{
		"MaxEventBytes": events.MaxEventBytes, "MaxDevices": events.MaxDevices, "MaxCommandDevices": events.MaxCommandDevices,
		"MaxID": events.MaxID, "MaxApp": events.MaxApp, "MaxPush": events.MaxPush, "MaxChannel": events.MaxChannel,
		"MaxDevice": events.MaxDevice, "MaxUser": events.MaxUser, "MaxNames": events.MaxNames, "MaxLabels": events.MaxLabels,
		"MaxLabel": events.MaxLabel, "MaxTitle": events.MaxTitle, "MaxBody": events.MaxBody, "MaxReason": events.MaxReason, "MaxBy": events.MaxBy,
		"MaxSlot": events.MaxSlot, "MaxKey": events.MaxKey, "MaxAnswer": events.MaxAnswer,
		"MaxTrace": events.MaxTrace,
		"MaxBatch": events.MaxBatch, "MaxBatchBytes": events.MaxBatchBytes,
	} {
		if row := fmt.Sprintf("| `%s` | %d |", name, limit); !strings.Contains(page, row) {
			t.Errorf("FORMAT.md lacks the limit %s", row)
		}
	}
	for _, push := range []string{"order-4711", "v:1t:1603707455p:27133n:2", "a.b", "撤回"} {
		row := fmt.Sprintf("| `%s` | `%s` | %d | %d |", push, events.SubjectToken(push), events.Bucket(push), events.PartitionOf("shop", push, 16))
		if !strings.Contains(page, row) {
			t.Errorf("FORMAT.md lacks the subject %s", row)
		}
	}
	for _, subject := range []struct{ pattern, got string }{
		{"recall.fact.<partition>.<app>.<family>.<push>", events.Subject(0, "shop", events.ClickClicked, "p", "")},
		{"recall.decision.<partition>.<app>.recall.<push>", events.Subject(0, "shop", events.RecallRequested, "p", "")},
		{"recall.decision.<partition>.<app>.command.<push>.<channel>", events.Subject(0, "shop", events.CommandIssued, "p", "apns")},
	} {
		literal := strings.NewReplacer("<partition>", "0", "<app>", "shop", "<family>", "click", "<push>", "p", "<channel>", "apns").Replace(subject.pattern)
		if !strings.Contains(page, "`"+subject.pattern+"`") || literal != subject.got {
			t.Errorf("FORMAT.md says %s, which gives %s, want %s", subject.pattern, literal, subject.got)
		}
	}
}
