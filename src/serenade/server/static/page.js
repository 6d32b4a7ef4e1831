// The page: what a person does with it.

import { analyseAll, cards, clearResults } from "./analysis.js";
import { backend, enrol, forget, loadExample, loadModel } from "./backend.js";
import { $, chooseLanguage, explain, findLanguage, nameEmotion, text } from "./dom.js";
import { drawBars, drawChart, openStream, showPiece, startLive, stopLive } from "./live.js";
import { closeMicrophone, openMicrophone } from "./recorder.js";

let recording = null; // with its purpose, "speech" or "enrol"
let pending = 0; // attempts that have not ended
let prepared = false; // the model is known
let fault = null; // the error that is shown, to explain it in another language
let said = {}; // the texts of the status lines, to repeat them in another language

function say(key, values = {}, where = "status") {
  said[where] = [key, values];
  $(where).textContent = key ? text(key, typeof values === "function" ? values() : values) : "";
  showFault(null);
}

function showFault(error) {
  fault = error;
  $("error").textContent = error ? explain(error) : "";
}

// Does what a person asked for, and tells what went wrong.
async function attempt(work) {
  pending += 1;
  update();
  try {
    if (!prepared) await prepare();
    await work();
  } catch (error) {
    for (const where of ["status", "voice-status"]) say("", {}, where);
    showFault(error);
  } finally {
    pending -= 1;
    update();
  }
}

function update() {
  const speaking = recording?.purpose === "speech";
  const enrolling = recording?.purpose === "enrol";
  const busy = recording ? recording.stopping : pending > 0; // the way to stop stays open
  $("record").textContent = text(speaking ? "stop" : "record");
  $("record").classList.toggle("on", speaking);
  $("enrol").textContent = text(enrolling ? "enrolDone" : "enrol");
  $("record").disabled = busy || enrolling;
  $("enrol").disabled = busy || speaking;
  for (const id of ["file", "example", "forget"]) $(id).disabled = busy || Boolean(recording);
}

// Recording

async function start(purpose) {
  say("waitMicrophone", {}, purpose === "enrol" ? "voice-status" : "status");
  if (purpose === "speech") clearResults();
  const found = await openMicrophone(take, () => recording === found && attempt(stop));
  recording = Object.assign(found, { purpose, stopping: false });
  startLive();
  if (purpose === "enrol") {
    say("enrolRecording", {}, "voice-status");
  } else {
    say("recording");
    found.stream = openStream(found, (message) => found.stopping || say("noLive", { message }));
  }
}

function take(piece) {
  const found = recording;
  if (!found) return;
  found.stream?.send(piece);
  const seconds = found.samples / found.rate;
  showPiece(piece, seconds);
  const { max_size, max_duration } = backend.model;
  const full = 2 * found.samples > max_size - Math.min(2 ** 20, max_size / 8);
  const long = seconds > max_duration - Math.min(1, max_duration / 4); // pieces still come, 0.1 s each
  if ((full || long) && !found.stopping) attempt(stop);
}

async function stop() {
  const found = recording;
  if (!found || found.stopping) return;
  found.stopping = true;
  update();
  const blob = await closeMicrophone(found);
  found.stream?.end();
  recording = null;
  stopLive();
  update();
  if (found.purpose === "enrol") await adaptToVoice(blob);
  else await analyseAll([[blob, "recording.wav"]], say);
}

// Results

const chooseFiles = (files) => {
  const given = [...files].map((file) => [file, file.name]);
  $("live").hidden = true;
  if (given.length) attempt(() => analyseAll(given, say));
};

async function tryExample() {
  say("loading");
  $("live").hidden = true;
  await analyseAll([[await loadExample(), "example.ogg"]], say);
}

// Enrolment

async function adaptToVoice(blob) {
  say("adapting", {}, "voice-status");
  await enrol(blob);
  $("live").hidden = true;
  $("forget").hidden = false;
  say("adapted", {}, "voice-status");
}

async function forgetVoice() {
  await forget();
  $("forget").hidden = true;
  say("forgotten", {}, "voice-status");
}

// Model, language and colours

async function prepare() {
  await loadModel();
  prepared = true;
  for (const element of document.querySelectorAll("[data-needs]")) {
    element.hidden = !element.dataset.needs.split(" ").some((need) => backend.model[need]);
  }
  describeModel();
}

function redraw() {
  drawChart();
  for (const card of cards) card.draw();
}

function describeModel() {
  const { labels, licence, version } = backend.model;
  $("model").textContent = text("model", { labels: labels.map(nameEmotion).join(", "), licence, version });
}

$("language").addEventListener("change", ({ target }) => {
  const error = fault;
  chooseLanguage(target.value, true);
  for (const [where, [key, values]] of Object.entries(said)) say(key, values, where);
  showFault(error);
  for (const card of cards) card.render();
  drawBars();
  if (prepared) describeModel();
  update();
});
$("record").addEventListener("click", () => attempt(() => (recording ? stop() : start("speech"))));
$("enrol").addEventListener("click", () => attempt(() => (recording ? stop() : start("enrol"))));
$("forget").addEventListener("click", async () => {
  await attempt(forgetVoice);
  if ($("forget").hidden) $("enrol").focus();
});
$("example").addEventListener("click", () => attempt(tryExample));
$("file").addEventListener("change", ({ target }) => {
  chooseFiles(target.files);
  target.value = ""; // so that the same file may be chosen again
});
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  if (!$("file").disabled) chooseFiles(event.dataTransfer.files);
});

chooseLanguage(findLanguage());
$("language").value = document.documentElement.lang;
await attempt(() => {});
document.body.dataset.ready = "yes";
