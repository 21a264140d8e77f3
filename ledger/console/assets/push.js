import { h, put, number, percent, ago, when, note } from "./dom.js";
import { get, path, live, may } from "./api.js";
import { kinds, methods } from "./words.js";
import { to, online } from "./app.js";
import { funnel, statusChip } from "./overview.js";
import { segments } from "./progress.js";
import { area } from "./chart.js";
import { dialog } from "./dialog.js";

const sum = (p, f) => p.channels.reduce((n, c) => n + f(c), 0);

function audience(a) {
  const names = (a?.names ?? []).join(", ");
  const words = { device: "one device", user: "one user", list: "a list of devices", tag: "a tag", all: "everybody" };
  return (words[a?.kind] ?? a?.kind ?? "not known") + (names ? ": " + names : "");
}

function content(p) {
  const c = p.created;
  if (!c) return note("", "Only facts are known of this push: its content was never published here.");
  const facts = [["Audience", audience(c.audience)], ["Schedule", c.schedule_at ? when(c.schedule_at) : "at once"], [p.status === "scheduled" ? "Starts" : "Started", when(p.start)],
    c.expire_at && ["Expires", when(c.expire_at)], ["Slot", c.slot ? h("span", { class: "mono" }, c.slot) : "none: most channels cannot take it back"],
    c.profile && ["Profile", c.profile], c.replaces && ["Replaces", h("a", { href: to("push", c.replaces) }, c.replaces)],
    ...Object.entries(c.labels ?? {}).map(([k, v]) => [k, v])];
  return [h("div", { class: "phone", id: "content" }, h("b", {}, c.title || "(no title)"), c.body),
    h("dl", { class: "facts small" }, facts.filter(Boolean).map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]))];
}

function holdersBar(c) {
  const holds = c.certain + c.possible, n = Math.max(1, holds), free = holds - c.unreachable;
  const certain = Math.min(c.certain, free), possible = free - certain;
  return h("div", { class: "segs", "aria-hidden": "true" },
    [["certain", certain], ["possible", possible], ["unreachable", c.unreachable]].map(([name, v]) => v > 0 && h("div", { class: "fill " + name, "width%": 100 * v / n })));
}

function lane(c) {
  const holds = c.certain + c.possible;
  const free = holds - c.unreachable, certain = Math.min(c.certain, free);
  const parts = [certain && number(certain) + " certain", free > certain && number(free - certain) + " possible", c.unreachable && number(c.unreachable) + " unreachable"].filter(Boolean);
  return h("li", { class: "chan" },
    h("div", {}, h("h3", {}, c.channel), h("span", { class: "small muted" }, methods[c.method] ?? c.method)),
    funnel(c.funnel),
    h("div", {}, h("b", {}, number(holds)), h("span", { class: "small muted" }, " hold it"), holdersBar(c),
      h("span", { class: "small muted" }, parts.join(", ") || "nobody")));
}

function recallCard(r) {
  const scope = r.scope?.device ? " of one device" : r.scope?.user ? " of one user" : "";
  const stands = r.state !== "running" ? r.state : r.settled ? "settled, watching for late devices" : "under way";
  return h("a", { class: "panel going", href: to("recall", r.recall), "data-key": r.recall },
    h("div", { class: "top" }, h("strong", {}, `${r.action}${scope}, ${stands}`), h("span", { class: "big" }, percent(r.percent))),
    segments(r.total), h("p", { class: "muted small" }, ago(r.at), r.reason ? " · " + r.reason : ""));
}

function entry(d) {
  const [text, tone] = kinds[d.kind] ?? [d.kind, ""];
  return h("li", { class: tone }, h("b", {}, text), d.action ? ": " + d.action : "", d.code ? " (" + d.code + ")" : "",
    d.scope?.device && h("span", {}, " of device ", h("a", { class: "mono", href: to("device", d.scope.device) }, d.scope.device)), d.scope?.user && " of user " + d.scope.user,
    d.reason && h("div", {}, "“", d.reason, "”"), d.replacement && h("div", {}, "replaced by ", h("a", { href: to("push", d.replacement) }, d.replacement)),
    h("div", {}, when(d.stored), h("span", { class: "small muted" }, ` · ${d.by ? "by " + d.by : "nobody logged in"} · position ${d.position} `,
      d.recall && h("a", { href: to("recall", d.recall) }, "recall"))));
}

export function push(main, id) {
  const head = h("div", { class: "head" }), recalls = h("div"), tiles = h("div", { class: "tiles" }), lanes = h("ul", { class: "bare" });
  let points, closed = false;
  const redraw = () => points && put(chart, area(points.points, points.decisions.filter((d) => d.kind === "recall.requested"), Math.max(280, Math.min(1100, chart.clientWidth))),
    points.truncated && note("warn", "The push has more events than are read at once; the end is missing here. The figures above are complete."));
  const chart = h("div"), story = h("ol", { class: "story" }), what = h("div"), warnings = h("div");
  put(main, h("p", { class: "small" }, h("a", { href: to("") }, "← All pushes")), head, recalls, tiles, warnings,
    h("section", { class: "panel" }, h("h2", {}, "Funnel by channel"), lanes),
    h("section", { class: "panel" }, h("h2", {}, "Holders over time"), chart),
    h("div", { class: "two" }, h("section", { class: "panel" }, h("h2", {}, "Content"), what), h("section", { class: "panel" }, h("h2", {}, "Decisions"), story)));
  let current, drawn = "", decided;

  function draw(p) {
    current = p;
    document.title = (p.created?.title || id) + " – Recall Ledger";
    const certain = sum(p, (c) => c.certain), possible = sum(p, (c) => c.possible), unreachable = sum(p, (c) => c.unreachable);
    const newest = (p.recalls ?? []).filter((r) => !r.scope?.device && !r.scope?.user).at(-1);
    put(head, h("div", {}, h("h1", {}, p.created?.title || id), h("p", { class: "row" }, statusChip(p, newest), h("span", { class: "mono muted" }, id))),
      ["recalled", "overridden"].includes(p.status) ? h("span", { class: "muted" }, "It has been taken back.") : may("recall") ? h("button", { class: "danger", id: "take-back", "data-key": "take-back", onclick: () => dialog(current) }, "Take it back…")
        : h("span", { class: "muted small" }, "Your key may not take pushes back."));
    put(recalls, (p.recalls ?? []).toReversed().slice(0, 5).map(recallCard));
    const told = (p.recalls ?? []).reduce((n, r) => n + r.total.accepted, 0);
    const tile = (n, text, strong) => h("div", { class: "tile " + (n === 0 ? "off" : strong ?? "") }, h("b", {}, number(n)), h("span", {}, text));
    put(tiles, tile(certain + possible, told > 0 ? "are not known to be gone" : "hold it now"), tile(certain, "certainly: shown and unclicked"), tile(possible, "possibly: nothing heard since"), tile(unreachable, "of them unreachable: no way back"));
    put(warnings, told > 0 && certain + possible > unreachable && note("", `The vendors took the recall for ${number(told)} of them, on channels that do not report a removal: they count as holders until something is heard of them.`));
    put(lanes, p.channels.length ? p.channels.map(lane) : h("li", { class: "muted" }, "It went to nobody yet."));
    put(what, content(p));
    const text = (p.recalls ?? []).map((r) => r.recall + r.state).join();
    if (text !== decided) { decided = text; timeline(); }
  }

  async function timeline() {
    try {
      const t = await get("pushes", id, "timeline");
      if (closed) return;
      put(story, h("li", { class: "blue" }, h("b", {}, "Push known since"), h("div", {}, when(current.start), h("span", { class: "small muted" }, ` · position ${current.first}`))), t.decisions.map(entry));
      points = t;
      redraw();
    } catch (refusal) {
      put(chart, h("p", { class: "muted" }, refusal.message), h("button", { onclick: timeline }, "Read it again"));
    }
  }

  // The overview's news say that something moved; the push itself is then asked.
  async function look() {
    try {
      const p = await get("pushes", id), text = JSON.stringify(p);
      if (!closed && text !== drawn) { drawn = text; draw(p); }
    } catch (refusal) {
      if (!closed && !current) put(main, note("bad", refusal.message), h("p", {}, h("a", { href: to("") }, "← All pushes")));
    }
  }
  look();
  const feed = live(() => path("overview") + "?limit=1", { overview: look }, online);
  addEventListener("resize", redraw);
  return () => { closed = true; feed.stop(); removeEventListener("resize", redraw); };
}
