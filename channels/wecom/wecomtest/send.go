package wecomtest

import (
	"fmt"
	"net/http"
	"strings"
)

// send shows a text to every user it names. Of a text the screens keep what
// follows its first line, or all of it where it has one line: what a push
// notification would show as its body.
func (w *Server) send(rw http.ResponseWriter, r *http.Request) {
	var m struct {
		ToUser  string `json:"touser"`
		MsgType string `json:"msgtype"`
		AgentID int64  `json:"agentid"`
		Text    struct {
			Content string `json:"content"`
		} `json:"text"`
		Check int `json:"enable_duplicate_check"`
	}
	if !read(rw, r, &m) {
		return
	}
	users := strings.Split(m.ToUser, "|")
	switch {
	case m.AgentID != AgentID:
		say(rw, 40056, "invalid agentid")
		return
	case m.MsgType != "text":
		say(rw, 40008, "invalid message type")
		return
	case m.Text.Content == "":
		say(rw, 44004, "empty content")
		return
	case m.ToUser == "" || len(users) > maxUsers:
		say(rw, 40031, "invalid userid list")
		return
	}
	shown := m.Text.Content
	if len(shown) > maxContent {
		shown = shown[:maxContent]
	}
	if _, rest, ok := strings.Cut(shown, "\n"); ok {
		shown = rest
	}
	var good, bad []string
	for _, u := range users {
		if w.Dead(u) {
			bad = append(bad, strings.ToLower(u))
		} else {
			good = append(good, u)
		}
	}
	if len(good) == 0 {
		say(rw, 81013, "user & party & tag all invalid")
		return
	}
	msgid, fresh := w.number(m.ToUser+"\x00"+m.Text.Content, m.Check == 1)
	for _, u := range good {
		if fresh {
			w.Tray.Show(u, msgid, shown)
			w.Tray.Sent(msgid, u, msgid)
		}
	}
	write(rw, map[string]any{"errcode": 0, "errmsg": "ok", "invaliduser": strings.Join(bad, "|"), "msgid": msgid})
}

// number gives a send its msgid; with check a send that was made before is not
// fresh. The interval of the check never ends here.
func (w *Server) number(what string, check bool) (msgid string, fresh bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if id, ok := w.sent[what]; ok && check {
		return id, false
	}
	id := fmt.Sprintf("msgid-of-the-double-%d", len(w.sent))
	w.sent[what] = id
	return id, true
}
