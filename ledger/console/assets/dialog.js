import { h, put, number, devices, span, note, say } from "./dom.js";
import { state, preview, recall, newKey, Refusal } from "./api.js";
import { actions, methods } from "./words.js";
import { to } from "./app.js";

// refreshEvery is how often the figures are asked for again while the dialog is
// open, in milliseconds: a push that is still being sent has new ones all the time.
const refreshEvery = 5000;

const notices = [["en", "Message revoked"], ["zh-Hans", "消息已撤回"], ["zh-Hant", "訊息已收回"], ["ja", "メッセージは取り消されました"], ["ko", "메시지가 회수되었습니다"]];

// dialog asks how a push is to be taken back, shows what that would do, and orders
// it under exactly the figures that are on the screen.
export function dialog(push) {
  const key = newKey();
  const form = { action: push.status === "scheduled" ? "cancel" : "recall", force: false, whole: undefined, language: "en" };
  let shown, closed = false, asked = 0, ordering = false;

  const figures = h("div", { "aria-live": "polite" }), more = h("div"), confirm = h("div"), wrong = h("div");
  const reason = h("input", { id: "reason", maxlength: 256, required: true, autocomplete: "off", placeholder: "wrong price: 9 %, not 90 %" });
  const title = h("input", { id: "new-title", maxlength: 512, autocomplete: "off" }), body = h("textarea", { id: "new-body", maxlength: 4096, rows: 3 });
  const typed = h("input", { id: "typed", autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
  const go = h("button", { class: "danger", type: "submit", id: "order", disabled: true }, "Recall");
  const foot = h("span", { class: "muted small" });

  const radio = (name, value, checked, disabled, head, text, change) => h("label", { class: "choice" },
    h("input", { type: "radio", name, value, checked, disabled, "data-key": name + value, onchange: change }), h("span", {}, h("b", {}, head), h("span", {}, text)));

  const choice = h("fieldset", { class: "choices" }, h("legend", {}, "What to do"),
    actions.map(([name, head, text]) => radio("action", name, form.action === name, name === "cancel" && push.status !== "scheduled", head,
      name === "cancel" && push.status !== "scheduled" ? "Only before a scheduled push has started." : text,
      () => { form.action = name; form.whole = undefined; drawMore(); look(); })));

  const request = (changes = {}) => {
    const f = { ...form, ...changes };
    const r = { push: push.push, action: f.action };
    if (reason.value.trim()) r.reason = reason.value.trim();
    if (f.action === "recall") r.language = f.language;
    if (f.action === "override") r.replacement = { push: "", title: title.value, body: body.value, force: f.force };
    if (f.whole !== undefined) r.whole_sends = f.whole;
    return r;
  };

  const modal = h("dialog", { "aria-labelledby": "dialog-title" }, h("form", { method: "dialog", novalidate: true, onsubmit: order },
    h("div", { class: "title" }, h("div", {}, h("h1", { id: "dialog-title" }, "Take back ", push.created?.title || push.push), h("span", { class: "mono muted small" }, push.push)),
      h("button", { type: "button", class: "plain", onclick: () => modal.close(), "aria-label": "Close" }, "✕")),
    h("div", { class: "inside" }, wrong, choice, more, figures,
      h("div", { class: "field" }, h("label", { for: "reason" }, "Reason ", h("span", { class: "muted" }, "kept with the recall")), reason), confirm),
    h("div", { class: "foot" }, foot, h("button", { type: "button", class: "leave", onclick: () => modal.close() }, "Leave it"), go)));

  // drawMore shows the questions that only some actions have.
  function drawMore() {
    const override = form.action === "override", takes = form.action === "recall";
    put(more,
      override && [h("div", { class: "field" }, h("label", { for: "new-title" }, "New title"), title), h("div", { class: "field" }, h("label", { for: "new-body" }, "New text"), body),
        h("fieldset", { class: "choices wide" }, h("legend", {}, "On channels that cannot replace"),
          radio("force", "no", !form.force, false, "Nothing", h("span", { id: "force-no" }, "Those devices keep the old text only."), () => { form.force = false; look(); }),
          radio("force", "yes", form.force, false, "Show the new text as well", h("span", { id: "force-yes" }, "Those devices then show both."), () => { form.force = true; look(); }))],
      takes && h("div", { class: "field" }, h("label", { for: "language" }, "What is shown where a channel can only overwrite"),
        h("select", { id: "language", onchange: (e) => { form.language = e.target.value; } }, notices.map(([value, text]) => h("option", { value, selected: value === form.language }, text)))),
      h("div", { id: "whole" }));
    if (shown) drawWhole(shown);
  }

  function drawWhole(v) {
    const place = more.querySelector("#whole"), asks = v.refusal?.code === "whole-sends" || form.whole !== undefined;
    if (!asks) return put(place);
    const on = v.channels.filter((c) => c.whole_sends || c.unaccepted), clicked = on.reduce((n, c) => n + c.clicked, 0), held = on.reduce((n, c) => n + c.certain + c.possible, 0);
    put(place, h("fieldset", { class: "choices wide" }, h("legend", {}, `${on.map((c) => c.channel).join(", ")} can only take back whole sends`),
      radio("whole", "yes", form.whole === true, false, "Take it from everybody", `${devices(held)} would lose it, and so would ${devices(clicked)} that clicked.`, () => { form.whole = true; look(); }),
      radio("whole", "no", form.whole === false, false, "Leave it there", `${devices(held)} would keep it.`, () => { form.whole = false; look(); })));
  }

  const refusalOf = (v) => (["replacement-missing", "whole-sends"].includes(v.refusal?.code) ? undefined : v.refusal);

  function draw(v) {
    shown = v;
    const t = v.total, tile = (n, text, strong) => h("div", { class: "tile " + (n === 0 ? "off" : strong ?? "") }, h("b", {}, number(n)), h("span", {}, text));
    const alone = t.clicked - v.channels.reduce((n, c) => n + (c.whole_sends ? c.clicked : 0), 0);
    const refusal = refusalOf(v);
    const sees = form.action === "override" ? "see the new text" : "see “" + notices.find(([l]) => l === form.language)[1] + "”";
    const time = form.action === "cancel" ? "at once" : v.estimate_channels.length ? `at least ${span(Math.max(1, v.estimate_seconds))} at the vendors' own rates` : "no vendor here states a rate";
    put(figures,
      refusal && note("bad", h("p", {}, refusal.message), refusal.first && h("p", {}, h("a", { href: to("recall", refusal.first), onclick: () => modal.close() }, "Look at the first recall"))),
      form.action === "cancel" ? h("p", {}, "The push has not started: nobody gets it.") : [
        h("div", { class: "tiles" }, tile(t.vanish, "lose it silently"), tile(t.notice, sees), tile(t.withheld, "do not get it any more"),
          tile(t.unreachable, "cannot be reached", "strong"), tile(alone, "have clicked and are left alone")),
        h("div", { class: "scroll" }, h("table", { class: "stack" }, h("thead", {}, h("tr", {}, ["Channel", "What happens", "Certain", "Possible", "Clicked"].map((w, i) => h("th", { scope: "col", class: i > 1 ? "n" : "" }, w)))),
          h("tbody", {}, v.channels.map((c) => h("tr", {}, h("th", { scope: "row" }, c.channel), h("td", { class: "whole" }, c.forced ? "new text beside the old" : methods[c.method], c.method === "none" && c.why && h("div", { class: "small muted" }, c.why)),
            h("td", { class: "n", "data-label": "certain" }, number(c.certain)), h("td", { class: "n", "data-label": "possible" }, number(c.possible)), h("td", { class: "n", "data-label": "clicked" }, number(c.clicked))))))),
        v.channels.some((c) => c.why && c.method !== "none") && h("details", { class: "small", open: figures.querySelector("details")?.open }, h("summary", {}, "What to know of these channels"),
          h("dl", { class: "facts" }, v.channels.filter((c) => c.why && c.method !== "none").map((c) => [h("dt", {}, c.channel), h("dd", {}, c.why)])))],
      h("p", { class: "muted small" }, `${time} · ${v.window_left_seconds > 0 ? span(v.window_left_seconds) + " left to recall it" : "the window is closed"} · figures as of ${v.position}, renewed every ${refreshEvery / 1000} s`));
    drawWhole(v);
    const had = confirm.contains(document.activeElement);
    if (!v.confirm) put(confirm);
    else if (!confirm.contains(typed)) put(confirm, h("div", { class: "field" }, h("label", { for: "typed" }, "Type ", h("code", {}, push.push), " to confirm"), typed, h("span", { class: "muted small", id: "touches" })));
    const touches = confirm.querySelector("#touches");
    if (touches) touches.textContent = `It touches ${devices(v.touched)}, more than ${number(state.session.confirm_above)}.`;
    if (had) typed.focus();
    const verb = { cancel: "Cancel the push", terminate: "Terminate", recall: "Recall from", override: "Override on" }[form.action];
    go.textContent = form.action === "cancel" || v.touched === 0 ? verb.replace(/ (from|on)$/, "") : `${verb} ${devices(v.touched)}`;
    check();
  }

  function check() {
    const missing = [
      !shown && "the figures are not there yet", shown && refusalOf(shown) && "it would be refused", shown?.refusal?.code === "whole-sends" && form.whole === undefined && "say what to do about whole sends",
      form.action === "override" && !title.value.trim() && !body.value.trim() && "the new text is missing", !reason.value.trim() && "the reason is missing",
      shown?.confirm && typed.value !== push.push && "the push id is not typed yet",
    ].filter(Boolean);
    go.disabled = ordering || missing.length > 0;
    foot.textContent = ordering ? "Ordering…" : missing[0] ?? "";
  }

  async function look() {
    const turn = ++asked;
    try {
      const [v, other] = await Promise.all([preview(request()), form.action === "override" ? preview(request({ force: !form.force })) : undefined]);
      if (closed || turn !== asked || ordering) return;
      draw(v);
      if (other) {
        const [forced, not] = form.force ? [v, other] : [other, v];
        const both = forced.channels.filter((c) => c.forced).reduce((n, c) => n + c.certain + c.possible, 0);
        const yes = more.querySelector("#force-yes"), no = more.querySelector("#force-no");
        if (yes) yes.textContent = `${devices(both)} would then show both texts; ${number(forced.total.unreachable)} cannot be reached.`;
        if (no) no.textContent = `${devices(not.total.unreachable)} would keep the old text only.`;
      }
    } catch (refusal) {
      if (!closed && turn === asked) put(wrong, note("bad", refusal.message));
    }
  }

  async function order(e) {
    e.preventDefault();
    check();
    if (go.disabled) return;
    ordering = true;
    check();
    put(wrong);
    try {
      const { push: pushShown, action, scope, position, channels, total, window_left_seconds } = shown;
      const a = await recall({ request: request(), shown: { push: pushShown, action, scope, position, channels, total, window_left_seconds }, confirm: typed.value }, key);
      say("The recall is accepted.");
      modal.close();
      location.hash = to("recall", a.recall);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      ordering = false;
      const p = refusal.problem;
      put(wrong, p.code === "preview-changed"
        ? note("warn", h("p", {}, h("b", {}, "The figures have changed since you saw them. "), "Nothing was done. Look at the new ones below and order again:"), h("ul", {}, p.changed.map((c) => h("li", {}, c))))
        : note("bad", h("p", {}, refusal.message), p.first && h("p", {}, h("a", { href: to("recall", p.first.recall), onclick: () => modal.close() }, "Look at the first recall"))));
      modal.querySelector(".inside").scrollTop = 0;
      await look();
    }
    check();
  }

  for (const el of [reason, title, body, typed]) el.addEventListener("input", check);
  const timer = setInterval(look, refreshEvery);
  modal.addEventListener("close", () => { closed = true; clearInterval(timer); modal.remove(); });
  document.body.append(modal);
  drawMore();
  modal.showModal();
  look();
}
