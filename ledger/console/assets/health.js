import { h, put, number, size, span, percent, when, ago, note, say } from "./dom.js";
import { get, post, path, live, may } from "./api.js";
import { to, online } from "./app.js";
import { alerts, asOf } from "./overview.js";

export function health(main) {
  const warnings = h("div"), tiles = h("div", { class: "tiles many" }), letters = h("div"), bad = h("div"), wrong = h("div"), places = h("section", { class: "panel", id: "partitions", hidden: true });
  document.title = "Health – Recall Ledger";
  put(main, h("div", { class: "head" }, h("h1", {}, "Health")), warnings, wrong, tiles, places,
    h("section", { class: "panel" }, h("h2", {}, "Dead letters"), h("p", { class: "muted small" }, "Recalls with commands that a vendor refused. While a recall runs they can be issued once more."), letters),
    h("section", { class: "panel" }, h("h2", {}, "Quarantine"), h("p", { class: "muted small" }, "Events that the projection passed over, with their reason. They change nothing; publish what they should have said anew."), bad));
  const tile = (text, what, strong) => h("div", { class: "tile " + (strong ? "strong" : "") }, h("b", {}, text), h("span", {}, what));

  let partitions = 1, asking = false, last;
  // Of several partitions the overview tells the one furthest behind, with the sums of all.
  async function each() {
    if (asking) return;
    asking = true;
    try {
      const list = (await get("positions")).partitions;
      if (partitions !== list.length) {
        partitions = list.length;
        if (last) figures(last);
      }
      places.hidden = partitions === 1;
      const cell = (name, text) => h("td", { class: "n", "data-label": name }, text);
      if (partitions > 1) put(places, h("h2", {}, "Partitions"), h("div", { class: "scroll" }, h("table", { class: "stack" },
        h("thead", {}, h("tr", {}, ["Partition", "Log end", "Applied", "Behind", "Log", "Projection", "Pushes", "Notifications"].map((w, i) => h("th", { scope: "col", class: i > 0 ? "n" : "" }, w)))),
        h("tbody", {}, list.map((p) => h("tr", {}, h("th", { scope: "row" }, "Partition " + p.partition), cell("log end", p.end), cell("applied", p.applied), cell("behind", number(p.lag)),
          cell("log", size(p.log_bytes)), cell("projection", size(p.stats.disk_bytes)), cell("pushes", number(p.stats.pushes)), cell("notifications", number(p.stats.notifications))))))));
    } catch { /* the overview tells what is wrong */ }
    asking = false;
  }

  function draw(v) {
    last = v.health;
    figures(last);
    each();
  }

  function figures(x) {
    put(warnings, alerts(x, true));
    put(tiles, tile(x.not_ready ? "not ready" : "ready", "for traffic", x.not_ready), tile(number(x.lag), "events behind the log"), tile(x.applied, "position applied" + asOf(partitions)),
      tile(size(x.log_bytes), "log" + (x.log_limit_bytes ? `, ${percent(100 * x.log_bytes / x.log_limit_bytes)} of ${size(x.log_limit_bytes)}` : "")),
      tile(size(x.stats.disk_bytes), "projection"), x.disk && tile(size(x.disk.free_bytes), `free of ${size(x.disk.total_bytes)}`, x.disk.free_bytes < 0.1 * x.disk.total_bytes),
      tile(number(x.stats.notifications), "notifications, all apps"), tile(number(x.stats.devices), "devices, all apps"), tile(x.applied_time ? span(Math.max(0, (Date.now() - new Date(x.applied_time)) / 1000)) : "–", "since the newest event"));
  }

  async function lists() {
    try {
      const [dead, quarantine] = await Promise.all([get("dead-letters"), get("quarantine")]);
      put(letters, dead.recalls.length ? h("ul", { class: "bare" }, dead.recalls.map(letter)) : h("p", {}, "None."), dead.next && h("p", { class: "muted small" }, "There are older ones: recall deadletters lists them."));
      put(bad, quarantine.quarantined.length ? h("ul", { class: "bare" }, quarantine.quarantined.map(passed)) : h("p", {}, "None of this app."), quarantine.next && h("p", { class: "muted small" }, "There are older ones: recall quarantine lists them."));
    } catch (refusal) { put(wrong, note("bad", refusal.message)); }
  }

  function letter(r) {
    const redrive = async (e) => {
      e.target.disabled = true;
      try { const a = await post({}, "recalls", r.recall, "redrive"); put(wrong, note("good", `${number(a.devices)} commands were issued again.`)); say("Issued again."); } catch (refusal) { put(wrong, note("bad", refusal.message)); }
      lists();
    };
    return h("li", { class: "lane" }, h("div", { class: "top" }, h("div", {}, h("a", { href: to("recall", r.recall) }, `${r.action} of ${r.push}`), h("div", { class: "small muted" }, `${number(r.total.refused)} refused · ${r.state} · ${ago(r.at)}`)),
      r.state === "running" && may("recall") && h("button", { onclick: redrive }, "Re-drive")));
  }

  const passed = (q) => h("li", { class: "lane" }, h("b", {}, q.reason), q.field && h("span", { class: "muted" }, " in " + q.field),
    h("div", { class: "small muted" }, when(q.time), ` · position ${q.position} · ${number(q.bytes)} bytes on `, h("span", { class: "mono" }, q.subject)),
    h("details", {}, h("summary", { class: "small" }, "How it begins"), h("pre", {}, q.head)));

  lists();
  each();
  const feed = live(() => path("overview") + "?limit=1", { overview: draw }, online);
  return feed.stop;
}
