package showcase

import (
	"errors"
	"maps"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// TestProfiles: the same devices under each profile get the method that the profile
// promises, and their screens show it. Of four holders one is away when the recall
// comes, so what is only withheld never reaches that one.
func TestProfiles(t *testing.T) {
	all := func(s Screen) map[Screen]int { return map[Screen]int{s: 4} }
	away := map[Screen]int{Old: 3, Nothing: 1}
	s := stageOf(t)
	for _, p := range []struct {
		profile string
		rows    []profileRow
	}{
		// First: TIMPush allows an app one recall a second, of whatever push.
		{"timpush", []profileRow{
			{"apns", channels.Overwrite, all(Revoked), "accepted", ""},
			{"honor", channels.Overwrite, all(Revoked), "accepted", ""},
			{"xiaomi", channels.Withhold, all(Old), "unsupported", ""},
			{"meizu", channels.Withhold, away, "accepted", "unsupported"},
			{"dingtalk", channels.None, all(Old), "unsupported", ""},
		}},
		{"native", []profileRow{
			{"selfbuilt", channels.Remove, all(Nothing), "confirmed", ""},
			{"apns", channels.Remove, all(Nothing), "accepted", ""},
			{"fcm", channels.Overwrite, nil, "accepted", ""},
			{"xiaomi", channels.Remove, all(Nothing), "accepted", ""},
			{"meizu", channels.Overwrite, all(Revoked), "accepted", ""},
			{"vivo", channels.Remove, all(Nothing), "accepted", ""},
			{"jpush", channels.Remove, all(Nothing), "accepted", ""},
			{"sms", channels.None, all(Old), "unsupported", ""},
		}},
		{"mpaas", []profileRow{
			// A phone that was away has nothing to overwrite.
			{"selfbuilt", channels.Overwrite, map[Screen]int{Revoked: 3, Nothing: 1}, "confirmed", ""},
			{"apns", channels.Overwrite, all(Revoked), "accepted", ""},
			{"xiaomi", channels.Overwrite, all(Revoked), "accepted", ""},
			{"vivo", channels.Remove, all(Nothing), "accepted", ""},
			{"sms", channels.None, all(Old), "unsupported", ""},
			{"jpush", channels.None, all(Old), "unsupported", ""},
		}},
		{"tpns", []profileRow{
			{"selfbuilt", channels.Withhold, away, "confirmed", "unsupported"},
			{"apns", channels.None, all(Old), "unsupported", ""},
			// Xiaomi itself withholds nothing: only the sender's gate does.
			{"xiaomi", channels.Withhold, all(Old), "unsupported", ""},
			{"meizu", channels.Withhold, away, "accepted", "unsupported"},
			{"vivo", channels.Withhold, all(Old), "unsupported", ""},
		}},
		{"ums", []profileRow{
			{"jpush", channels.Remove, all(Nothing), "accepted", ""},
			{"dingtalk", channels.Remove, all(Nothing), "accepted", ""},
			{"sms", channels.Withhold, all(Old), "unsupported", ""},
			{"apns", channels.None, all(Old), "unsupported", ""},
		}},
	} {
		t.Run(p.profile, func(t *testing.T) {
			play := plot{push: "under-" + p.profile, profile: p.profile, request: recallOf("under-" + p.profile)}
			for _, r := range p.rows {
				play.on = append(play.on, r.channel)
			}
			c, err := s.send(t.Context(), play)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.takeBack(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			of := map[string]Channel{}
			for _, x := range got.Channels {
				of[x.Channel] = x
			}
			for _, want := range p.rows {
				x := of[want.channel]
				screens, outcomes := want.screens, map[string]int{want.outcome: 4}
				if want.rest != "" {
					outcomes = map[string]int{want.outcome: 1, want.rest: 3}
				}
				if want.channel == "fcm" { // it has a dead token
					screens, outcomes = map[Screen]int{Revoked: 4, Nothing: 1}, map[string]int{want.outcome: 4, "refused": 1}
				}
				if x.Method != string(want.method) || !maps.Equal(x.Screens, screens) || !maps.Equal(x.Outcomes, outcomes) {
					t.Errorf("%s: %+v\nwant %s, %v, %v", want.channel, x, want.method, screens, outcomes)
				}
			}
		})
	}
}

// profileRow is what a profile promises for a channel.
type profileRow struct {
	channel string
	method  channels.Method
	screens map[Screen]int
	// outcome is what comes of the command; of who was not away, too, unless rest says
	// something else.
	outcome, rest string
}

// TestRefusals: a recall that does not say what to do about whole sends is refused,
// and so is a second one, which names the first (L5). Neither calls anybody.
func TestRefusals(t *testing.T) {
	s := stageOf(t)
	p := recalled()
	p.on = []string{"apns", "dingtalk", "wecom", "sms"}
	c, err := s.send(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	calls := func() (n int) {
		for _, l := range s.lanes {
			n += l.calls()
		}
		return n
	}
	refused := func(r api.RecallRequest, code ledger.Code) *api.Problem {
		t.Helper()
		before := calls()
		_, err := s.client.Recall(t.Context(), r, "")
		var problem *api.Problem
		if !errors.As(err, &problem) || problem.Code != string(code) {
			t.Fatalf("got %v, want a refusal as %s", err, code)
		}
		if n := calls() - before; n > 0 {
			t.Errorf("%s: %d calls were made", code, n)
		}
		return problem
	}
	open := c.request
	open.WholeSends = nil
	refused(open, ledger.WholeSends)
	push, err := s.client.Push(t.Context(), p.push, api.ReadOptions{})
	if err != nil || len(push.Recalls) > 0 {
		t.Errorf("after the refusal there are recalls %v (%v)", push.Recalls, err)
	}
	r, err := s.takeBack(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if found := s.compare(c, &r); len(found) > 0 {
		t.Errorf("found %q", found)
	}
	if problem := refused(c.request, ledger.AlreadyRecalled); problem.First == nil || problem.First.Recall != r.Recall {
		t.Errorf("the second refusal names %v, want %s", problem.First, r.Recall)
	}
	// Saying no leaves whole sends where they are.
	p.push, p.request = "left-there", recallOf("left-there")
	*p.request.WholeSends = false
	c, err = s.send(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = s.takeBack(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if found := s.compare(c, &r); len(found) > 0 {
		t.Errorf("found %q", found)
	}
	for _, x := range r.Channels {
		if x.Channel != "apns" && (x.Method != "none" || x.Screens[Old] != 4 || x.Accepted != 0 || x.Calls != 0) {
			t.Errorf("without whole sends: %+v", x)
		}
	}
}
