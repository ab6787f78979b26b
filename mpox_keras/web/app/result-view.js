import { paintHeatMap, strongestPlace } from "./heat-map.js";
import { className, hasText, percent, text } from "./language.js";

const byId = (id) => document.getElementById(id);

/** The words of an answer, in the page's language; used on the page, in the saved image and by screen readers. */
export function describe({ prediction, metadata }) {
  const { label, abstention_reason, mpox_suspected: suspected } = prediction;
  const point = metadata.out_of_fold?.thresholds?.operating_point;
  const following = abstention_reason ? "next_not_sure" : `next_${label}`;
  return {
    answer: abstention_reason ? text("not_sure") : text(label === "normal" ? "answer_normal" : "answer", { name: className(label) }),
    reason: abstention_reason ? text(`abstention_${abstention_reason}`) : text("answer_reason"),
    // Where mpox is the answer, there is nothing to add.
    suspected:
      suspected && (abstention_reason || label !== "mpox")
        ? [text("suspected"), point && text("suspected_price", { recall: percent(point.recall), alarms: percent(1 - point.specificity_other_rashes) })]
            .filter(Boolean)
            .join(" ")
        : "",
    next: text(hasText(following) ? following : "next_other"),
  };
}

/** Shows one answer after another in the page's result section. */
export class ResultView {
  constructor() {
    byId("opacity").addEventListener("input", () => this.#paint());
    byId("heat-map-class").addEventListener("change", () => this.#paint());
  }

  /**
   * @param {object} result `prediction`, `map` (the class activation map), `picture` (an ImageBitmap of the area) and
   *   `metadata` (of the bundle).
   */
  show(result) {
    this.result?.picture !== result.picture && this.result?.picture.close();
    this.result = result;
    const words = describe(result);
    byId("answer").textContent = words.answer;
    byId("reason").textContent = words.reason;
    byId("suspected").textContent = words.suspected;
    byId("suspected").hidden = !words.suspected;
    byId("next").textContent = words.next;
    // Of a picture unlike all it learned from, what the network computed means little.
    byId("findings").open = result.prediction.abstention_reason !== "out_of_distribution";
    byId("bars").replaceChildren(...bars(result.prediction.probabilities));
    const classes = result.metadata.classes;
    byId("heat-map-class").replaceChildren(...classes.map((name) => new Option(className(name), name)));
    byId("heat-map-class").value = result.prediction.label;
    byId("result").hidden = false;
    this.#paint();
  }

  hide() {
    byId("result").hidden = true;
  }

  #paint() {
    const { metadata, picture, map } = this.result;
    const name = byId("heat-map-class").value;
    const index = metadata.classes.indexOf(name);
    paintHeatMap(byId("heat-map"), picture, map, metadata.classes.length, index, byId("opacity").value / 100);
    const place = strongestPlace(map, metadata.classes.length, index);
    const words = place === null ? text("heat_map_nothing", { name: className(name) }) : text("heat_map_text", { name: className(name), place: text(`place_${place}`) });
    byId("heat-map-text").textContent = words;
    byId("heat-map").setAttribute("aria-label", words);
  }
}

function bars(probabilities) {
  return Object.entries(probabilities).flatMap(([name, value]) => {
    const term = document.createElement("dt");
    term.textContent = className(name);
    const detail = document.createElement("dd");
    const bar = document.createElement("span");
    bar.className = "bar";
    bar.style.setProperty("--share", value);
    detail.append(bar, percent(value));
    return [term, detail];
  });
}
