// The setup: one form for each step. A step is submitted, its findings are shown, then the next one opens.

import { $, ask, percent, play, show, showError, showLeft, sleep } from "./common.js";
import { freeName, labelled, valueOf } from "./form.js";
import { Meters } from "./meters.js";

const POLL = 700; // milliseconds from one question for readings to the next
const TITLES = {
  camera: "Camera", aim: "Aim", numbers: "Numbers", broker: "Broker", "home assistant": "Home Assistant", start: "Start",
  reading: "First reading",
};
const FORM_KEYS = ["name", "unit", "format"]; // of a field: all others are on the page Aim

let state = {}; // answer of api/setup
let step = ""; // the open step
let form = {}; // key of a field -> JSON Schema of its value
let chosen = []; // the fields: {text, region, keys, was}
let numbers = []; // those in the picture
let cameras = [];
const meters = new Meters();

const idOf = (name) => name.replace(" ", "-");
const names = () => state.steps.map(({ name }) => name);

async function open(name) {
  step = name;
  location.hash = idOf(name);
  for (const other of names()) $(idOf(other)).hidden = other !== name;
  show($("title"), TITLES[name]);
  showError(null);
  showFindings([]);
  $("stage").hidden = !["camera", "aim", "numbers"].includes(name);
  $("back").hidden = name === names()[0];
  showSteps();
  show($("submit"), STEPS[name].button);
  $("submit").setAttribute("form", idOf(name));
  await STEPS[name].open();
  $("title").focus();
}

function showSteps() {
  $("steps").replaceChildren(...state.steps.map(({ name, is_done }) => {
    const item = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: TITLES[name] });
    button.className = is_done ? "done" : "";
    button.ariaLabel = `${TITLES[name]}${is_done ? ", done" : ""}`;
    if (name === step) button.setAttribute("aria-current", "step");
    button.addEventListener("click", () => go(name));
    item.append(button);
    return item;
  }));
}

const go = (name) => open(name).catch(showError);
const after = (name) => names()[names().indexOf(name) + 1];

function showFindings(findings) {
  $("findings").replaceChildren(...findings.map(({ level, what, remedy }) => {
    const item = Object.assign(document.createElement("li"), { className: level });
    const text = document.createElement("span");
    text.append(remedy ? `${what}. ` : what);
    if (remedy) text.append(Object.assign(document.createElement("span"), { className: "quiet", textContent: remedy }));
    item.append(text);
    return item;
  }));
  const well = findings.length > 0 && findings.every(({ level }) => level !== "FAIL");
  $("on").hidden = !well || !after(step);
  $("submit").hidden = !STEPS[step].button;
  $("submit").classList.toggle("chief", $("on").hidden);
}

/** Submits the open step: its findings are shown. */
async function submit() {
  const submitted = step;
  const body = STEPS[submitted].body();
  show($("busy"), "This takes a few seconds …");
  $("submit").disabled = true;
  try {
    const answer = await ask(`api/setup/${idOf(submitted)}`, body);
    showError(null);
    Object.assign(state, answer.state);
    if (step !== submitted) return;
    showSteps();
    showFindings(answer.findings);
    if (!$("on").hidden) $("on").focus(); else $("findings").focus();
  } catch (error) {
    showError(error);
  } finally {
    show($("busy"), "");
    $("submit").disabled = false;
  }
}

const radio = (group, value, text, checked) => {
  const label = document.createElement("label");
  label.append(Object.assign(document.createElement("input"), { type: "radio", name: group, value, checked }), text);
  return label;
};
const picked = (group) => document.querySelector(`input[name="${group}"]:checked`)?.value;

// Camera

async function openCamera() {
  cameras = (await ask("api/setup/cameras")).cameras;
  const at = Math.max(0, cameras.findIndex(({ is_chosen }) => is_chosen));
  $("cameras").replaceChildren(...cameras.map(({ name }, i) => radio("camera", String(i), name, i === at)));
  showTurn();
  await ask("api/setup/camera", { keys: cameras[at].keys });
}

function showTurn() {
  $("turn").hidden = !state.camera.can_turn;
  $("mirror").ariaPressed = String(state.camera.mirror);
}

const cameraBody = () => ({ keys: cameras[Number(picked("camera"))].keys });

async function change(more) {
  try {
    const answer = await ask("api/setup/camera", { ...cameraBody(), ...more });
    Object.assign(state, answer.state);
    showTurn();
    showFindings(answer.findings.filter(({ level }) => level === "FAIL"));
  } catch (error) {
    showError(error);
  }
}

$("cameras").addEventListener("change", () => change({}));
$("turn").addEventListener("click", () => change({ rotation: (state.camera.rotation + 90) % 360 }));
$("mirror").addEventListener("click", () => change({ mirror: !state.camera.mirror }));

// Numbers

async function openNumbers() {
  const answer = await ask("api/fields");
  form = answer.form.properties;
  chosen = answer.fields.map(({ was, keys }) => ({ text: was, was, keys, region: null }));
  showFields();
}

function showFields() {
  $("fields").replaceChildren(...chosen.map((field) => {
    const card = $("field").content.cloneNode(true).firstElementChild;
    const legend = card.querySelector("legend");
    show(legend, field.text);
    card.querySelector(".settings").append(...FORM_KEYS.map((key) => {
      const label = labelled(key, form[key]), input = label.querySelector("input");
      input.value = field.keys[key] ?? "";
      input.required = key === "name";
      input.addEventListener("input", () => { field.keys[key] = valueOf(input, form[key]); });
      return label;
    }));
    const remove = Object.assign(document.createElement("button"), { type: "button", className: "small", textContent: `Remove ${field.text}` });
    remove.addEventListener("click", () => {
      chosen = chosen.filter((other) => other !== field);
      showFields();
      $("title").focus();
    });
    card.append(remove);
    return card;
  }));
}

const inside = ([x, y, w, h], region) => region
  && x + w / 2 > region[0][0] && x + w / 2 < region[2][0] && y + h / 2 > region[0][1] && y + h / 2 < region[2][1];
const fieldOf = (number) => chosen.find((field) => inside(number.box, field.region));

function toggle(i) {
  const number = numbers[i], there = fieldOf(number);
  if (there) {
    chosen = chosen.filter((field) => field !== there);
  } else {
    const { region, format } = number.field;
    const keys = { name: freeName("number", chosen), unit: "", format };
    chosen.push({ text: number.candidates[0][0], was: null, region, keys });
  }
  showFields();
  showNumbers();
  if (!there) $("fields").lastElementChild.querySelector("input").select();
}

function showNumbers() {
  while ($("found").children.length > numbers.length) $("found").lastElementChild.remove();
  while ($("found").children.length < numbers.length) {
    const button = Object.assign(document.createElement("button"), { type: "button" });
    const i = $("found").children.length;
    button.append(document.createElement("span"));
    button.addEventListener("click", () => toggle(i));
    $("found").append(button);
  }
  numbers.forEach((number, i) => {
    const button = $("found").children[i], [x, y, w, h] = number.box, [text, sure] = number.candidates[0];
    Object.assign(button.style, { left: `${100 * x}%`, top: `${100 * y}%`, width: `${100 * w}%`, height: `${100 * h}%` });
    button.className = y < 0.08 ? "low" : "";
    button.ariaLabel = `${text}, ${percent(sure)} sure`;
    button.ariaPressed = String(Boolean(fieldOf(number)));
    show(button.firstElementChild, text);
  });
  $("no-number").hidden = numbers.length > 0;
}

const numbersBody = () => ({ fields: chosen.map(({ was, keys, region }) => ({ was, keys, region })) });

// Broker, Home Assistant, start

async function openBroker() {
  const { brokers, note } = await ask("api/setup/brokers");
  show($("search-note"), note);
  $("brokers").replaceChildren(...brokers.map(({ url, name }) => radio("broker", url, name, url === state.url)));
  $("url").value = state.url;
  $("username").value = state.username;
  $("password").value = "";
  show($("password-hint"), state.has_password ? "A password is stored. Leave it empty to keep it."
    : "Leave both empty if the broker needs no login.");
}

$("brokers").addEventListener("change", () => { $("url").value = picked("broker"); });
$("url").addEventListener("input", () => {
  for (const input of $("brokers").querySelectorAll("input")) input.checked = input.value === $("url").value;
});

const brokerBody = () => ({
  url: $("url").value.trim(), username: $("username").value.trim(), password: $("password").value || null,
});

async function openHomeAssistant() {
  $("device").value = state.device;
  $("is-used").checked = state.home_assistant;
}

const homeAssistantBody = () => ({ device: $("device").value.trim(), is_used: $("is-used").checked });

async function openStart() {
  show($("target"), state.target);
}

// First reading

async function openReading() {
  while (step === "reading") {
    try {
      const { readings, failure, is_complete } = await ask("api/setup/readings");
      showReadings(readings);
      showError(failure ? new Error(failure) : null);
      if (is_complete) {
        show($("reading-lead"), "It works: the broker has accepted the first reading.");
        $("next").hidden = false;
      }
      if (failure) return;
    } catch (error) {
      showError(error);
    }
    await sleep(POLL);
  }
}

function showReadings(readings) {
  while ($("readings").children.length < readings.length) {
    const item = Object.assign(document.createElement("p"), { className: "value" });
    item.append(document.createElement("span"), document.createElement("b"));
    $("readings").append(item);
  }
  readings.forEach(({ field, text, unit, status, why }, i) => {
    const item = $("readings").children[i];
    item.className = status === "ok" ? "value" : "value withheld";
    show(item.firstElementChild, field);
    show(item.lastElementChild, status === "ok" ? `${text} ${unit}`.trim() : `withheld: ${why}`);
  });
}

const STEPS = {
  camera: { open: openCamera, body: cameraBody, button: "Use this camera" },
  aim: { open: async () => meters.forget(), body: () => ({}), button: "It looks good" },
  numbers: { open: openNumbers, body: numbersBody, button: "Read these" },
  broker: { open: openBroker, body: brokerBody, button: "Try it" },
  "home assistant": { open: openHomeAssistant, body: homeAssistantBody, button: "Use this name" },
  start: { open: openStart, body: () => ({}), button: "Write and start" },
  reading: { open: async () => { openReading(); }, body: () => ({}), button: "" },
};

async function showNext() {
  if ($("stage").hidden) return;
  const look = await ask("api/look");
  $("picture").src = look.picture;
  showLeft(look.ends_in);
  if (step === "aim") meters.show(look);
  numbers = step === "numbers" ? look.numbers : [];
  showNumbers();
  showError(null);
}

async function begin() {
  state = await ask("api/setup");
  $("on").addEventListener("click", () => go(after(step)));
  $("back").addEventListener("click", () => go(names()[names().indexOf(step) - 1]));
  for (const name of names()) $(idOf(name)).addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  const wanted = names().find((name) => `#${idOf(name)}` === location.hash);
  await open(wanted ?? state.next);
  play(showNext);
}

begin().catch(showError);
