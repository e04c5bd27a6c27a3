// Teach: one hard sample after the other, each labelled with one key.

import { $, ask, showError, percent, show, showLeft } from "./common.js";

const WHY = {
  unsure: "It was read with low confidence.",
  contradicted: "One frame was read differently from the others.",
  rejected: "It broke a rule of its field.",
  corrected: "A person corrected it.",
};
const KEYS = ["a", "b", "c"];

let waiting = [], skipped = new Set(), done = [], labelled = 0, left = 0, busy = false;

async function fetchMore() {
  const answer = await ask("api/samples");
  labelled = answer.labelled;
  left = answer.left;
  showLeft(answer.ends_in);
  waiting = answer.samples.filter((sample) => !skipped.has(sample.name));
  if (!waiting.length && skipped.size) {
    waiting = answer.samples;
    skipped.clear();
  }
  display(answer.note);
}

function display(note) {
  const sample = waiting[0];
  $("form").hidden = !sample;
  $("done").hidden = Boolean(sample);
  $("back").disabled = !done.length;
  show($("progress"), `${labelled} labelled, ${left} left`);
  if (!sample) return show($("done"), note ?? "All are labelled. Take them out with: edge-daemon samples export DIR");
  $("sample").src = sample.picture;
  show($("why"), `${sample.field}, ${new Date(1000 * sample.at).toLocaleString()}. ${WHY[sample.why] ?? ""}`);
  $("choices").replaceChildren(...sample.candidates.slice(0, 3).map(([text, share], i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(text, Object.assign(document.createElement("small"), { textContent: `${percent(share)} · ${KEYS[i]}` }));
    button.addEventListener("click", () => label(text));
    return button;
  }));
  $("typed").value = "";
  if (matchMedia("(pointer: fine)").matches) $("typed").focus(); // on a phone the keyboard would cover the picture
}

async function label(text) {
  const sample = waiting[0];
  if (!sample || busy) return;
  busy = true;
  try {
    await ask("api/label", { name: sample.name, label: text });
    showError(null);
    done.push(waiting.shift());
    labelled++;
    left--;
    if (waiting.length) display(); else await fetchMore();
  } catch (error) {
    showError(error);
  } finally {
    busy = false;
  }
}

function skip() {
  skipped.add(waiting.shift().name);
  if (waiting.length) display(); else fetchMore().catch(showError);
}

async function back() {
  const sample = done.pop();
  if (!sample) return;
  try {
    await ask("api/label", { name: sample.name, label: null });
    waiting.unshift(sample);
    labelled--;
    left++;
    display();
  } catch (error) {
    showError(error);
  }
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = $("typed").value.replace(/[^0-9]/g, "");
  const first = waiting[0]?.candidates[0]?.[0];
  if (typed || first) label(typed || first);
});
$("form").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const choice = KEYS.indexOf(event.key);
  if (choice >= 0 && waiting[0].candidates[choice]) label(waiting[0].candidates[choice][0]);
  else if (event.key === "n") label("");
  else if (event.key === "s") skip();
  else if (event.key === "z") back();
  else if (event.key.length > 1 || /[0-9]/.test(event.key) || event.key === " ") return;
  event.preventDefault();
});
$("none").addEventListener("click", () => label(""));
$("skip").addEventListener("click", skip);
$("back").addEventListener("click", back);

fetchMore().catch(showError);
