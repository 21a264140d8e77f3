import { h, number, span } from "./dom.js";
import { outcomes } from "./words.js";

export const all = (t) => t.planned + t.late;
export const open = (t) => t.waiting + t.pending;
export const done = (t) => all(t) - open(t);

// segments is a bar of outcomes; what is open is its empty end.
export function segments(t, thick) {
  const n = Math.max(1, all(t)), share = all(t) === 0 ? 100 : Math.floor(1000 * done(t) / n) / 10;
  const words = outcomes.filter(([name]) => t[name] > 0).map(([name, word]) => `${number(t[name])} ${word}`).join(", ");
  return h("div", { class: "segs" + (thick ? " thick" : ""), role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": share,
    "aria-valuetext": `${share} %: ${words || "nothing yet"}, ${number(open(t))} open` },
  outcomes.map(([name]) => t[name] > 0 && h("div", { class: "seg " + name, "width%": 100 * t[name] / n, title: name })));
}

export function legend(t) {
  return h("ul", { class: "legend" }, outcomes.filter(([name]) => t[name] > 0).map(([name, word, why]) =>
    h("li", {}, h("span", { class: "dot " + name, "aria-hidden": "true" }), `${number(t[name])} ${word} `, h("span", { class: "muted" }, why))),
  open(t) > 0 && h("li", {}, h("span", { class: "dot open", "aria-hidden": "true" }), `${number(open(t))} open `, h("span", { class: "muted" }, `${number(t.pending)} with the vendor`)));
}

// Pace tells how fast a recall goes, from what was seen in the last ten seconds.
export class Pace {
  seen = [];

  take(total) {
    const now = performance.now();
    this.seen.push({ now, done: done(total) });
    while (this.seen.length > 2 && now - this.seen[0].now > 10000) this.seen.shift();
    const first = this.seen[0], seconds = (now - first.now) / 1000;
    const rate = seconds > 0.2 ? (done(total) - first.done) / seconds : 0;
    return { rate, left: rate > 0 ? open(total) / rate : undefined };
  }

  words(total, rate, left) {
    const parts = [`${number(done(total))} of ${number(all(total))}`];
    if (open(total) === 0) return parts[0];
    if (rate > 0) parts.push(`${number(Math.round(rate))} a second`, `about ${span(left)} left`);
    return parts.join(" · ");
  }
}
