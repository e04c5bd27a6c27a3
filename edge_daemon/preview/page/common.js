// What both pages need: asking the server, and the time that is left.

const ENDED = "The preview has ended, or cannot be reached. Start it anew: edge-daemon preview";

export const $ = (id) => document.getElementById(id);

/** The answer of the server. Throws an Error whose message is for the person. */
export async function ask(path, body) {
  const how = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(path, how);
  } catch {
    $("ended").textContent = ENDED;
    $("ended").hidden = false;
    throw new Error(ENDED);
  }
  if (answer.status === 403) throw new Error(await answer.text());
  const said = await answer.json();
  $("ended").hidden = true;
  if (said.error) throw new Error(said.error);
  return said;
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export function showLeft(seconds) {
  const minutes = Math.floor(seconds / 60);
  show($("left"), `ends in ${minutes}:${String(seconds % 60).padStart(2, "0")}`);
}

/** Only where it changes: screen readers and selections are left alone. */
export function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function complain(error) {
  show($("trouble"), error ? error.message : "");
  $("trouble").hidden = !error;
}

/** "98 %", "<1 %": nothing is quite sure, and nothing that is listed is ruled out. */
export function percent(share) {
  const whole = Math.round(100 * share);
  return `${whole < 1 ? "<1" : whole > 99 ? ">99" : whole}\u202f%`;
}
