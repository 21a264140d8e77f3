// Elements are made from text and attributes alone, so that no text of a push can
// ever become markup.

const ns = "http://www.w3.org/2000/svg";

function fill(el, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "width%") el.style.width = value + "%"; // by the object model: the policy forbids style attributes
    else if (name === "value") el.value = value;
    else el.setAttribute(name, value === true ? "" : String(value));
  }
  el.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false && c !== ""));
  return el;
}

export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
export const s = (tag, props, ...children) => fill(document.createElementNS(ns, tag), props, children);

// put replaces what an element holds and keeps the focus where it was, if what has
// the same data-key is there again.
export function put(el, ...children) {
  const key = el.contains(document.activeElement) ? document.activeElement.dataset?.key : undefined;
  el.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false && c !== ""));
  if (key) el.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

// keyed draws a list again, but only the entries that changed, so that reading,
// selecting and tabbing are not disturbed by news of others.
export function keyed(el, items, key, draw) {
  const old = el.drawn ?? new Map();
  const drawn = new Map();
  for (const item of items) {
    const k = key(item), text = JSON.stringify(item), was = old.get(k);
    drawn.set(k, was && was.text === text ? was : { text, node: draw(item), replaced: was?.node });
  }
  const focused = el.contains(document.activeElement) ? document.activeElement.dataset?.key : undefined;
  for (const [k, was] of old) if (drawn.get(k)?.node !== was.node) was.node.remove();
  let at = el.firstChild;
  for (const { node } of drawn.values()) {
    if (node === at) at = at.nextSibling;
    else el.insertBefore(node, at);
  }
  while (at) { const next = at.nextSibling; at.remove(); at = next; }
  el.drawn = drawn;
  if (focused && !el.contains(document.activeElement)) el.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

// say tells something to those who listen instead of looking.
export function say(text) { document.getElementById("say").textContent = text; }

const figures = new Intl.NumberFormat("en-US");
export const number = (n) => figures.format(n ?? 0);
export const devices = (n) => (n === 1 ? "1 device" : number(n) + " devices");

// percent never rounds up to a hundred: that is said only when it is so.
export const percent = (p) => (p >= 100 ? "100" : (Math.floor(p * 10) / 10).toFixed(1)) + " %";

export function size(bytes) {
  let unit = 0;
  const units = ["B", "KB", "MB", "GB", "TB"];
  while (bytes >= 1000 && unit < units.length - 1) { bytes /= 1000; unit++; }
  return (unit === 0 ? bytes : bytes.toFixed(1)) + " " + units[unit];
}

export function span(seconds) {
  if (seconds < 1) return Math.max(0, Math.round(seconds * 1000)) + " ms";
  if (seconds < 10) return seconds.toFixed(1) + " s";
  if (seconds < 90) return Math.round(seconds) + " s";
  if (seconds < 5400) return Math.round(seconds / 60) + " min";
  const hours = Math.floor(seconds / 3600);
  if (hours < 48) return hours + " h " + Math.floor((seconds % 3600) / 60) + " min";
  return Math.floor(hours / 24) + " d " + (hours % 24) + " h";
}

const pad = (n, w = 2) => String(n).padStart(w, "0");
export function clock(text, millis = false) {
  const d = new Date(text);
  const time = `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}` + (millis ? "." + pad(d.getMilliseconds(), 3) : "");
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${time}`;
}

// when shows a time as the operator's clock has it; how long ago is beside it.
export function when(text, millis = false) {
  return h("time", { datetime: text, title: new Date(text).toISOString() }, clock(text, millis));
}

export function ago(text) {
  const seconds = (Date.now() - new Date(text)) / 1000;
  return seconds < 0 ? "in " + span(-seconds) : seconds < 5 ? "just now" : span(seconds) + " ago";
}

export const chip = (text, tone) => h("span", { class: "chip " + (tone ?? "") }, text);
export const note = (tone, ...what) => h("div", { class: "note " + tone, role: tone === "bad" ? "alert" : undefined }, what);
