package console_test

import "encoding/json"

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// audit is run in the page. It lists what sticks out to the side, what can be used
// and has no name, and text whose contrast is below 4.5 to 1 (WCAG 2.2, 1.4.3).
const audit = `(() => {
  const bad = [], root = document.documentElement;
  if (root.scrollWidth > innerWidth + 1) bad.push("the page is " + root.scrollWidth + " wide, the window " + innerWidth);
  const name = (el) => (el.getAttribute("aria-label") || el.innerText || el.title || [...(el.labels ?? [])].map((l) => l.innerText).join("") || el.querySelector?.("img[alt]")?.alt || "").trim();
  for (const el of document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']"))
    if (el.checkVisibility() && !name(el)) bad.push("without a name: " + el.outerHTML.slice(0, 90));
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const behind = (el) => { for (; el; el = el.parentElement) { const c = rgba(getComputedStyle(el).backgroundColor); if (c[3] > 250) return c; } return [255, 255, 255]; };
  const seen = new Set(), walk = document.createTreeWalker(document.querySelector("dialog[open]") ?? document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const el = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || seen.has(el) || !el.checkVisibility() || el.closest("svg, .unseen, .skip, noscript, :disabled") || el.closest("label")?.querySelector(":disabled")) continue;
    seen.add(el);
    const a = light(rgba(getComputedStyle(el).color)), b = light(behind(el)), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push("contrast " + ratio.toFixed(1) + " of " + JSON.stringify(el.innerText.slice(0, 40)) + " in " + el.tagName + "." + el.className);
  }
  return bad;
})()`
