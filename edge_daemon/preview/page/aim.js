// Aim: the live picture with its meters, the fields and what would be published of them.

import { $, ask, complain, percent, show, showLeft, sleep } from "./common.js";
import { Boxes, draw, isUpright, rectangle } from "./boxes.js";

const PACE = 220, PAUSE = 1500, SPEAK = 5000, SETTLE = 350, TREMBLES = 5, NEAR = 3;
const SENT = ["name", "was", "rotation", "format", "text", "settle", "unit", "min", "max", "monotone", "max_rate", "wrap"];
const FRESH = { was: null, rotation: 0, format: "", text: false, settle: "2s", unit: "", min: null, max: null,
  monotone: false, max_rate: "", wrap: false, upright: true };

let fields = [], chosen = null, latest = null, recent = [], best = 0, spoke = 0, path = "", timer = 0;
const boxes = new Boxes(() => changed());

const drafts = () => ({ fields: fields.map((f) => ({
  ...Object.fromEntries(SENT.map((key) => [key, f[key]])), region: f.moved ? f.corners : null,
})) });

function changed() {
  boxes.show(fields, chosen);
  $("save").disabled = false;
  show($("saved"), "");
  clearTimeout(timer);
  timer = setTimeout(tryOut, SETTLE);
}

async function tryOut() {
  try {
    tell((await ask("api/draft", drafts())).problems);
  } catch (error) {
    tell([error.message]);
  }
}

function tell(problems) {
  const list = $("problems");
  list.replaceChildren(...problems.map((problem) => Object.assign(document.createElement("li"), { textContent: problem })));
  list.hidden = !problems.length;
  $("save").disabled = $("save").disabled || problems.length > 0;
}

function addField(corners, format = "") {
  const taken = new Set(fields.map((f) => f.name));
  let n = 1;
  while (taken.has(`field-${n}`)) n++;
  fields.push({ ...FRESH, name: `field-${n}`, corners, moved: true, format });
  choose(fields.at(-1));
  cards();
  changed();
  const card = $("cards").lastElementChild;
  card.querySelector("details").open = true;
  card.querySelector("[name=name]").select();
}

function choose(field) {
  if (chosen !== field) forget();
  chosen = field;
  boxes.show(fields, chosen);
  for (const card of $("cards").children) card.classList.toggle("chosen", card.field === chosen);
  show($("focus-of"), chosen ? `in ${chosen.name}` : "in the middle");
}

function cards() {
  $("cards").replaceChildren(...fields.map(card));
  $("no-fields").hidden = fields.length > 0;
  choose(chosen);
}

function card(field) {
  const article = $("card").content.cloneNode(true).firstElementChild;
  article.field = field;
  const naming = () => {
    show(article.querySelector("h3"), field.name);
    show(article.querySelector(".remove"), `Remove ${field.name}`);
  };
  naming();
  for (const input of article.querySelectorAll("input, select")) {
    const key = input.name, box = input.type === "checkbox";
    if (box) input.checked = field[key]; else input.value = field[key] ?? "";
    input.addEventListener("input", () => {
      if (box) field[key] = input.checked;
      else if (input.type === "number") field[key] = input.value === "" ? null : Number(input.value);
      else field[key] = key === "rotation" ? Number(input.value) : input.value;
      if (key === "upright" && field.upright && field.corners && !isUpright(field.corners)) {
        const xs = field.corners.map((p) => p[0]), ys = field.corners.map((p) => p[1]);
        const left = Math.min(...xs), top = Math.min(...ys);
        field.corners = rectangle(left, top, Math.max(...xs) - left, Math.max(...ys) - top);
        field.moved = true;
      }
      naming();
      changed();
    });
  }
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
  show($("whose"), look.camera === "daemon" ? "what the daemon sees" : "no daemon runs here: this page has the camera");
  meters(look.meters);
  for (const told of look.fields) {
    const field = fields.find((f) => f.name === told.name);
    if (!field) continue;
    if (!field.corners) {
      field.corners = told.region;
      field.upright = isUpright(told.region);
      const box = [...$("cards").children].find((c) => c.field === field)?.querySelector("[name=upright]");
      if (box) box.checked = field.upright;
    }
    renderField(field, told);
  }
  boxes.show(fields, chosen);
  renderFound(look.numbers);
}

/** The middle one of the last few: single pictures tremble. */
function steady(focus) {
  recent = focus === null ? [] : [...recent, focus].slice(-TREMBLES);
  return recent.length ? [...recent].sort((a, b) => a - b)[recent.length >> 1] : null;
}

function meters(m) {
  const focus = steady(m.focus);
  if (recent.length === TREMBLES) best = Math.max(best, focus);
  const isBest = focus !== null && focus >= best - NEAR;
  show($("focus"), focus === null ? "–" : String(focus));
  $("focus").classList.toggle("best", isBest);
  $("focus-bar").style.width = `${focus ?? 0}%`;
  $("focus-best").style.left = `min(${best}%, 100% - 4px)`;
  show($("focus-hint"), focus === null ? "Hold something written into view."
    : isBest ? "The best so far, of 100." : `The best was ${best}: turn the lens back.`);
  const hints = { dim: "dim: more light would help", good: "good", "too dark": "too dark to read", "too bright": "too bright: everything is white" };
  meter("light", `${m.light} of 100, ${hints[m.verdict]}`, m.verdict === "good");
  meter("glare", m.glare ? `${m.glare} % of the picture: move the lamp, or tilt the camera` : "none", m.glare === 0);
  const askew = m.tilt === null ? 0 : Math.abs(m.tilt);
  meter("tilt", m.tilt === null ? "nothing straight to measure it by"
    : `${askew.toFixed(0)}° ${m.tilt > 0 ? "clockwise" : m.tilt < 0 ? "anticlockwise" : ""}`, m.tilt === null ? null : askew < 8);
  if ($("speak").checked && Date.now() - spoke > SPEAK) {
    spoke = Date.now();
    show($("spoken"), `Focus ${focus ?? "unknown"}, best ${best}. Light ${$("light").textContent}. Glare ${$("glare").textContent}. Tilt ${$("tilt").textContent}.`);
  }
}

function meter(id, text, good) {
  show($(id), text);
  $(id).className = good === null ? "" : good ? "good" : "bad";
}

function renderField(field, told) {
  const article = [...$("cards").children].find((c) => c.field === field);
  if (!article) return;
  const said = told.published, line = article.querySelector(".published");
  const value = said?.text == null ? null : `${said.text}${said.unit ? ` ${said.unit}` : ""}`;
  const state = !said ? "waiting" : said.status === "ok" ? "" : "withheld";
  line.className = `published ${state}`;
  show(line, !said ? "Nothing yet" : state ? `Withheld: ${said.status.replaceAll("_", " ")}${value ? `; it stays ${value}` : ""}` : value);
  show(article.querySelector(".why"), told.why[0].toUpperCase() + told.why.slice(1).replaceAll("`", "") + ".");
  const now = told.now;
  show(article.querySelector(".now"), !now ? "" : now.candidates.length
    ? `Seen now: ${now.candidates.map(([text, sure]) => `${text} ${percent(sure)}`).join(", ")}${now.status === "ok" ? "" : ` (${now.status.replaceAll("_", " ")})`}`
    : `Seen now: ${now.status.replaceAll("_", " ")}`);
  article.querySelector(".message").hidden = !told.message;
  if (told.message) show(article.querySelector("pre"), told.message);
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
    const span = Object.assign(document.createElement("span"), { textContent: field.name, className: "field" });
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
    const { box: [x, y, w, h], candidates } = latest.numbers[i];
    const [width, height] = latest.size, pad = 0.5 * h * height;
    addField(rectangle(x - pad / width, y - pad / height, w + 2 * pad / width, h + 2 * pad / height), "#".repeat(candidates[0][0].length));
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
function forget() {
  best = 0;
  recent = [];
}
$("forget").addEventListener("click", forget);

$("save").addEventListener("click", async () => {
  try {
    const { daemon } = await ask("api/save", drafts());
    for (const field of fields) Object.assign(field, { was: field.name, moved: false });
    $("save").disabled = true;
    $("reload").hidden = !daemon;
    show($("saved"), `Saved to ${path}.${daemon ? " The daemon reads it when it is reloaded." : ""}`);
    tell([]);
  } catch (error) {
    show($("saved"), "");
    tell(error.message.split("\n"));
    $("save").disabled = false;
  }
});
$("reload").addEventListener("click", async () => {
  try {
    await ask("api/reload", {});
    $("reload").hidden = true;
    show($("saved"), "The daemon reads the file anew.");
  } catch (error) {
    show($("saved"), error.message);
  }
});

async function begin() {
  const told = await ask("api/fields");
  path = told.path;
  fields = told.fields.map((field) => ({ ...FRESH, ...field, corners: null, moved: false }));
  cards();
  for (;;) {
    const began = Date.now();
    try {
      render(await ask(`api/look?field=${encodeURIComponent(chosen?.name ?? "")}`));
      complain(null);
      await sleep(Math.max(20, PACE - (Date.now() - began)));
    } catch (error) {
      complain(error);
      await sleep(PAUSE);
    }
    while (document.hidden) await sleep(PAUSE);
  }
}

begin().catch(complain);
