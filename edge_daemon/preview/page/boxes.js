// Fields on the picture: drawn with a pointer, moved by their handles, with a pointer or with the arrow keys.
// A field's corners are fractions of the picture, clockwise from the top left.

import { $ } from "./common.js";

const NAMES = ["top left corner", "top right corner", "bottom right corner", "bottom left corner"];
const STEP = 0.005, LEAP = 0.05, LEAST = 0.015;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SVG = "http://www.w3.org/2000/svg";

const clip = (x) => Math.min(1, Math.max(0, x));
export const rectangle = (x, y, w, h) => [[x, y], [x + w, y], [x + w, y + h], [x, y + h]].map((p) => p.map(clip));

/** Whether the corners are those of an upright rectangle. */
export function isUpright(c) {
  const near = (a, b) => Math.abs(a - b) < 0.0006;
  return near(c[0][0], c[3][0]) && near(c[1][0], c[2][0]) && near(c[0][1], c[1][1]) && near(c[2][1], c[3][1]);
}

/** The corners with corner `i` (4: all of them) moved by (dx, dy). */
export function moved(corners, i, dx, dy, upright) {
  const c = corners.map((p) => [...p]);
  if (i === 4) {
    dx = Math.max(-Math.min(...c.map((p) => p[0])), Math.min(1 - Math.max(...c.map((p) => p[0])), dx));
    dy = Math.max(-Math.min(...c.map((p) => p[1])), Math.min(1 - Math.max(...c.map((p) => p[1])), dy));
    return c.map(([x, y]) => [x + dx, y + dy]);
  }
  c[i] = [clip(c[i][0] + dx), clip(c[i][1] + dy)];
  if (upright) {
    const beside = i ^ 1, above = 3 - i; // the corner on the same height, the one above or below
    const left = i === 0 || i === 3, top = i < 2;
    c[i][0] = left ? Math.min(c[i][0], c[beside][0] - LEAST) : Math.max(c[i][0], c[beside][0] + LEAST);
    c[i][1] = top ? Math.min(c[i][1], c[above][1] - LEAST) : Math.max(c[i][1], c[above][1] + LEAST);
    c[beside][1] = c[i][1];
    c[above][0] = c[i][0];
  }
  return c;
}

/** Where a pointer is, as fractions of the picture. */
function at(event) {
  const box = $("stage").getBoundingClientRect();
  return [clip((event.clientX - box.left) / box.width), clip((event.clientY - box.top) / box.height)];
}

/** The next drag on the picture draws a rectangle; calls `done` with its corners, or null if it was cancelled. */
export function draw(done) {
  const stage = $("stage");
  const preview = document.createElementNS(SVG, "polygon");
  let from = null;
  const corners = (event) => {
    const [x, y] = at(event);
    return rectangle(Math.min(x, from[0]), Math.min(y, from[1]), Math.abs(x - from[0]), Math.abs(y - from[1]));
  };
  const down = (event) => {
    from = at(event);
    stage.setPointerCapture(event.pointerId);
    $("drawing").append(preview);
    event.preventDefault();
  };
  const move = (event) => from && preview.setAttribute("points", corners(event).join(" "));
  const up = (event) => {
    const drawn = from && corners(event);
    end(drawn && drawn[2][0] - drawn[0][0] > LEAST && drawn[2][1] - drawn[0][1] > LEAST ? drawn : null);
  };
  const escape = (event) => event.key === "Escape" && end(null);
  const listeners = { pointerdown: down, pointermove: move, pointerup: up, pointercancel: () => end(null) };
  function end(drawn) {
    for (const [name, listener] of Object.entries(listeners)) stage.removeEventListener(name, listener);
    document.removeEventListener("keydown", escape);
    stage.classList.remove("drawing");
    preview.remove();
    done(drawn);
  }
  for (const [name, listener] of Object.entries(listeners)) stage.addEventListener(name, listener);
  document.addEventListener("keydown", escape);
  stage.classList.add("drawing");
  return () => end(null);
}

/** Shows the fields, and the handles of the chosen one; calls `changed(field)` when one has been moved. */
export class Boxes {
  constructor(changed) {
    this.changed = changed;
    this.handles = [];
    this.of = null;
  }

  show(fields, chosen) {
    const polygons = fields.filter((f) => f.corners).map((field) => {
      const polygon = document.createElementNS(SVG, "polygon");
      polygon.setAttribute("points", field.corners.join(" "));
      if (field === chosen) polygon.classList.add("chosen");
      return polygon;
    });
    $("drawing").querySelectorAll("polygon").forEach((old) => old.remove());
    $("drawing").append(...polygons);
    if (!chosen?.corners) {
      $("handles").replaceChildren();
      this.of = null;
      return;
    }
    if (this.of !== chosen) {
      this.of = chosen;
      this.handles = [...NAMES, "position"].map((_, i) => this.handle(i));
      $("handles").replaceChildren(...this.handles);
    }
    const middle = [0, 1].map((axis) => chosen.corners.reduce((sum, p) => sum + p[axis], 0) / 4);
    [...chosen.corners, middle].forEach(([x, y], i) => {
      this.handles[i].style.left = `${100 * x}%`;
      this.handles[i].style.top = `${100 * y}%`;
      const label = `${chosen.keys.name}: ${[...NAMES, "position"][i]}, arrow keys move it`;
      if (this.handles[i].ariaLabel !== label) this.handles[i].ariaLabel = label;
    });
  }

  handle(i) {
    const button = document.createElement("button");
    button.type = "button";
    if (i === 4) button.className = "middle";
    button.addEventListener("keydown", (event) => {
      const arrow = ARROWS[event.key];
      if (!arrow) return;
      const step = event.shiftKey ? LEAP : STEP;
      this.move(i, arrow[0] * step, arrow[1] * step);
      event.preventDefault();
    });
    button.addEventListener("pointerdown", (event) => {
      if ($("stage").classList.contains("drawing")) return;
      let last = at(event);
      button.setPointerCapture(event.pointerId);
      const move = (e) => {
        const now = at(e);
        this.move(i, now[0] - last[0], now[1] - last[1]);
        last = now;
      };
      button.addEventListener("pointermove", move);
      button.addEventListener("lostpointercapture", () => button.removeEventListener("pointermove", move), { once: true });
      event.stopPropagation();
    });
    return button;
  }

  move(i, dx, dy) {
    this.of.corners = moved(this.of.corners, i, dx, dy, this.of.upright);
    this.of.moved = true;
    this.changed(this.of);
  }
}
