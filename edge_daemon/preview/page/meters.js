// The measurements of the camera: focus with its best value so far, light, glare and tilt. Elements are found by their ids.

import { $, show } from "./common.js";

const MEDIAN_OF = 5; // pictures: the focus of single ones varies
const NEAR = 3; // a focus less than this below the best counts as the best

export class Meters {
  constructor() {
    this.forget();
  }

  /** The best focus so far no longer counts. */
  forget() {
    this.best = 0;
    this.recent = [];
  }

  /** Shows the measurements in an answer of api/look; returns the focus, null where there is none. */
  show({ meters, remarks }) {
    this.recent = meters.focus === null ? [] : [...this.recent, meters.focus].slice(-MEDIAN_OF);
    const focus = this.recent.length ? [...this.recent].sort((a, b) => a - b)[this.recent.length >> 1] : null;
    if (this.recent.length === MEDIAN_OF) this.best = Math.max(this.best, focus);
    const isBest = focus !== null && focus >= this.best - NEAR;
    show($("focus"), focus === null ? "–" : String(focus));
    $("focus").classList.toggle("best", isBest);
    $("focus-bar").style.width = `${focus ?? 0}%`;
    $("focus-best").style.left = `min(${this.best}%, 100% - 4px)`;
    show($("focus-hint"), focus === null ? remarks.focus.remedy
      : isBest ? "The best so far, of 100." : `The best was ${this.best}: turn the lens back.`);
    for (const id of ["light", "glare", "tilt"]) remark(id, remarks[id]);
    return focus;
  }
}

function remark(id, { text, remedy, is_measured }) {
  show($(id), remedy ? `${text}. ${remedy}` : text);
  $(id).className = !is_measured ? "" : remedy ? "bad" : "good";
}
