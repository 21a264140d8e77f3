// Everything the pages ask. The credential is in a cookie that scripts cannot read.

export const state = { session: null, app: "" };

// Refusal is an answer that says no, in the form of the API's problems.
export class Refusal extends Error {
  constructor(problem) {
    super((problem.field ? problem.field + ": " : "") + (problem.detail || problem.title));
    this.problem = problem;
  }
}

async function ask(method, path, body, headers = {}) {
  let response;
  try {
    response = await fetch(path, {
      method, headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin", cache: "no-store",
    });
  } catch {
    throw new Refusal({ status: 0, code: "unreachable", title: "No answer", detail: "the node does not answer; it is tried again" });
  }
  const text = await response.text();
  let value;
  try { value = text === "" ? {} : JSON.parse(text); } catch { value = { detail: "the answer is none of the ledger's" }; }
  if (!response.ok) {
    const problem = { title: response.statusText, ...value, status: response.status };
    if (problem.code === "not-logged-in") window.dispatchEvent(new Event("logged-out"));
    throw new Refusal(problem);
  }
  return value;
}

const segment = (id) => (id === "." || id === ".." ? id.replaceAll(".", "%2E") : encodeURIComponent(id));
export const path = (...ids) => "/console/api/" + segment(state.app) + "/v1/" + ids.map(segment).join("/");

export const get = (...ids) => ask("GET", path(...ids));
export const getQuery = (query, ...ids) => ask("GET", path(...ids) + "?" + new URLSearchParams(query));
export const post = (body, ...ids) => ask("POST", path(...ids), body);

export const session = () => ask("GET", "/console/session");
export const login = (key) => ask("POST", "/console/login", { key });
export const logout = () => ask("POST", "/console/logout", {});
export const preview = (request) => ask("POST", "/console/preview/" + segment(state.app), request);
export const recall = (order, key) => ask("POST", "/console/recall/" + segment(state.app), order, { "Idempotency-Key": key });
export const report = (id, form) => "/console/report/" + segment(state.app) + "/" + segment(id) + form;

// newKey makes an idempotency key: one for each time the dialog is opened, so that
// a second press of the button cannot become a second recall.
export const newKey = () => "console-" + Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

export const may = (role) => state.session.roles.some((r) => r === role || r === "admin");

// live follows server-sent events until stop() is called; when the line breaks it
// is tried again, after a look whether one is still logged in. A page that nobody
// sees lets go of its line: browsers allow six to a host, and phones have batteries.
export function live(url, events, online = () => {}) {
  let source, timer, ended = false;
  const open = () => {
    source?.close();
    if (ended || document.hidden) return;
    source = new EventSource(url());
    source.onopen = () => online(true);
    for (const [name, take] of Object.entries(events)) source.addEventListener(name, (e) => { online(true); take(JSON.parse(e.data), stop); });
    source.onerror = () => {
      source.close();
      if (ended) return;
      online(false);
      timer = setTimeout(() => session().then(open, () => { if (!ended) timer = setTimeout(open, 3000); }), 1000);
    };
  };
  const again = () => { clearTimeout(timer); open(); };
  const stop = () => { ended = true; clearTimeout(timer); source?.close(); document.removeEventListener("visibilitychange", again); };
  document.addEventListener("visibilitychange", again);
  open();
  return { stop, again };
}
