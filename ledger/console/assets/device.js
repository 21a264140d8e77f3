import { h, put, number, when, chip, note } from "./dom.js";
import { get, getQuery, path, live } from "./api.js";
import { kinds, explain, methods } from "./words.js";
import { to, online } from "./app.js";

// entry is one line of a receipt: what happened, when the log stored it, where,
// and what the vendor answered.
function entry(e) {
  const [text, tone] = kinds[e.kind] ?? [e.kind, ""], outcome = e.kind.startsWith("outcome.");
  const said = e.kind === "command.issued" ? methods[e.reason] ?? e.reason : e.reason;
  return h("li", { class: tone }, h("b", {}, text), e.channel && h("span", { class: "muted" }, " · " + e.channel),
    said && h("div", {}, outcome ? ["vendor's answer: ", h("code", {}, said)] : said, outcome && explain(e.reason) && h("span", { class: "muted" }, " " + explain(e.reason))),
    h("div", {}, when(e.stored, true), h("span", { class: "small muted" }, ` · position ${e.position}`, Math.abs(new Date(e.time) - new Date(e.stored)) > 1000 && [" · reported for ", when(e.time, true)],
      e.recall && [" · ", h("a", { href: to("recall", e.recall) }, "recall")])));
}

function receipt(device, push, list) {
  const inside = h("div");
  const holds = list.some((n) => n.certainty), took = list.flatMap((n) => n.recalls ?? []).at(-1);
  const box = h("details", { class: "panel receipt", "data-push": push }, h("summary", {}, h("strong", {}, push),
    !holds ? chip("does not hold it") : took?.outcome === "accepted" ? chip("taken back by the vendor, not confirmed") : chip("holds it, " + list.find((n) => n.certainty).certainty, "warn"), took && chip(took.action + ": " + took.outcome, took.outcome === "refused" ? "bad" : "blue"),
    h("span", { class: "small muted" }, list.map((n) => n.channel + ": " + n.facts.join(", ")).join("; "))), inside);
  box.addEventListener("toggle", async () => {
    if (!box.open) return;
    try {
      const a = await get("pushes", push, "devices", device);
      put(inside, h("p", { class: "small" }, h("a", { href: to("push", push) }, "Open the push"), " · ", h("a", { href: path("pushes", push, "devices", device), download: "receipt.json" }, "Keep this receipt")),
        a.truncated && note("warn", "The push has more events than are read at once; some may be missing here."), h("ol", { class: "story" }, a.history.map(entry)));
    } catch (refusal) { put(inside, note("bad", refusal.message)); }
  });
  return box;
}

export function device(main, id) {
  const head = h("div"), now = h("section", { class: "panel" }), list = h("div"), wrong = h("div");
  put(main, h("p", { class: "small" }, h("a", { href: to("") }, "← All pushes")), h("h1", { class: "device" }, "Device ", h("span", { class: "mono" }, id)), head, wrong, now, h("h2", {}, "Receipts"), list);
  document.title = id + " – Recall Ledger";
  let drawn = "", closed = false;
  async function look() {
    try {
      const a = await getQuery({ all: "true" }, "devices", id), text = JSON.stringify(a);
      if (closed || text === drawn) return;
      drawn = text;
      const held = a.notifications.filter((n) => n.certainty), pushes = new Map();
      for (const n of a.notifications) pushes.set(n.push, [...(pushes.get(n.push) ?? []), n]);
      put(now, h("h2", {}, "Holds now"), held.length ? h("ul", { class: "bare" }, held.map((n) => h("li", {}, h("a", { href: to("push", n.push) }, n.push), ` on ${n.channel}, ${n.certainty}`, (n.recalls ?? []).some((r) => r.outcome === "accepted") && h("span", { class: "muted" }, "; the vendor took the recall, and the channel does not report a removal"))))
        : h("p", { class: "muted" }, a.notifications.length ? "Nothing." : "Nothing ever went to a device of this id."));
      const opened = new Set([...list.querySelectorAll("details[open]")].map((d) => d.dataset.push));
      put(list, [...pushes].map(([push, notifications]) => receipt(id, push, notifications)), a.truncated && note("warn", `Only the newest ${number(a.notifications.length)} are listed.`));
      for (const d of list.children) if (opened.has(d.dataset.push) || pushes.size === 1) d.open = true;
    } catch (refusal) { put(wrong, note("bad", refusal.message)); }
  }
  look();
  const feed = live(() => path("overview") + "?limit=1", { overview: look }, online);
  return () => { closed = true; feed.stop(); };
}
