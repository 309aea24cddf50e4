// While a person writes: the words that a claim rests on are marked under the text field.
// A mark stays only as long as its exact words are still there; nothing is marked by guessing.
const form = document.querySelector("form[data-glance]");
const writer = form.querySelector("[data-writer]");
const under = form.querySelector("[data-under]");
const field = form.querySelector("textarea");
const live = form.querySelector("[data-live]");
const list = form.querySelector("[data-live-claims]");
const none = form.querySelector("[data-live-none]");
const said = form.querySelector("[data-live-said]");
const token = form.querySelector("[name=csrf_token]").value;
const PAUSE = 700;
const LONGEST = 20000;
let found = { claims: [], quotes: [] };
let asked = null;
let timer = 0;

const element = (name, className, text) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

const spans = (text) => {
  const places = [];
  for (const quote of found.quotes) {
    const at = text.indexOf(quote.text);
    if (at >= 0) places.push({ start: at, end: at + quote.text.length, claim: quote.claim });
  }
  places.sort((a, b) => a.start - b.start || a.end - b.end);
  let end = 0;
  return places.filter((place) => (place.start >= end ? ((end = place.end), true) : false));
};

const paint = () => {
  const text = field.value;
  const parts = [];
  let at = 0;
  for (const span of spans(text)) {
    parts.push(text.slice(at, span.start), element("mark", `c${((span.claim - 1) % 8) + 1}`, text.slice(span.start, span.end)));
    at = span.end;
  }
  parts.push(text.slice(at), "\n");
  under.replaceChildren(...parts);
  under.dir = field.matches(":dir(rtl)") ? "rtl" : "ltr";
  // The field grows with its text, so that it and the marks under it never scroll apart.
  field.style.height = "auto";
  field.style.height = `${Math.max(field.scrollHeight + 4, 240)}px`;
};

const show = (answer) => {
  const before = found.claims.map((claim) => claim.name).join("; ");
  found = answer;
  live.hidden = false;
  none.hidden = answer.claims.length > 0;
  list.replaceChildren(...answer.claims.map((claim) => {
    const item = element("li");
    const key = element("span", `key c${((claim.number - 1) % 8) + 1}`, String(claim.number));
    key.setAttribute("aria-hidden", "true");
    item.append(key, element("span", "name", claim.name), element("p", "what", claim.fit));
    return item;
  }));
  const now = answer.claims.map((claim) => claim.name).join("; ");
  if (now !== before || !now) said.textContent = now ? `Your words may point to: ${now}` : "No claim found so far.";
  paint();
};

const ask = async () => {
  const text = field.value;
  if (text.trim().length < 20 || text.length > LONGEST) return;
  asked?.abort();
  asked = new AbortController();
  try {
    const answer = await fetch(form.dataset.glance, {
      method: "POST",
      signal: asked.signal,
      headers: { "Content-Type": "application/x-www-form-urlencoded", "X-CSRF-Token": token },
      body: new URLSearchParams({ csrf_token: token, text }),
    });
    if (answer.ok) show(await answer.json());
  } catch {
    // Marks are a help only; what is sent with the button is what counts.
  }
};

field.addEventListener("input", () => {
  paint();
  clearTimeout(timer);
  timer = setTimeout(ask, PAUSE);
});
addEventListener("resize", paint);
paint();
if (field.value.trim()) ask();
