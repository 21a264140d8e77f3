import { h, put, number, percent, span, ago, when, chip, note, say } from "./dom.js";
import { get, post, path, live, may, report } from "./api.js";
import { to, online } from "./app.js";
import { all, done, segments, legend, Pace } from "./progress.js";

const standing = (r) => (r.state === "aborted" ? ["aborted", "bad"] : r.state === "completed" ? ["completed", "good"] : r.settled ? ["settled", "good"] : ["under way", "warn"]);

function lane(c) {
  const share = all(c) === 0 ? 100 : 100 * done(c) / all(c);
  const times = c.t50_ms ? ` · half within ${span(c.t50_ms / 1000)}, 95 % within ${span(c.t95_ms / 1000)}, 99 % within ${span(c.t99_ms / 1000)}` : "";
  const parts = [`${number(done(c))} of ${number(all(c))}`, c.late > 0 && number(c.late) + " came late", c.refused > 0 && number(c.refused) + " refused", c.unsupported > 0 && number(c.unsupported) + " no way back"].filter(Boolean);
  return h("li", { class: "lane", "data-channel": c.channel }, h("div", { class: "top" }, h("h3", {}, c.channel), h("b", {}, percent(share))), segments(c), h("div", { class: "under" }, parts.join(", ") + times));
}

export function recall(main, id) {
  const pace = new Pace();
  const head = h("div", { class: "head" }), progress = h("section", { class: "panel" }), lanes = h("ul", { class: "bare" }), about = h("section", { class: "panel" }), acts = h("div"), wrong = h("div");
  const back = h("p", { class: "small" }, h("a", { href: to("") }, "← All pushes"));
  put(main, back, wrong, head, progress, h("section", { class: "panel" }, h("h2", {}, "By channel"), lanes), about, h("section", { class: "panel" }, h("h2", {}, "Report and actions"), acts));
  let settled, drawn = false;

  function draw(r) {
    document.title = `${percent(r.percent)} ${r.push} – Recall Ledger`;
    const [text, tone] = standing(r), { rate, left } = pace.take(r.total);
    put(back, h("a", { href: to("push", r.push) }, "← Push ", r.push));
    put(head, h("div", {}, h("h1", {}, `${r.action[0].toUpperCase()}${r.action.slice(1)} of ${r.push}`),
      h("p", { class: "row" }, chip(text, tone), h("span", { class: "mono muted small" }, r.recall))));
    put(progress, h("p", { class: "big", id: "percent" }, percent(r.percent)), segments(r.total, true), h("p", {}, pace.words(r.total, rate, left)), legend(r.total),
      r.state === "running" && r.settled && note("good", "Everybody who held it has an outcome. Until the window closes, whoever still turns up gets the command as well."),
      r.state === "aborted" && note("warn", "It was aborted. Whoever had no command keeps the push; what was with a vendor then may still be carried out."),
      r.total.refused > 0 && note("warn", `${number(r.total.refused)} commands were refused by the vendors. The report says for which devices; a receipt says why.`));
    put(lanes, r.channels.length ? r.channels.map(lane) : h("li", { class: "muted" }, "Nobody held it."));
    const late = r.state === "running" ? `, ${span((new Date(r.deadline) - Date.now()) / 1000)} left` : "";
    put(about, h("h2", {}, "About it"), h("dl", { class: "facts small" }, [["Accepted", [when(r.at), ` (${ago(r.at)})`]], ["By", r.by || "nobody logged in"], ["Reason", r.reason || "none given"],
      r.scope?.device && ["Scope", "device " + r.scope.device], r.scope?.user && ["Scope", "user " + r.scope.user], ["Position", r.position], ["Window", [when(r.deadline), late]],
      r.closed_at && ["Closed", when(r.closed_at)], r.replacement && ["New push", h("a", { href: to("push", r.replacement.push) }, r.replacement.push)],
      ["Planned", number(r.total.planned)], ["Late", number(r.total.late)]].filter(Boolean).map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)])));
    drawn = true;
    drawActs(r);
    if (settled === false && r.settled) say(`The recall of ${r.push} is settled: 100 percent.`);
    settled = r.settled;
  }

  // They are made once: who is typing a reason must not lose it because the first
  // command was refused meanwhile.
  const reason = h("input", { id: "abort-reason", maxlength: 256, placeholder: "why it is stopped", "aria-label": "Reason of the abort", autocomplete: "off" });
  const act = (f) => async (e) => {
    e.target.disabled = true;
    put(wrong);
    try { await f(); } catch (refusal) { put(wrong, note("bad", refusal.message)); }
    e.target.disabled = false;
    look();
  };
  const redrive = h("p", {}, h("button", { onclick: act(async () => { const a = await post({}, "recalls", id, "redrive"); say(`${a.devices} commands issued again.`); }) }, "Re-drive what was refused"),
    h("span", { class: "small muted" }, " issues those commands once more"));
  const abort = h("details", {}, h("summary", {}, "Abort this recall"), h("p", { class: "muted small" }, "What was carried out stays so. Devices without a command keep the push."),
    h("div", { class: "search" }, reason, h("button", { class: "danger", onclick: act(() => post({ reason: reason.value }, "recalls", id, "abort")) }, "Abort")));
  redrive.hidden = abort.hidden = true;
  put(acts, h("p", { class: "row" }, h("a", { class: "button", href: report(id, ".csv"), download: true, id: "report-csv" }, "Every device, CSV"), h("a", { class: "button", href: report(id, ".ndjson"), download: true }, "Every device, NDJSON"),
    h("a", { class: "button", href: report(id, ".json"), download: true }, "The account, JSON")), redrive, abort);

  function drawActs(r) {
    const open = r.state === "running" && may("recall");
    redrive.hidden = !(open && r.total.refused > 0);
    abort.hidden = !open;
  }

  async function look() {
    try { draw(await get("recalls", id)); } catch (refusal) { if (!drawn) put(main, note("bad", refusal.message), h("p", {}, h("a", { href: to("") }, "← All pushes"))); else put(wrong, note("bad", refusal.message)); }
  }

  const feed = live(() => path("recalls", id, "watch"), { progress: (r, stop) => { draw(r); if (r.state !== "running") { stop(); online(true); } } }, online);
  look();
  return feed.stop;
}
