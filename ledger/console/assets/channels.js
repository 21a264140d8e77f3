import { h, put, number, chip, note } from "./dom.js";
import { get, path, live } from "./api.js";
import { methods, reasons } from "./words.js";
import { online } from "./app.js";

const day = 24 * 3600e9; // windows are in nanoseconds
const window_ = (w) => (w === 0 ? "not stated" : w > day && w % day === 0 ? w / day + " days" : w / 3600e9 + " hours");

function source(text) {
  return text.split("; ").map((part, i) => [i > 0 && "; ", /^https:\/\/[^\s]+$/.test(part) ? h("a", { href: part, rel: "noreferrer noopener", target: "_blank" }, part.replace("https://", "")) : part]);
}

const tone = { remove: "good", overwrite: "blue", withhold: "blue", none: "" };

function card(r, held) {
  const limits = [r.per_call > 0 && number(r.per_call) + " devices a call", r.per_second > 0 && number(r.per_second) + " calls a second"].filter(Boolean).join(", ") || "no figure known";
  const tells = [r.reports_display && "display", r.reports_removal && "removal"].filter(Boolean).join(" and ") || "neither display nor removal";
  return h("article", { class: "panel", "data-channel": r.channel }, h("h3", {}, r.title), h("p", { class: "row" }, h("code", {}, r.channel), held && chip("calls held back", "bad"), !r.verified && chip("not verified", "warn")),
    h("div", { class: "methods" }, ["terminate", "recall", "override"].map((a) => h("span", {}, a + " ", chip(r[a], tone[r[a]])))),
    r.note && h("p", { class: "small" }, r.note),
    h("dl", { class: "facts small" }, [["Window", window_(r.window)], ["Names", r.granularity === "task" ? "whole sends" : "devices"], ["Slot", r.needs_slot ? "needed" + (r.slot_form && r.slot_form !== "text" ? ", " + r.slot_form : "") : "not needed"], ["Limits", limits], ["Reports", tells], r.profile === "native" && ["Calls", held ? "held back: too many failed" : "going through"],
      ["Checked", r.checked], ["Source", source(r.source)]].filter(Boolean).map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)])));
}

export function channels(main) {
  const pick = h("select", { id: "profile", onchange: draw }), search = h("input", { type: "search", "aria-label": "Filter channels", placeholder: "Filter", oninput: draw });
  const cards = h("div", { class: "cards" }), wrong = h("div");
  document.title = "Channels – Recall Ledger";
  put(main, h("div", { class: "head" }, h("h1", {}, "What can be taken back")), wrong, h("div", { class: "search" }, search, h("div", {}, h("label", { class: "unseen", for: "profile" }, "Profile"), pick)),
    h("p", { class: "muted small" }, Object.entries(methods).map(([m, text]) => `${m}: ${text}`).join(" · "), ". Where a card says “not verified”, the vendor's own page could not be read: try the call in the vendor's sandbox before relying on it."),
    cards, h("section", { class: "panel" }, h("h2", {}, "Reasons of outcomes"), h("p", { class: "muted small" }, "A vendor's own code may follow after a colon, as in bad-request:80100003."),
      h("dl", { class: "facts small" }, Object.entries(reasons).map(([k, v]) => [h("dt", {}, h("code", {}, k)), h("dd", {}, v)]))));
  let rows = [], held = [];
  function draw() {
    const text = search.value.trim().toLowerCase();
    const some = rows.filter((r) => r.profile === pick.value && !r.outside && (r.channel + " " + r.title).toLowerCase().includes(text));
    put(cards, some.length ? some.map((r) => card(r, held.includes(r.channel))) : h("p", { class: "muted" }, "No channel matches."));
  }
  get("channels").then((a) => {
    rows = a.channels;
    held = a.held ?? [];
    put(pick, [...new Set(rows.map((r) => r.profile))].map((p) => h("option", { value: p }, p === "native" ? "native: the vendors' own" : p)));
    if (held.length) put(wrong, note("bad", "Too many calls failed, so calls are held back and tried now and then on: " + held.join(", ") + "."));
    draw();
  }, (refusal) => put(wrong, note("bad", refusal.message)));
  const feed = live(() => path("overview") + "?limit=1", { overview: () => {} }, online);
  return feed.stop;
}
