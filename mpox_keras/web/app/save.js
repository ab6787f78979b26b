import { className, dateAndTime, percent, text } from "./language.js";
import { describe } from "./result-view.js";

const WIDTH = 1080;
const MARGIN = 56;
const PICTURE = 760;
const INK = "#11272a";
const QUIET = "#4b6063";
const ACCENT = "#0d5c63";
const PAPER = "#ffffff";
const TRACK = "#dde6e6";
const FONT = "system-ui, sans-serif";

/** What of a result is worth keeping, under the names of `mpox-keras predict --json`. */
export function asData({ prediction, map, area, quality, photo, engine, metadata }, sha256, date) {
  const { name, format, precision, made_by, thresholds, recall } = metadata;
  return {
    notice: "Screening aid for research, not a diagnosis.",
    made: date.toISOString(),
    photo,
    area,
    warnings: quality.reasons,
    ...prediction,
    answer: prediction.abstention_reason ? "not sure" : prediction.label,
    // Those in force: the one for mpox goes with the recall that was chosen.
    thresholds,
    recall: recall ? Number(recall) : null,
    class_activation_map: [...map],
    engine,
    // The hash of SHA256SUMS, which stands for the network, all of its thresholds and its card.
    model: { name, format, precision, sha256, made_by },
  };
}

/** A result as one picture: the area with its heat map, the answer, the bars where the page shows them, and what it is not. */
export function asImage(result, heatMap, date) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  canvas.width = WIDTH;
  // Painted twice: the first time tells how high it gets.
  canvas.height = paint(context, result, heatMap, date);
  paint(context, result, heatMap, date);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Hand a file to the person's downloads. */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function paint(context, result, heatMap, date) {
  const words = describe(result);
  const rightToLeft = document.documentElement.dir === "rtl";
  context.direction = rightToLeft ? "rtl" : "ltr";
  context.textBaseline = "top";
  context.fillStyle = PAPER;
  context.fillRect(0, 0, WIDTH, context.canvas.height);
  let y = MARGIN;
  const write = (line, size, colour, weight = 400) => {
    y += paragraph(context, line, y, { font: `${weight} ${size}px ${FONT}`, size, colour, rightToLeft });
  };
  write(text("title"), 30, ACCENT, 600);
  write(`${dateAndTime(date)} · ${result.metadata.name}`, 24, QUIET);
  y += 20;
  const scale = Math.min(PICTURE / heatMap.width, PICTURE / heatMap.height);
  const width = heatMap.width * scale;
  const height = heatMap.height * scale;
  context.drawImage(heatMap, (WIDTH - width) / 2, y, width, height);
  y += height + 32;
  write(words.answer, 52, INK, 700);
  write(words.reason, 28, INK);
  if (words.suspected) write(words.suspected, 28, INK);
  if (words.level) write(words.level, 24, QUIET);
  y += 16;
  const shown = result.prediction.abstention_reason === "out_of_distribution" ? {} : result.prediction.probabilities;
  for (const [name, value] of Object.entries(shown)) {
    write(`${className(name)}  ${percent(value)}`, 28, INK);
    context.fillStyle = TRACK;
    context.fillRect(MARGIN, y, WIDTH - 2 * MARGIN, 16);
    context.fillStyle = ACCENT;
    const length = (WIDTH - 2 * MARGIN) * value;
    context.fillRect(rightToLeft ? WIDTH - MARGIN - length : MARGIN, y, length, 16);
    y += 36;
  }
  write(words.next, 28, INK);
  y += 12;
  write(text("result_notice"), 28, INK, 700);
  return y + MARGIN;
}

function paragraph(context, words, y, { font, size, colour, rightToLeft }) {
  context.font = font;
  context.fillStyle = colour;
  const lines = [""];
  for (const word of words.split(" ")) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (context.measureText(longer).width > WIDTH - 2 * MARGIN) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  const x = rightToLeft ? WIDTH - MARGIN : MARGIN;
  for (const [index, line] of lines.entries()) context.fillText(line, x, y + index * size * 1.4);
  return lines.length * size * 1.4 + 8;
}
