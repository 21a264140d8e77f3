import { h, put, keyed, number, percent, span, size, ago, chip, note } from "./dom.js";
import { get, getQuery, path, live } from "./api.js";
import { status } from "./words.js";
import { to, online } from "./app.js";
import { segments, Pace } from "./progress.js";

// most is how many pushes the API lists at once.
const most = 200;

// The steps of a funnel, in order.
export const steps = ["sent", "delivered", "shown", "clicked"];

export function funnel(counts) {
  const most = Math.max(1, ...steps.map((name) => counts[name] ?? 0));
  const silent = (name) => name === "shown" && !counts.shown && counts.delivered > 0;
  return h("div", { class: "funnel" }, steps.map((name) => h("div", { class: "step" },
    h("b", {}, silent(name) ? "–" : number(counts[name])),
    h("div", { class: "track", "aria-hidden": "true" }, h("div", { class: "fill " + name, "width%": 100 * (counts[name] ?? 0) / most })),
    h("span", {}, silent(name) ? "no display reported" : name))));
}

export function statusChip(p, recall) {
  const [text, tone] = status[p.status] ?? [p.status, ""];
  if (recall && recall.state === "running" && !recall.settled) return chip(text + " " + percent(recall.percent), "warn");
  if (recall && recall.state === "aborted" && p.status === "sent") return chip("recall aborted", "bad");
  return chip(text, tone);
}

function row(p) {
  const holds = p.certain + p.possible;
  return h("li", {}, h("a", { class: "push", href: to("push", p.push), "data-key": p.push },
    h("div", {}, h("strong", {}, p.title || p.push),
      h("div", { class: "line small" }, statusChip(p, p.recall), h("span", { class: "mono muted" }, p.push),
        h("span", { class: "muted" }, p.status === "scheduled" ? "starts " + ago(p.schedule_at) : ago(p.start)))),
    funnel(p.funnel),
    h("div", { class: "hold" }, h("b", {}, number(holds)), h("span", {}, ["recalled", "overridden"].includes(p.status) ? "not known to be gone" : "hold it now"),
      p.unreachable > 0 && holds > 0 && h("span", {}, number(p.unreachable) + " out of reach"))));
}

// alerts says what needs somebody, and nothing when nothing does.
export function alerts(x, here) {
  const list = [];
  if (x.not_ready) list.push(note("bad", h("b", {}, "The node is not ready. "), x.not_ready));
  else if (x.lag > 10000) list.push(note("warn", `The figures lag ${number(x.lag)} events behind the log.`));
  if (x.log_limit_bytes && x.log_bytes > 0.8 * x.log_limit_bytes)
    list.push(note(x.log_bytes > 0.95 * x.log_limit_bytes ? "bad" : "warn", `The log is ${percent(100 * x.log_bytes / x.log_limit_bytes)} full; a full log takes nothing. Raise log.max_bytes.`));
  if (x.disk && x.disk.free_bytes < 0.1 * x.disk.total_bytes)
    list.push(note("warn", `The disk has ${size(x.disk.free_bytes)} of ${size(x.disk.total_bytes)} left.`));
  if (x.redrivable > 0) list.push(note("warn", (x.redrivable === 1 ? "1 running recall has" : x.redrivable + " running recalls have") + " commands that the vendors refused. ",
    !here && h("a", { href: to("health") }, "Look and re-drive")));
  return list;
}

// asOf says up to where figures are; of several partitions x is the one furthest behind.
export const asOf = (partitions) => (partitions > 1 ? `, furthest behind of ${partitions} partitions` : "");

function strip(x, partitions) {
  const disk = x.disk ? ` · disk ${size(x.disk.free_bytes)} free` : "";
  return h("p", { class: "muted small" }, `Figures as of position ${x.applied}${asOf(partitions)}, lag ${number(x.lag)} ${x.lag === 1 ? "event" : "events"} · log ${size(x.log_bytes)}`
    + (x.log_limit_bytes ? ` of ${size(x.log_limit_bytes)}` : "") + disk + ` · ${number(x.dead_letters)} dead letters · ${number(x.stats.quarantined)} quarantined · `,
  h("a", { href: to("health") }, "Health"));
}

export function overview(main) {
  const paces = new Map();
  const search = h("input", { id: "search", type: "search", placeholder: "Push id, title, label or device", autocomplete: "off", spellcheck: "false", "aria-label": "Search by push id, title, label or device" });
  const warnings = h("div"), going = h("div"), found = h("div"), said = h("p", { class: "muted small" });
  const list = h("ul", { class: "bare panel list", id: "pushes" }), foot = h("div");
  put(main, h("h1", { class: "unseen" }, "Pushes"), warnings, going,
    h("form", { class: "search", role: "search", onsubmit: (e) => { e.preventDefault(); look(); } }, search, h("button", { type: "submit" }, "Search")),
    found, said, list, foot);
  let asked = "", limit = 50, partitions = 1, last;
  get("positions").then((a) => {
    partitions = a.partitions.length;
    if (partitions > 1 && last) draw(last);
  }, () => {}); // the overview tells what is wrong
  const feed = live(() => path("overview") + "?" + new URLSearchParams(asked ? { limit, search: asked } : { limit }), { overview: draw }, online);

  function goingCard(r) {
    const pace = paces.get(r.recall) ?? new Pace();
    paces.set(r.recall, pace);
    const { rate, left } = pace.take(r.total);
    return h("a", { class: "panel going", href: to("recall", r.recall), "data-key": r.recall, "aria-label": `${r.action} of ${r.push} under way, ${percent(r.percent)}` },
      h("div", { class: "top" }, h("strong", {}, `${r.action} of ${r.push}`), h("span", { class: "big" }, percent(r.percent))),
      segments(r.total), h("p", { class: "muted small" }, pace.words(r.total, rate, left)));
  }

  function draw(v) {
    last = v;
    put(warnings, alerts(v.health));
    put(going, v.recalls.length > 0 && h("h2", {}, "Under way"), v.recalls.map(goingCard));
    keyed(list, v.pushes, (p) => p.push, row);
    list.hidden = v.pushes.length === 0;
    const many = v.more ? ` There are more; search for them.` : "";
    said.textContent = asked ? `${v.pushes.length} of the newest ${number(v.searched)} pushes match.` + (v.more ? " Older or further ones are not listed." : "")
      : v.pushes.length === 0 ? "No push yet. Publish one, and it appears here." : `${v.pushes.length === 1 ? "1 push" : number(v.pushes.length) + " pushes"}, newest first.` + many;
    put(foot, v.more && limit < most && h("p", {}, h("button", { "data-key": "more", onclick: () => { limit = most; feed.again(); } }, "Show more")), strip(v.health, partitions));
  }

  async function look() {
    asked = search.value.trim();
    feed.again();
    put(found);
    if (asked === "") return;
    try {
      const { notifications } = await getQuery({ all: "true" }, "devices", asked);
      if (notifications.length > 0 && search.value.trim() === asked) {
        const held = notifications.filter((n) => n.certainty).length;
        put(found, note("", h("a", { href: to("device", asked), id: "found-device" }, "Device ", h("span", { class: "mono" }, asked)),
          ` got ${notifications.length === 1 ? "1 notification" : number(notifications.length) + " notifications"} and holds ${number(held)} now.`));
      }
    } catch { /* it is no device id; the list says what was found */ }
  }

  let timer;
  search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, 400); });
  const shortcut = (e) => { if (e.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName)) { e.preventDefault(); search.focus(); } };
  addEventListener("keydown", shortcut);
  return () => { feed.stop(); clearTimeout(timer); removeEventListener("keydown", shortcut); };
}
