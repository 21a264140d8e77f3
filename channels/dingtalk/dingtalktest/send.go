package dingtalktest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// maxUsers is how many userids one send takes, and maxMessage how long a message
// may be, in bytes.
const (
	maxUsers   = 100
	maxMessage = 2048
)

// firstTask is below every number of a task that was sent here.
const firstTask = 900_000_000_000

// send shows a text to every user it names. Who had the same text before does not
// see it again, although the call succeeds: DingTalk shows one user one text once
// a day. Of a text the screens keep what follows its first line, or all of it
// where it has one line.
func (d *Server) send(w http.ResponseWriter, r *http.Request) {
	var m struct {
		AgentID int64           `json:"agent_id"`
		Users   string          `json:"userid_list"`
		Message json.RawMessage `json:"msg"`
	}
	var said struct {
		Type string `json:"msgtype"`
		Text struct {
			Content string `json:"content"`
		} `json:"text"`
	}
	bad := json.NewDecoder(r.Body).Decode(&m) != nil || json.Unmarshal(m.Message, &said) != nil
	users := strings.Split(m.Users, ",")
	if bad || m.AgentID != AgentID || m.Users == "" || len(users) > maxUsers || len(m.Message) > maxMessage ||
		said.Type != "text" || said.Text.Content == "" {
		refuse(w, 400002, "", "invalid parameter")
		return
	}
	shown := said.Text.Content
	if _, rest, ok := strings.Cut(shown, "\n"); ok {
		shown = rest
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tasks++
	number := firstTask + d.tasks
	task := strconv.Itoa(number)
	for _, u := range users {
		if had := u + "\x00" + said.Text.Content; !d.sent[had] {
			d.sent[had] = true
			d.Tray.Show(u, task, shown)
			d.Tray.Sent(task, u, task)
		}
	}
	write(w, map[string]any{"errcode": 0, "errmsg": "ok", "task_id": number})
}
