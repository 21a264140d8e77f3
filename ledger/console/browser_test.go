package console_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/node"
)

var screenshots = flag.String("screenshots", "", "folder to keep the screenshots of the console in (default: a temporary one); it asks for a browser, whose absence fails the test then")

// patience bounds what is waited for; a machine under load takes long for a page.
const patience = 90 * time.Second

func asProblem(err error, p **api.Problem) bool { return errors.As(err, p) }

// browser is one tab of a real, headless Chromium.
type browser struct {
	t   *testing.T
	ctx context.Context
	dir string

	mu       sync.Mutex
	messages []string
}

// newBrowser starts Chromium. Where it is not installed there is nothing to test
// with, which only those may pass over who did not ask for screenshots: .ci/run
// installs it and asks.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		const lacks = "NO CHROMIUM IS INSTALLED: THE CONSOLE IS NOT TESTED IN A BROWSER. Install it (apt-get install chromium) and run this again."
		if *screenshots != "" {
			t.Fatal(lacks)
		}
		t.Skip(lacks)
	}
	b := &browser{t: t, dir: *screenshots}
	if b.dir == "" {
		b.dir = t.TempDir()
	} else if err := os.MkdirAll(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("lang", "en-US"), chromedp.Env("TZ=UTC"))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to run as root otherwise
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(alloc)
	bounded, end := context.WithTimeout(ctx, 5*time.Minute)
	b.ctx = bounded
	said := chromedp.Console(bounded)
	var reading sync.WaitGroup
	reading.Go(func() {
		for m, err := range said {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.messages = append(b.messages, m.String()+" "+m.URL)
			b.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		end()
		cancel()
		stop()
		reading.Wait()
	})
	return b
}

// quiet fails when the pages complained: of an exception, or of something the
// policy forbids.
func (b *browser) quiet() {
	b.t.Helper()
	b.quietBut("")
}

// quietBut passes over messages with a text.
func (b *browser) quietBut(text string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.messages {
		if text == "" || !strings.Contains(m, text) {
			b.t.Errorf("the page said %s", m)
		}
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.shot("failed")
		b.t.Fatalf("%v; the page shows:\n%s", err, b.text("body"))
	}
}

// value evaluates JavaScript.
func value[T any](b *browser, script string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return v
}

func (b *browser) text(selector string) string {
	return value[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// until waits for an expression to be true.
func (b *browser) until(what, script string) {
	b.t.Helper()
	tick, late := time.NewTicker(50*time.Millisecond), time.NewTimer(patience)
	defer tick.Stop()
	defer late.Stop()
	for !value[bool](b, "!!("+script+")") {
		select {
		case <-tick.C:
		case <-late.C:
			b.shot("failed")
			b.t.Fatalf("did not happen: %s; the page shows:\n%s", what, b.text("body"))
		}
	}
}

// enter types into a field, in place of what it holds.
func (b *browser) enter(selector, text string) {
	b.t.Helper()
	value[string](b, fmt.Sprintf("document.querySelector(%q).value = ''", selector))
	b.do(chromedp.SendKeys(selector, text))
}

func (b *browser) has(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("%s says %q", selector, text), fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q)", selector, text))
}

// look is how a page is looked at.
type look struct {
	name          string
	width, height int64
	dark          bool
}

var looks = []look{{"light", 1280, 900, false}, {"dark", 1280, 900, true}, {"phone", 390, 844, false}, {"phone-dark", 390, 844, true}}

func (b *browser) as(l look) {
	b.t.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	b.do(chromedp.EmulateViewport(l.width, l.height), func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
	})
}

func (b *browser) shot(name string) {
	// A dialog stands over what is in the window only.
	take := chromedp.FullScreenshot(100)
	if open, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!document.querySelector('dialog[open]')")); err == nil && open {
		take = chromedp.CaptureScreenshot()
	}
	png, err := chromedp.Run(b.ctx, take)
	if err == nil {
		err = os.WriteFile(filepath.Join(b.dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// shots takes a page in every look, and checks what a picture cannot show: that
// nothing sticks out to the side, that whatever can be used has a name, and that
// all text can be read.
func (b *browser) shots(name string) {
	b.t.Helper()
	for _, l := range looks {
		b.as(l)
		b.shot(name + "-" + l.name)
		for _, bad := range value[[]string](b, audit) {
			b.t.Errorf("%s, %s: %s", name, l.name, bad)
		}
	}
	b.as(looks[0])
}

// TestBrowser walks the whole path of an operator, from the overview to a finished
// recall and a device's receipt.
func TestBrowser(t *testing.T) {
	b, s := newBrowser(t), newStage(t, nil)
	s.fill()
	b.as(looks[0])

	b.do(chromedp.Navigate(s.url + "/"))
	b.until("the overview lists the pushes", "document.querySelectorAll('#pushes .push').length === 5")
	b.has("#line", "live")
	b.shots("1-overview")
	value[bool](b, "window.same = true")
	var l lines
	l.facts("click.clicked", "flash-sale", "vivo", time.Now(), 700, 740)
	s.publish(&l)
	b.has(`#pushes [data-key="flash-sale"] .hold`, "11,033")
	if !value[bool](b, "window.same") {
		t.Error("the page was loaded again to show news")
	}

	b.do(chromedp.SendKeys("#search", "autumn"))
	b.until("the search finds the push by its label", "document.querySelectorAll('#pushes .push').length === 1 && document.querySelector('#pushes strong').innerText.includes('Flash sale')")
	b.enter("#search", deviceName("apns", 4))
	b.until("the search finds the device", "document.querySelector('#found-device')")
	b.enter("#search", "flash")
	b.until("the search finds the push by its id", "document.querySelectorAll('#pushes .push').length === 1")

	b.do(chromedp.Click(`#pushes [data-key="flash-sale"]`), chromedp.WaitVisible("#take-back"), chromedp.WaitVisible("svg.chart"))
	b.has("#content", "Only today, in the whole shop.")
	b.shots("2-push")

	b.do(chromedp.Click("#take-back"), chromedp.WaitVisible("#typed"))
	b.has("dialog", "Message revoked")
	if value[bool](b, "!document.querySelector('#order').disabled") {
		t.Error("the recall can be ordered without a reason and confirmation")
	}
	b.shots("3-dialog")
	b.do(chromedp.Click(`input[value="override"]`), chromedp.WaitVisible("#new-title"))
	b.has("#force-yes", "show both texts")
	b.shots("4-override")
	b.do(chromedp.Click(`input[value="recall"]`))
	b.has("dialog", "lose it silently")
	b.do(chromedp.SendKeys("#reason", "wrong price: 9 %, not 90 %"), chromedp.SendKeys("#typed", "flash-sale"), chromedp.WaitEnabled("#order"))
	b.shot("5-ordered-light")
	b.do(chromedp.Click("#order"))

	b.until("the recall begins", "parseFloat(document.querySelector('#percent')?.innerText) > 0 && document.querySelector('.lane')")
	b.shots("6-under-way")
	b.until("the recall is at 100 %", "document.querySelector('#percent')?.innerText === '100 %'")
	b.shots("7-finished")
	id := value[string](b, "location.hash.split('/').at(-1)")
	r, err := s.client().GetRecall(t.Context(), id)
	if err != nil || !r.Settled || r.Push != "flash-sale" || r.Reason != "wrong price: 9 %, not 90 %" {
		t.Fatalf("the ledger says %+v, %v", r, err)
	}

	device := deviceName("apns", 3000)
	b.do(chromedp.Navigate(s.url + "/#/shop/device/" + device))
	b.has(".receipt", "The vendor took the command")
	b.has(".receipt", "Shown on the screen")
	b.shots("8-device")
	b.do(chromedp.Navigate(s.url + "/#/shop/push/flash-sale"))
	b.has(".story", "Recall accepted")
	b.shots("9-push-recalled")
	b.do(chromedp.Navigate(s.url + "/#/shop/channels"))
	b.has(".cards", "Apple (APNs)")
	b.shots("10-channels")
	b.do(chromedp.Navigate(s.url + "/#/shop/health"))
	b.has("main", "Re-drive")
	b.shots("11-health")
	b.quiet()
}

// TestBrowserPartitions shows what a node of several partitions says of each, and
// that a recall goes its way there.
func TestBrowserPartitions(t *testing.T) {
	b, s := newBrowser(t), newStage(t, func(c *node.Config) { c.Log.Partitions = 3 })
	s.fill()
	b.as(looks[0])
	b.do(chromedp.Navigate(s.url + "/"))
	b.until("the overview lists the pushes", "document.querySelectorAll('#pushes .push').length === 5")
	b.has("main", "furthest behind of 3 partitions")
	b.do(chromedp.Navigate(s.url + "/#/shop/health"))
	b.until("every partition is told", "document.querySelectorAll('#partitions tbody tr').length === 3")
	b.has(".tiles", "furthest behind of 3 partitions")
	p, err := s.client().Positions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range p.Partitions {
		b.has("#partitions", v.End.String())
	}
	b.shots("12-partitions")
	b.do(chromedp.Navigate(s.url + "/#/shop/push/storm-warning"))
	b.has(".story", fmt.Sprintf("position %d-", events.PartitionOf(app, "storm-warning", 3)))
	b.quiet()
}

// TestBrowserFiguresChanged orders a recall while the push is still being sent: it
// is refused with the new figures, and ordered again under those.
func TestBrowserFiguresChanged(t *testing.T) {
	b, s := newBrowser(t), newStage(t, nil)
	s.fill()
	b.do(chromedp.Navigate(s.url+"/#/shop/push/flash-sale"), chromedp.WaitVisible("#take-back"), chromedp.Click("#take-back"), chromedp.WaitVisible("#typed"))
	b.do(chromedp.SendKeys("#reason", "too early"), chromedp.SendKeys("#typed", "flash-sale"), chromedp.WaitEnabled("#order"))
	// The page asks for new figures every now and then; here it must not.
	value[bool](b, "window.fetched = window.fetch, window.fetch = (path, o) => path.includes('/preview/') && !window.ordered ? new Promise(() => {}) : (window.ordered ||= path.includes('/recall/'), window.fetched(path, o)), true")
	var l lines
	l.facts("push.sent", "flash-sale", "apns", time.Now(), 20000, 24000)
	s.publish(&l)
	b.do(chromedp.Click("#order"))
	b.has("dialog", "The figures have changed since you saw them.")
	b.has("dialog", "apns: devices touched 7713, was 3713")
	b.has("#order", "15,073 devices")
	b.shots("5-changed")
	b.do(chromedp.Click("#order"))
	b.until("the recall is at 100 %", "document.querySelector('#percent')?.innerText === '100 %'")
	if list, err := s.client().Recalls(t.Context(), api.ListOptions{}); err != nil || len(list.Recalls) != 2 || list.Recalls[0].Total.Planned != 15073 {
		t.Errorf("%+v, %v", list, err)
	}
	// The refused order is answered 409, which Chromium notes on its own.
	b.quietBut("409")
}

// TestBrowserAborts stops a recall on its page, by the keyboard alone.
func TestBrowserAborts(t *testing.T) {
	b, s := newBrowser(t), newStage(t, nil)
	s.fill()
	r, err := s.client().Recall(t.Context(), api.RecallRequest{Push: "flash-sale", Action: "recall", Reason: "wrong"}, "")
	if err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(s.url+"/#/shop/recall/"+r.Recall), chromedp.WaitVisible("details summary"), chromedp.Focus("details summary"), chromedp.KeyEvent(kb.Enter),
		chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("the price was right"))
	// Commands that are refused while somebody types change nothing of it.
	b.has("main", "Re-drive what was refused")
	b.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.has(".head", "aborted")
	v, err := s.client().GetRecall(t.Context(), r.Recall)
	if err != nil || v.State != ledger.Aborted {
		t.Errorf("%+v, %v", v, err)
	}
	b.shots("7-aborted")
	b.quiet()
}

// TestBrowserCancels cancels a push that is scheduled, and answers the question
// about whole sends of one that went over WeCom.
func TestBrowserCancels(t *testing.T) {
	b, s := newBrowser(t), newStage(t, nil)
	s.fill()
	var l lines
	l.event("push.created", "memo", time.Now(), created{"title": "Memo", "slot": "m", "audience": map[string]any{"kind": "all"}})
	l.event("push.sent", "memo", time.Now(), map[string]any{"channel": "wecom", "devices": []string{"ann", "bob"}, "send": "msg-1"})
	l.event("click.clicked", "memo", time.Now(), map[string]any{"channel": "wecom", "devices": []string{"bob"}})
	s.publish(&l)
	b.do(chromedp.Navigate(s.url+"/#/shop/push/morning-brief"), chromedp.WaitVisible("#take-back"), chromedp.Click("#take-back"), chromedp.WaitVisible("#reason"))
	b.has("#order", "Cancel the push")
	b.do(chromedp.SendKeys("#reason", "not today"), chromedp.WaitEnabled("#order"))
	b.shot("14-cancel-light")
	b.do(chromedp.Click("#order"))
	b.has(".head", "Cancel of morning-brief")
	if p, err := s.client().Push(t.Context(), "morning-brief", api.ReadOptions{}); err != nil || p.Status != "cancelled" {
		t.Errorf("%+v, %v", p, err)
	}
	b.do(chromedp.Navigate(s.url+"/#/shop/push/memo"), chromedp.WaitVisible("#take-back"), chromedp.Click("#take-back"), chromedp.WaitVisible(`input[name="whole"]`), chromedp.SendKeys("#reason", "wrong list"))
	b.has("#whole", "1 device would lose it, and so would 1 device that clicked.")
	b.has("dialog .foot", "say what to do about whole sends")
	b.shot("15-whole-light")
	b.do(chromedp.Click(`input[name="whole"][value="yes"]`), chromedp.WaitEnabled("#order"), chromedp.Click("#order"))
	b.has(".head", "Recall of memo")
	b.quiet()
}

// TestBrowserShowsTextsOnly opens every page of a push whose id and texts would run
// if they were taken for markup.
func TestBrowserShowsTextsOnly(t *testing.T) {
	b, s := newBrowser(t), newStage(t, nil)
	s.fill()
	b.do(chromedp.Navigate(s.url + "/"))
	b.until("the overview lists the pushes", "document.querySelectorAll('#pushes .push').length === 5")
	b.has("#pushes", hostileText)
	b.do(chromedp.Evaluate[chromedp.Void]("location.hash = '#/shop/push/' + encodeURIComponent(" + quoted(hostile) + ")"))
	b.has("#content", hostileText)
	b.do(chromedp.Click("#take-back"), chromedp.WaitVisible("dialog"))
	b.has("dialog", hostileText)
	b.shot("12-hostile-light")
	value[bool](b, "document.querySelector('dialog').close(), true")
	if _, err := s.client().Recall(t.Context(), api.RecallRequest{Push: hostile, Action: "recall", Reason: hostileText}, ""); err != nil {
		t.Fatal(err)
	}
	b.has(".story", hostileText)
	b.do(chromedp.Evaluate[chromedp.Void]("location.hash = '#/shop/device/' + encodeURIComponent(" + quoted(hostile) + ")"))
	b.has("h1", hostile)
	b.has(".story", "Recall accepted")
	if value[bool](b, "'hacked' in window") {
		t.Error("a text of a push ran as a script")
	}
	if n := value[int](b, "document.querySelectorAll('img[src=x], main script').length"); n != 0 {
		t.Errorf("a text of a push became %d elements", n)
	}
	b.quiet()
}

// TestBrowserLogin logs in and out on a node with credentials.
func TestBrowserLogin(t *testing.T) {
	b := newBrowser(t)
	s, tokens := keyed(t)
	s.fill()
	b.do(chromedp.Navigate(s.url+"/"), chromedp.WaitVisible("#key"))
	b.shots("13-login")
	b.do(chromedp.SendKeys("#key", "nobody.nothing"), chromedp.Click(`button[type="submit"]`))
	b.has(".login", "not a valid key")
	b.enter("#key", tokens[app+" reader"])
	b.do(chromedp.Click(`button[type="submit"]`))
	b.until("the overview lists the pushes", "document.querySelectorAll('#pushes .push').length === 5")
	if got := value[string](b, "document.cookie"); got != "" {
		t.Errorf("scripts can read the cookie %q", got)
	}
	b.do(chromedp.Click(`#pushes [data-key="weekly-digest"]`))
	b.has("main", "may not take pushes back")
	b.do(chromedp.Click(".who button:last-child"), chromedp.WaitVisible("#key"))
	// A wrong key and the first look without a session are answered 401, which
	// Chromium notes on its own.
	b.quietBut("401")
}
