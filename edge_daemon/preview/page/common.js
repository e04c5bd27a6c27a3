// What the pages use: requests to the server, the pace of live pictures, and the time that is left.

const PACE = 220; // milliseconds from one live picture to the next
const PAUSE = 1500; // after an error, and while the page is hidden
const ENDED = "The preview has ended, or cannot be reached. Start it again: edge-daemon preview";

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
  const content = await answer.json();
  $("ended").hidden = true;
  if (content.error) throw new Error(content.error);
  return content;
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Calls `next`, which shows the next live picture, again and again; its errors are shown. */
export async function play(next) {
  for (;;) {
    const began = Date.now();
    try {
      await next();
      await sleep(Math.max(20, PACE - (Date.now() - began)));
    } catch (error) {
      showError(error);
      await sleep(PAUSE);
    }
    while (document.hidden) await sleep(PAUSE);
  }
}

export function showLeft(seconds) {
  const minutes = Math.floor(seconds / 60);
  show($("left"), `ends in ${minutes}:${String(seconds % 60).padStart(2, "0")}`);
}

/** Sets the text only if it changes, so that screen readers and selections are not disturbed. */
export function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function showError(error) {
  show($("trouble"), error ? error.message : "");
  $("trouble").hidden = !error;
}

/** "98 %", "<1 %", ">99 %": no candidate is certain, and none that is listed is impossible. */
export function percent(share) {
  const whole = Math.round(100 * share);
  return `${whole < 1 ? "<1" : whole > 99 ? ">99" : whole}\u202f%`;
}
