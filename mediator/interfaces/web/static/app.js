// On every page: leaving quickly, copying, forms that lose no word when the server is away, and waiting for a reading.
// Text is only ever put in as text. Nothing here writes markup, and the content policy would stop it.
const root = document.documentElement;

// -- leaving quickly: the button, or Escape three times within two seconds ---------------------
const leave = () => {
  root.hidden = true;
  document.title = "Calendar";
  location.replace("/leave");
};
let escapes = [];
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") {
    escapes = [];
    return;
  }
  const now = Date.now();
  escapes = [...escapes.filter((at) => now - at < 2000), now];
  if (escapes.length >= 3) leave();
}, true);
for (const link of document.querySelectorAll("[data-leave]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
}
// A page that comes back out of the browser's memory asks the server again.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// -- copying a CID or a SHA-256 ----------------------------------------------------------------
const copied = document.createElement("div");
copied.className = "unseen";
copied.setAttribute("role", "status");
document.body.append(copied);
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      copied.textContent = button.dataset.copied;
      button.textContent = "Copied";
    } catch {
      copied.textContent = "Your browser does not allow copying here. Mark the text and copy it yourself.";
      button.textContent = "Not copied";
    }
    setTimeout(() => { button.textContent = before; }, 2000);
  });
}

// -- forms that keep what was typed when the server cannot be reached --------------------------
const tellOf = (form, text) => {
  let note = form.querySelector("[data-trouble]");
  if (!note) {
    note = document.createElement("div");
    note.className = "note bad";
    note.dataset.trouble = "";
    note.setAttribute("role", "alert");
    form.querySelector(".buttons, button").before(note);
  }
  note.textContent = text;
};
const TROUBLE = {
  403: "This page is too old to be sent. Your words are still here: copy them, load the page again, and send them.",
  413: "This is too long to be sent in one piece. Send it in parts.",
  429: "Too many things were sent in a short time. Wait a minute, then try again. Your words are still here.",
};
for (const form of document.querySelectorAll("form[data-steady]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.dataset.busy) return;
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form, event.submitter ?? undefined)) body.append(name, value);
    form.dataset.busy = "yes";
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
      const told = answer.headers.get("Content-Type")?.startsWith("application/json") ? await answer.json() : {};
      if (answer.ok && told.go) {
        location.assign(told.go);
        return;
      }
      tellOf(form, told.says ?? TROUBLE[answer.status] ?? `This was not saved (error ${answer.status}). Your words are still here. Try again.`);
    } catch {
      tellOf(form, "This was not saved: the program cannot be reached. Your words are still here. Try again in a moment.");
    }
    delete form.dataset.busy;
    form.removeAttribute("aria-busy");
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.tagName === "TEXTAREA") {
      event.preventDefault();
      form.requestSubmit(form.querySelector("button[type=submit]"));
    }
  });
}

// -- a story that is still being read ----------------------------------------------------------
const waiting = document.querySelector("[data-reading]");
if (waiting) {
  const look = async () => {
    try {
      const answer = await fetch(`${waiting.dataset.reading}?is=read`, { headers: { Accept: "application/json" } });
      if (answer.ok && (await answer.json()).read) {
        const typing = [...document.querySelectorAll("textarea")].some((field) => field.value !== field.defaultValue);
        if (typing) waiting.querySelector("p").textContent = "The program has read your story. Load the page again to see what it found.";
        else location.reload();
        return;
      }
    } catch {
      // The server is away for a moment; the next look will tell.
    }
    setTimeout(look, 1500);
  };
  setTimeout(look, 1000);
}

// -- after an action, the message is where the reader is ---------------------------------------
document.querySelector("[data-said]")?.scrollIntoView({ block: "nearest" });
