// Aim: the live picture with its measurements, the fields, and what would be published of them.

import { $, ask, percent, play, show, showError, showLeft } from "./common.js";
import { Boxes, draw, isUpright, rectangle } from "./boxes.js";
import { freeName, labelled, valueOf } from "./form.js";
import { Meters } from "./meters.js";

const SPEAK = 5000; // milliseconds between two readings aloud
const SETTLE = 350; // from the last change of a field until it is tried

let fields = []; // {was, keys, corners, moved, upright}; `keys` are those of the form
let form = {}; // key -> JSON Schema of its value
let chosen = null, latest = null, spoke = 0, path = "", timer = 0;
const boxes = new Boxes(() => changed());
const meters = new Meters();

const drafts = () => ({ fields: fields.map(({ was, keys, corners, moved }) => ({ was, keys, region: moved ? corners : null })) });
const defaults = () => Object.fromEntries(Object.entries(form).map(([key, option]) => [key, option.default ?? null]));

function changed() {
  boxes.show(fields, chosen);
  $("save").disabled = false;
  show($("saved"), "");
  clearTimeout(timer);
  timer = setTimeout(tryOut, SETTLE);
}

async function tryOut() {
  try {
    showProblems((await ask("api/draft", drafts())).problems);
  } catch (error) {
    showProblems([error.message]);
  }
}

function showProblems(problems) {
  const list = $("problems");
  list.replaceChildren(...problems.map((problem) => Object.assign(document.createElement("li"), { textContent: problem })));
  list.hidden = !problems.length;
  $("save").disabled = $("save").disabled || problems.length > 0;
}

function addField(corners, format = "") {
  const keys = { ...defaults(), name: freeName("field", fields), format };
  fields.push({ was: null, keys, corners, moved: true, upright: true });
  choose(fields.at(-1));
  cards();
  changed();
  const card = $("cards").lastElementChild;
  card.querySelector("details").open = true;
  card.querySelector("[name=name]").select();
}

function choose(field) {
  if (chosen !== field) meters.forget();
  chosen = field;
  boxes.show(fields, chosen);
  for (const card of $("cards").children) card.classList.toggle("chosen", card.field === chosen);
  show($("focus-of"), chosen ? `in ${chosen.keys.name}` : "in the middle");
}

function cards() {
  $("cards").replaceChildren(...fields.map(card));
  $("no-fields").hidden = fields.length > 0;
  choose(chosen);
}

/** Corners of the upright rectangle around a field. */
function straighten(field) {
  const xs = field.corners.map((p) => p[0]), ys = field.corners.map((p) => p[1]);
  const left = Math.min(...xs), top = Math.min(...ys);
  field.corners = rectangle(left, top, Math.max(...xs) - left, Math.max(...ys) - top);
  field.moved = true;
}

function card(field) {
  const article = $("card").content.cloneNode(true).firstElementChild;
  article.field = field;
  const showName = () => {
    show(article.querySelector("h3"), field.keys.name);
    show(article.querySelector(".remove"), `Remove ${field.keys.name}`);
  };
  showName();
  const isCheck = ([, option]) => option.type === "boolean";
  const options = Object.entries(form).sort((a, b) => isCheck(a) - isCheck(b)); // checkboxes last
  article.querySelector(".settings").prepend(...options.map(([key, option]) => {
    const label = labelled(key, option), input = label.querySelector("input, select");
    if (option.type === "boolean") input.checked = field.keys[key]; else input.value = field.keys[key] ?? "";
    input.addEventListener("input", () => {
      field.keys[key] = valueOf(input, option);
      showName();
      changed();
    });
    return label;
  }));
  const upright = article.querySelector("[name=upright]");
  upright.checked = field.upright;
  upright.addEventListener("input", () => {
    field.upright = upright.checked;
    if (field.upright && field.corners && !isUpright(field.corners)) straighten(field);
    changed();
  });
  article.addEventListener("focusin", () => choose(field));
  article.addEventListener("pointerdown", () => choose(field));
  article.querySelector(".remove").addEventListener("click", () => {
    fields = fields.filter((other) => other !== field);
    if (chosen === field) chosen = null;
    cards();
    changed();
    $("fields-title").focus();
  });
  return article;
}

function render(look) {
  latest = look;
  $("picture").src = look.picture;
  showLeft(look.ends_in);
  show($("whose"), look.camera === "daemon" ? "what the daemon sees" : "no daemon runs here: this page uses the camera");
  speak(meters.show(look));
  for (const view of look.fields) {
    const field = fields.find((f) => f.keys.name === view.name);
    if (!field) continue;
    if (!field.corners) {
      field.corners = view.region;
      field.upright = isUpright(view.region);
      const box = [...$("cards").children].find((c) => c.field === field)?.querySelector("[name=upright]");
      if (box) box.checked = field.upright;
    }
    renderField(field, view);
  }
  boxes.show(fields, chosen);
  renderFound(look.numbers);
}

function speak(focus) {
  if (!$("speak").checked || Date.now() - spoke < SPEAK) return;
  spoke = Date.now();
  show($("spoken"), `Focus ${focus ?? "unknown"}, best ${meters.best}. Light ${$("light").textContent}. Glare ${$("glare").textContent}. Tilt ${$("tilt").textContent}.`);
}

function renderField(field, view) {
  const article = [...$("cards").children].find((c) => c.field === field);
  if (!article) return;
  const reading = view.published, line = article.querySelector(".published");
  const value = reading?.text == null ? null : `${reading.text}${reading.unit ? ` ${reading.unit}` : ""}`;
  const state = !reading ? "waiting" : reading.status === "ok" ? "" : "withheld";
  line.className = `published ${state}`;
  show(line, !reading ? "Nothing yet" : state ? `Withheld: ${reading.status.replaceAll("_", " ")}${value ? `; it stays ${value}` : ""}` : value);
  show(article.querySelector(".why"), view.why[0].toUpperCase() + view.why.slice(1).replaceAll("`", "") + ".");
  const now = view.now;
  show(article.querySelector(".now"), !now ? "" : now.candidates.length
    ? `Seen now: ${now.candidates.map(([text, sure]) => `${text} ${percent(sure)}`).join(", ")}${now.status === "ok" ? "" : ` (${now.status.replaceAll("_", " ")})`}`
    : `Seen now: ${now.status.replaceAll("_", " ")}`);
  article.querySelector(".message").hidden = !view.message;
  if (view.message) show(article.querySelector("pre"), view.message);
}

function renderFound(numbers) {
  const labels = numbers.map(({ box: [x, y, w, h], candidates }) => {
    const low = y < 0.06;
    const span = Object.assign(document.createElement("span"), { textContent: candidates[0][0], className: low ? "low" : "" });
    span.style.left = `${100 * x}%`;
    span.style.top = `${100 * (low ? y + h : y)}%`;
    return span;
  });
  for (const field of fields.filter((f) => f.corners)) {
    const span = Object.assign(document.createElement("span"), { textContent: field.keys.name, className: "field" });
    span.style.left = `${100 * field.corners[3][0]}%`;
    span.style.top = `${100 * field.corners[3][1]}%`;
    labels.push(span);
  }
  $("labels").replaceChildren(...labels);
  $("drawing").querySelectorAll("rect").forEach((old) => old.remove());
  $("drawing").prepend(...numbers.map(({ box: [x, y, width, height] }) => {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of Object.entries({ x, y, width, height })) rect.setAttribute(key, value);
    return rect;
  }));
  $("nothing").hidden = numbers.length > 0;
  $("found-box").hidden = !numbers.length;
  const body = $("found");
  while (body.rows.length > numbers.length) body.deleteRow(-1);
  while (body.rows.length < numbers.length) body.append(row(body.rows.length));
  numbers.forEach(({ candidates: [[text, sure], ...others] }, i) => {
    const cells = body.rows[i].cells;
    show(cells[0], text);
    show(cells[1], percent(sure));
    show(cells[2], others.map(([other, share]) => `${other} ${percent(share)}`).join(", "));
    cells[3].firstElementChild.ariaLabel = `Make a field of ${text}`;
  });
}

function row(i) {
  const tr = document.createElement("tr");
  for (let n = 0; n < 4; n++) tr.append(document.createElement("td"));
  const button = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: "Make a field" });
  button.addEventListener("click", () => {
    const { region, format } = latest.numbers[i].field;
    addField(region, format);
  });
  tr.lastElementChild.append(button);
  return tr;
}

let cancel = null;
$("draw").addEventListener("click", () => {
  if (cancel) return cancel();
  $("draw").ariaPressed = "true";
  show($("draw"), "Drag over the picture");
  cancel = draw((corners) => {
    cancel = null;
    $("draw").ariaPressed = "false";
    show($("draw"), "Draw a field");
    if (corners) addField(corners);
  });
});
$("add").addEventListener("click", () => addField(rectangle(0.3, 0.4, 0.4, 0.2)));
$("forget").addEventListener("click", () => meters.forget());

$("save").addEventListener("click", async () => {
  try {
    const { daemon } = await ask("api/save", drafts());
    for (const field of fields) Object.assign(field, { was: field.keys.name, moved: false });
    $("save").disabled = true;
    $("reload").hidden = !daemon;
    show($("saved"), `Saved to ${path}.${daemon ? " The daemon uses it after a reload." : ""}`);
    showProblems([]);
  } catch (error) {
    show($("saved"), "");
    showProblems(error.message.split("\n"));
    $("save").disabled = false;
  }
});
$("reload").addEventListener("click", async () => {
  try {
    await ask("api/reload", {});
    $("reload").hidden = true;
    show($("saved"), "The daemon reads the file again.");
  } catch (error) {
    show($("saved"), error.message);
  }
});

async function begin() {
  const answer = await ask("api/fields");
  path = answer.path;
  form = answer.form.properties;
  fields = answer.fields.map(({ was, keys }) => ({ was, keys, corners: null, moved: false, upright: true }));
  cards();
  play(showNext);
}

async function showNext() {
  render(await ask(`api/look?field=${encodeURIComponent(chosen?.keys.name ?? "")}`));
  showError(null);
}

begin().catch(showError);
