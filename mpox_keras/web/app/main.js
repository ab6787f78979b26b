import { loadBundle } from "./bundle.js";
import { useCamera } from "./camera.js";
import { Classifier } from "./classifier.js";
import { CropBox } from "./crop-box.js";
import { decide } from "./decision.js";
import { Failure } from "./failure.js";
import { LANGUAGES, number, preferredLanguage, text, useLanguage } from "./language.js";
import { LiveView } from "./live-view.js";
import { fillModelCard } from "./model-card.js";
import { keepOffline } from "./offline.js";
import { chooseRecall, inForce } from "./operating-point.js";
import { PhotoReader } from "./photo-reader.js";
import { Report } from "./report.js";
import { describe, ResultView } from "./result-view.js";
import { asData, asImage, download } from "./save.js";

const LANGUAGE_NAMES = { en: "English", fr: "Français", es: "Español", pt: "Português", sw: "Kiswahili", ar: "العربية" };
const LONGEST_PICTURE = 1024;
// Of a frame, until the network is there.
const LEAST_SIZE = 128;

const byId = (id) => document.getElementById(id);
const reader = new PhotoReader(LONGEST_PICTURE);
const view = new ResultView();
const live = new LiveView();
const report = new Report(decided, offerReport);
const cropBox = new CropBox(byId("frame"), () => {
  forgetWarnings();
  markOld();
});

let bundle;
let classifier;
let photo;
let result;
// For a frame of the camera.
let answering;
let noteAnswer;
const firstAnswer = new Promise((resolve) => {
  noteAnswer = resolve;
});
// The area whose warnings the person has read.
let warned = false;

async function start() {
  for (const name of LANGUAGES) byId("language").append(new Option(LANGUAGE_NAMES[name], name));
  byId("language").value = preferredLanguage();
  await useLanguage(byId("language").value);
  listen();
  try {
    if (!isSecureContext) throw new Failure("insecure");
    bundle = await loadBundle();
    byId("about-model").hidden = false;
    classifier = await Classifier.start(bundle);
  } catch (error) {
    return fail(error);
  }
  refresh();
  byId("check").disabled = false;
  const onReady = () => (byId("offline").textContent = text("offline_ready"));
  const kept = keepOffline({ onReady, onUpdate: offerUpdate }).catch(() => {});
  await classifier.improve();
  byId("engine").dataset.measured = JSON.stringify(classifier.measured);
  // No answer waits for what is loaded then, and it passes the service worker, which keeps it.
  await Promise.all([kept, firstAnswer]);
  await classifier.improveFurther();
  byId("engine").dataset.measured = JSON.stringify(classifier.measured);
}

function listen() {
  byId("language").addEventListener("change", () => guarded(changeLanguage));
  byId("choose").addEventListener("click", () => byId("file").click());
  byId("another").addEventListener("click", () => choosePhoto());
  byId("file").addEventListener("change", () => guarded(() => open(byId("file").files[0])));
  byId("camera").addEventListener("click", () => guarded(takePhoto));
  addEventListener("paste", (event) => guarded(() => open(event.clipboardData.files[0])));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    guarded(() => open(event.dataTransfer.files[0]));
  });
  byId("smaller").addEventListener("click", () => cropBox.scale(0.8));
  byId("larger").addEventListener("click", () => cropBox.scale(1.25));
  byId("whole").addEventListener("click", () => cropBox.wholePhoto());
  byId("check").addEventListener("click", () => guarded(check));
  byId("recall").addEventListener("change", changeRecall);
  byId("add-to-report").addEventListener("click", addToReport);
  byId("new-person").addEventListener("click", startAnew);
  byId("save-image").addEventListener("click", () => guarded(saveImage));
  byId("save-data").addEventListener("click", saveData);
  for (const id of ["print", "print-report"]) byId(id).addEventListener("click", () => print());
  for (const button of document.querySelectorAll(".show-card")) button.addEventListener("click", showCard);
}

async function changeLanguage() {
  const name = byId("language").value;
  await useLanguage(name);
  // The address keeps the choice, so nothing needs to be stored.
  history.replaceState(null, "", `?language=${name}`);
  refresh();
  if (result) show(result);
  report.show();
}

function changeRecall() {
  chooseRecall(byId("recall").value);
  show(result);
  report.show();
  const { suspected, level } = describe(result);
  say(`${suspected} ${level}`);
}

// What the page says beside its fixed words.
function refresh() {
  forgetWarnings();
  if (classifier && navigator.serviceWorker?.controller) byId("offline").textContent = text("offline_ready");
}

function choosePhoto() {
  byId("area").hidden = true;
  byId("drop").hidden = false;
  photo = null;
  forgetResult();
  byId("choose").focus();
}

function forgetResult() {
  result = null;
  view.hide();
  byId("engine").textContent = "";
}

function show(checked) {
  result = decided(checked);
  view.show(result);
  markOld();
  const { name, milliseconds } = result.engine;
  byId("engine").textContent = text("engine", { name, milliseconds: number(milliseconds, 1) });
  offerReport();
}

function offerReport() {
  byId("add-to-report").textContent = text(report.isFull ? "report_full" : "add_to_report", { photos: report.photos });
  byId("add-to-report").disabled = report.isFull;
}

// An answer is of the area that was checked, and the frame may have been moved since.
function markOld() {
  if (!result) return;
  const isOld = JSON.stringify(result.area) !== JSON.stringify(cropBox.area);
  if (isOld && byId("old").hidden) say(text("answer_old"));
  byId("old").hidden = !isOld;
}

function addToReport() {
  report.add(result);
  choosePhoto();
  say(text("report_added", { photos: report.photos }));
}

function startAnew() {
  report.clear();
  choosePhoto();
}

async function open(blob) {
  byId("file").value = "";
  if (!blob) return;
  forgetResult();
  const opened = await reader.open(blob);
  // Of the photo before, whose check may have ended meanwhile.
  forgetResult();
  photo = { name: blob.name ?? null, ...opened };
  const canvas = byId("preview");
  canvas.width = photo.preview.width;
  canvas.height = photo.preview.height;
  canvas.parentElement.style.setProperty("--ratio", canvas.width / canvas.height);
  canvas.getContext("2d").drawImage(photo.preview, 0, 0);
  photo.preview.close();
  byId("drop").hidden = true;
  byId("area").hidden = false;
  cropBox.reset(photo.width, photo.height);
  byId("frame").focus({ preventScroll: true });
  say(text("photo_opened"));
}

async function takePhoto() {
  live.start();
  answering = null;
  const isTaken = await useCamera(byId("camera-dialog"), look);
  await answering;
  const sharpest = await reader.takeSharpest();
  if (isTaken) await open(sharpest);
}

async function look(frame) {
  const { pixels, quality, motion } = await reader.look(frame, bundle?.metadata.image_size ?? LEAST_SIZE);
  if (!classifier) return;
  // The next frame is looked at while the network answers for this one.
  await answering;
  answering = classifier.predict(pixels).then((outputs) => {
    live.show(decided({ outputs, quality, motion }));
    noteAnswer();
  });
}

async function check() {
  const button = byId("check");
  button.disabled = true;
  try {
    const area = cropBox.area;
    const checked = photo;
    const { pixels, quality, picture } = await reader.cut(area, bundle.metadata.image_size);
    // An answer must never stand beside another photo than its own.
    if (photo !== checked) return picture.close();
    if (quality.reasons.length && !warned) {
      picture.close();
      return warn(quality.reasons, Math.min(area.width, area.height));
    }
    const outputs = await classifier.predict(pixels);
    if (photo !== checked) return picture.close();
    const { name, width, height } = photo;
    const engine = { name: classifier.engine.name, milliseconds: outputs.milliseconds };
    show({ outputs, picture, engine, area, quality, photo: { name, width, height } });
    byId("answer").focus();
    noteAnswer();
  } finally {
    button.disabled = false;
  }
}

// With the threshold for mpox that is in force now.
function decided(checked) {
  const { probabilities, ood_score: oodScore, class_activation_map: map } = checked.outputs;
  const metadata = inForce(bundle.metadata);
  return { ...checked, map, metadata, prediction: decide([...probabilities], oodScore?.[0] ?? null, metadata) };
}

function warn(reasons, side) {
  const items = reasons.map((reason) => {
    const item = document.createElement("li");
    item.textContent = text(reason, { side });
    return item;
  });
  byId("warnings").replaceChildren(...items);
  byId("warnings").hidden = false;
  byId("check").textContent = text("check_anyway");
  warned = true;
  say(items.map((item) => item.textContent).join(" "));
}

function forgetWarnings() {
  warned = false;
  byId("warnings").hidden = true;
  byId("check").textContent = text(classifier ? "check_area" : "preparing");
}

function saveData() {
  const date = new Date();
  const data = JSON.stringify(asData(result, bundle.sha256, date), null, 2);
  download(new Blob([data], { type: "application/json" }), fileName(date, "json"));
}

async function saveImage() {
  const date = new Date();
  download(await asImage(result, byId("heat-map"), date), fileName(date, "png"));
}

const fileName = (date, suffix) => `mpox-screening-${date.toISOString().slice(0, 19).replaceAll(":", "-")}.${suffix}`;

function showCard() {
  fillModelCard(byId("limitations"), byId("card"), bundle);
  byId("card-dialog").showModal();
}

function offerUpdate(apply) {
  byId("update").hidden = false;
  byId("apply-update").addEventListener("click", apply);
}

async function guarded(action) {
  byId("message").hidden = true;
  try {
    await action();
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  const message = byId("message");
  const { key, values } = error instanceof Failure ? error : new Failure("unexpected", { reason: error.message });
  message.textContent = text(key, values);
  message.hidden = false;
  message.scrollIntoView({ block: "nearest" });
}

function say(words) {
  byId("status").textContent = words;
}

start();
