import { paintMap } from "./heat-map.js";
import { text } from "./language.js";
import { describe } from "./result-view.js";

// So many frames in a row must give one answer before it is shown.
const AGREEING = 5;
// Mean difference from the frame before, of 255 levels: photos of skin that move by a fiftieth of the side differ by 10 in the
// median, by a twenty-fifth by 14.
const MOVING = 12;

const byId = (id) => document.getElementById(id);

/** What the camera's viewfinder says of its frames: the answer on which several in a row agree, or how to hold the camera. */
export class LiveView {
  /** Another time with the camera: what was seen before does not count. */
  start() {
    this.#show(text("live_start"), "");
    byId("live-map").hidden = true;
    this.answer = null;
    this.times = 0;
  }

  /** @param {object} result of a frame, as of a photo; `motion` is its mean difference from the frame before. */
  show({ prediction, metadata, map, quality, motion }) {
    const [reason] = quality.reasons;
    const hint = reason ? text(reason) : motion > MOVING ? text("live_hold_still") : "";
    const words = describe({ prediction, metadata });
    const answer = hint ? null : words.answer;
    this.times = answer === this.answer ? this.times + 1 : 1;
    this.answer = answer;
    const isAgreed = answer && this.times >= AGREEING;
    const alarm = isAgreed && prediction.mpox_suspected ? text("suspected") : "";
    this.#show(isAgreed ? answer : text("live_start"), hint || alarm);
    // For a picture unlike the training photos, the map means little.
    byId("live-map").hidden = !isAgreed || prediction.abstention_reason === "out_of_distribution";
    const { classes } = metadata;
    if (isAgreed) paintMap(byId("live-map"), map, classes.length, classes.indexOf(prediction.label));
  }

  // Only what changes is written, or a screen reader would speak without end.
  #show(answer, hint) {
    for (const [id, words] of [
      ["live-answer", answer],
      ["live-hint", hint],
    ]) {
      if (byId(id).textContent !== words) byId(id).textContent = words;
    }
  }
}
