import { h, s, number, clock } from "./dom.js";

const names = [["certain", "certain"], ["possible", "possible"], ["unreachable", "unreachable"]];
const height = 240, left = 58, right = 12, up = 18, down = 26;

// nice rounds a maximum up to a figure for an axis.
function nice(n) {
  const power = 10 ** Math.floor(Math.log10(Math.max(n, 1)));
  return [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((f) => f * power).find((v) => v >= n) ?? n;
}

const short = (n) => (n >= 1e6 ? n / 1e6 + " M" : n >= 1e4 ? n / 1e3 + " k" : number(n));

// area draws the holders over time, stacked, with a mark at each recall. The keys
// left and right walk through it, and a table has all of it. It is drawn as wide as
// there is room, so that its figures are as large as other text.
export function area(points, recalls, width) {
  if (points.length < 2) return h("p", { class: "muted" }, "Nothing happened to it yet.");
  const last = recalls.map((r) => r.stored).filter((t) => new Date(t) > new Date(points.at(-1).time)).sort().at(-1);
  if (last) points = [...points, { ...points.at(-1), time: last }];
  const times = points.map((p) => new Date(p.time).getTime());
  const from = times[0], to = times.at(-1), brief = to - from < 10000, all = points.map((p) => p.certain + p.possible + p.unreachable);
  const top = nice(Math.max(...all, 1)), x = (t) => left + (width - left - right) * (t - from) / Math.max(1, to - from), y = (n) => height - down - (height - up - down) * n / top;
  const below = points.map(() => 0);
  const shapes = names.map(([name]) => {
    const upper = [], lower = [];
    points.forEach((p, i) => {
      lower.unshift(`${x(times[i]).toFixed(1)},${y(below[i]).toFixed(1)}`);
      below[i] += p[name];
      upper.push(`${x(times[i]).toFixed(1)},${y(below[i]).toFixed(1)}`);
    });
    return s("polygon", { class: name, points: upper.concat(lower).join(" ") });
  });
  const lines = [0, 0.5, 1].map((f) => [s("line", { class: "grid", x1: left, x2: width - right, y1: y(f * top), y2: y(f * top) }),
    s("text", { x: left - 6, y: y(f * top) + 4, "text-anchor": "end" }, short(f * top))]);
  const marks = recalls.map((r) => {
    const at = x(new Date(r.stored).getTime()), late = at > width * 0.8;
    return [s("line", { class: "mark", x1: at, x2: at, y1: up - 6, y2: height - down }),
      s("text", { class: "mark-text", x: at + (late ? -5 : 5), y: up - 4, "text-anchor": late ? "end" : "start" }, r.action)];
  });
  const cursor = s("line", { class: "cursor", y1: up, y2: height - down, visibility: "hidden" });
  const said = h("p", { class: "chart-said muted", "aria-live": "polite" }, "Point at the chart, or move through it with the arrow keys.");
  const svg = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: 0,
    "aria-label": `Holders from ${clock(points[0].time)} to ${clock(points.at(-1).time)}: at most ${number(Math.max(...all))}, at the end ${number(all.at(-1))}` },
  lines, shapes, marks, cursor,
  s("text", { x: left, y: height - 6 }, clock(points[0].time, brief)),
  s("text", { x: width - right, y: height - 6, "text-anchor": "end" }, clock(points.at(-1).time, brief).slice(to - from < 12 * 3600e3 ? 11 : 0)));
  let at = points.length - 1;
  const show = (i) => {
    at = Math.max(0, Math.min(points.length - 1, i));
    cursor.setAttribute("visibility", "visible");
    cursor.setAttribute("x1", x(times[at]));
    cursor.setAttribute("x2", x(times[at]));
    const p = points[at];
    said.textContent = `${clock(p.time, true)}: ${number(p.certain)} certain, ${number(p.possible)} possible, ${number(p.unreachable)} unreachable`;
  };
  svg.addEventListener("pointermove", (e) => {
    const box = svg.getBoundingClientRect(), t = from + ((e.clientX - box.left) / box.width * width - left) / (width - left - right) * (to - from);
    let i = times.findIndex((v) => v > t);
    show(i < 0 ? points.length - 1 : i - 1);
  });
  svg.addEventListener("keydown", (e) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -1e9, End: 1e9 }[e.key];
    if (by) { e.preventDefault(); show(at + by); }
  });
  const table = h("details", {}, h("summary", {}, "As a table"));
  table.addEventListener("toggle", () => {
    if (!table.open || table.children.length > 1) return;
    table.append(h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["Time", ...names.map(([, w]) => w)].map((t, i) => h("th", { scope: "col", class: i ? "n" : "" }, t)))),
      h("tbody", {}, points.map((p) => h("tr", {}, h("td", {}, clock(p.time, true)), names.map(([n]) => h("td", { class: "n" }, number(p[n])))))))));
  });
  return [svg, said, h("ul", { class: "legend" }, names.map(([name, word]) => h("li", {}, h("span", { class: "dot " + name, "aria-hidden": "true" }), word)),
    recalls.length > 0 && h("li", { class: "muted" }, "dashed: recall accepted")), table];
}
