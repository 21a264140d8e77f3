import { h, put, say, chip } from "./dom.js";
import { state, session, login, logout, Refusal } from "./api.js";
import { overview } from "./overview.js";
import { push } from "./push.js";
import { recall } from "./recall.js";
import { device } from "./device.js";
import { channels } from "./channels.js";
import { health } from "./health.js";

const views = { "": overview, push, recall, device, channels, health };
const main = document.getElementById("main"), top = document.getElementById("top");
let close = () => {};

// Addresses are #/app/view/id: they can be kept and sent to a colleague.
export const to = (view, ...ids) => "#/" + [state.app, view, ...ids].map(encodeURIComponent).join("/");

function where() {
  const [, app, view = "", ...ids] = location.hash.split("/").map((part) => { try { return decodeURIComponent(part); } catch { return part; } });
  return { app: app ?? "", view, ids };
}

function theme(name) {
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
}
const dark = () => getComputedStyle(document.documentElement).colorScheme === "dark" ||
  !document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches;

function switchTheme() {
  const name = dark() ? "light" : "dark";
  localStorage.setItem("theme", name);
  theme(name);
}

function header(view) {
  const link = (name, text) => h("a", { href: to(name), "aria-current": view === name || name === "" && ["push", "recall", "device"].includes(view) ? "page" : undefined }, text);
  const one = state.session;
  put(top, h("div", { class: "bar" },
    h("a", { class: "brand", href: to("") }, h("img", { src: "/console/icon.svg", alt: "" }), "Recall Ledger"),
    one && h("nav", { "aria-label": "Console" }, link("", "Pushes"), link("health", "Health"), link("channels", "Channels")),
    h("div", { class: "who small" },
      one && h("span", { id: "line", class: "live off", role: "status" }, "connecting"),
      one && (one.open && one.apps?.length > 1 ? appChoice(one) : chip(state.app)),
      one?.open && h("span", { class: "muted spare", title: "This node has no credentials and answers to its own machine only." }, "no login"),
      h("button", { class: "plain", onclick: switchTheme, "aria-label": "Switch between light and dark", title: "Light or dark" }, "◐"),
      one && !one.open && h("button", { class: "plain", onclick: leave }, "Log out"))));
}

function appChoice(one) {
  return h("select", { "aria-label": "App", onchange: (e) => { location.hash = "#/" + encodeURIComponent(e.target.value) + "/"; } },
    one.apps.map((a) => h("option", { value: a, selected: a === state.app }, a)));
}

// online shows whether the page's news are arriving.
export function online(yes) {
  const line = document.getElementById("line");
  if (!line || line.classList.contains("off") !== yes) return;
  line.classList.toggle("off", !yes);
  line.textContent = yes ? "live" : "reconnecting";
}

async function leave() {
  close(); // the node cuts the watches of a session that ends
  close = () => {};
  await logout().catch(() => {});
  state.session = null;
  show();
}

function loginView() {
  const wrong = h("p", { role: "alert" }), key = h("input", { id: "key", type: "password", autocomplete: "current-password", required: true, spellcheck: "false" });
  const enter = async (e) => {
    e.preventDefault();
    wrong.textContent = "";
    try {
      state.session = await login(key.value);
      key.value = "";
      show();
    } catch (refusal) {
      put(wrong, h("span", { class: "note bad" }, refusal.problem.detail));
      key.select();
    }
  };
  put(main, h("form", { class: "panel login", onsubmit: enter },
    h("h1", {}, "Log in"), h("p", { class: "muted" }, "with an operator key, made by ", h("code", {}, "recall key create --role read --role recall")),
    h("input", { type: "text", name: "username", autocomplete: "username", hidden: true, value: "operator" }), // for password managers
    h("div", { class: "field" }, h("label", { for: "key" }, "Operator key"), key), wrong,
    h("button", { class: "main", type: "submit" }, "Log in")));
  key.focus();
}

// show draws what the address names.
async function show() {
  close();
  close = () => {};
  if (!state.session) {
    try {
      state.session = await session();
    } catch (refusal) {
      header("");
      if (refusal instanceof Refusal && refusal.problem.status === 401) return loginView();
      return put(main, h("p", { class: "note bad", role: "alert" }, refusal.message), h("button", { onclick: show }, "Try again"));
    }
  }
  const one = state.session, at = where();
  if (!one.open) state.app = one.app;
  else state.app = at.app || (one.apps?.length ? one.apps.find((a) => a === one.app) ?? one.apps[0] : one.app);
  if (at.app !== state.app) history.replaceState(null, "", to(at.view, ...at.ids));
  const view = views[at.view] ?? overview;
  header(views[at.view] ? at.view : "");
  document.title = "Recall Ledger";
  put(main, h("p", { class: "muted" }, "Loading…"));
  window.scrollTo(0, 0);
  close = view(main, ...at.ids) ?? (() => {});
}

theme(localStorage.getItem("theme"));
addEventListener("hashchange", () => { show(); main.focus({ preventScroll: true }); say(""); });
addEventListener("logged-out", () => { if (state.session) { state.session = null; show(); } });
show();
