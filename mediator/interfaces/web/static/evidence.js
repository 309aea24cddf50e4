// Files on their way: dropped or chosen, one after the other, each with its progress and a way to try again.
const form = document.querySelector("form[data-upload]");
const drop = form.querySelector("[data-drop]");
const list = form.querySelector("[data-uploads]");
const said = form.querySelector("[data-upload-said]");
const inputs = [...form.querySelectorAll("input[type=file]")];
const limit = Number(form.dataset.limit);
let queue = Promise.resolve();
let failed = 0;

form.querySelector("[data-drop-hint]").hidden = false;

const TROUBLE = {
  403: "This page is too old. Load it again, then add the file.",
  413: "This file is too large.",
  415: "This kind of file cannot be added.",
  429: "Too many files in a short time. Wait a minute, then try again.",
};

const row = (file) => {
  const item = document.createElement("li");
  const name = document.createElement("p");
  name.dir = "auto";
  name.textContent = file.name;
  const bar = document.createElement("progress");
  bar.max = 100;
  bar.value = 0;
  bar.setAttribute("aria-label", `Progress of ${file.name}`);
  const state = document.createElement("p");
  state.className = "small aside";
  state.textContent = "Waiting";
  item.append(name, bar, state);
  list.append(item);
  return { item, bar, state };
};

const send = (file, parts) => new Promise((done) => {
  const body = new FormData();
  // The token goes first, so that the server knows who sends before it reads the file.
  for (const name of ["csrf_token", "shows", "description"]) body.append(name, form.elements[name].value);
  body.append("file", file, file.name);
  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("X-CSRF-Token", form.elements.csrf_token.value);
  request.setRequestHeader("Accept", "application/json");
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    const share = Math.floor((100 * event.loaded) / event.total);
    parts.bar.value = share;
    parts.state.textContent = share < 100 ? `${share} percent sent` : "Sent. It is being stored and checked.";
  });
  request.addEventListener("load", () => done(request.status));
  request.addEventListener("error", () => done(0));
  request.addEventListener("abort", () => done(0));
  request.send(body);
});

const add = async (file, parts) => {
  if (file.size > limit) {
    failed += 1;
    parts.state.textContent = "This file is too large.";
    return;
  }
  parts.state.textContent = "Starting";
  const status = await send(file, parts);
  if (status >= 200 && status < 300) {
    parts.bar.value = 100;
    parts.state.textContent = "Added";
    said.textContent = `${file.name} is added.`;
    return;
  }
  failed += 1;
  const text = TROUBLE[status] ?? (status ? `It was not added (error ${status}).` : "It was not added: the program cannot be reached.");
  parts.state.textContent = text;
  said.textContent = `${file.name}: ${text}`;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "button small";
  again.textContent = "Try again";
  again.setAttribute("aria-label", `Try again to add ${file.name}`);
  again.addEventListener("click", () => {
    failed -= 1;
    again.remove();
    enqueue([{ file, parts }]);
  });
  parts.item.append(again);
};

const enqueue = (items) => {
  for (const { file, parts } of items) queue = queue.then(() => add(file, parts));
  queue = queue.then(() => {
    // Show the new entries; a row with a fault stays until it is dealt with.
    if (failed === 0) location.reload();
  });
};
const take = (files) => enqueue([...files].map((file) => ({ file, parts: row(file) })));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const files = inputs.flatMap((input) => [...input.files]);
  if (files.length === 0) {
    said.textContent = "Choose a file first.";
    inputs[0].focus();
    return;
  }
  for (const input of inputs) input.value = "";
  take(files);
});
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.remove("over");
  });
}
drop.addEventListener("drop", (event) => take(event.dataTransfer.files));
// A file dropped beside the field must not replace the page.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
