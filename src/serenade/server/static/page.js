// The page: records or takes a file, shows emotions while somebody speaks, then the timeline.

const $ = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(share * 100)}%`;
const COLUMNS = 1200;
// Light enough for black text on them in both themes; emotions beyond go round again.
const COLOURS = ["#f2938c", "#f4d35e", "#c9c7c1", "#8fb8e8", "#c3a6e8", "#a8cf8e", "#f0b37e", "#8ed1c6"];

let model = { labels: [], key_needed: false, enrolment: false };
let voice = null; // the name of the enrolled voice
let recording = null; // what is being recorded
let shown = null; // the timeline on the page

const colour = (label) => COLOURS[Math.max(0, model.labels.indexOf(label)) % COLOURS.length];

function say(text, where = "status") {
  $(where).textContent = text;
  $("error").textContent = "";
}

function fail(error) {
  for (const where of ["status", "voice-status"]) $(where).textContent = "";
  $("error").textContent = error.message || String(error);
}

// Runs what a person has asked for, once at a time, and tells what went wrong.
async function attempt(work) {
  try {
    await work();
  } catch (error) {
    fail(error);
  }
  buttons();
}

function buttons(busy = false) {
  const enrolling = recording?.purpose === "enrol";
  $("record").textContent = recording && !enrolling ? "Stop" : "Record";
  $("enrol").textContent = enrolling ? "Done reading" : "Read two sentences in your normal voice";
  $("record").disabled = busy || enrolling;
  $("enrol").disabled = busy || Boolean(recording && !enrolling);
  $("file").disabled = busy || Boolean(recording);
}

async function ask(path, body, parameters = {}) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(parameters)) if (value) url.searchParams.set(name, value);
  const headers = model.key_needed ? { "X-API-Key": $("key").value } : {};
  let response;
  try {
    response = await fetch(url, { method: "POST", body, headers });
  } catch {
    throw new Error("The server cannot be reached; try again.");
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => null);
  throw new Error(said?.error?.message ?? `The server answered ${response.status}; try again.`);
}

// Recording

async function microphone(purpose) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error("The browser does not allow the microphone here; open this page at localhost or over https.");
  }
  let media;
  try {
    media = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
  } catch (error) {
    throw new Error(`No microphone (${error.name}); connect one and allow this page to use it.`);
  }
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule("worklet.js");
    const found = { purpose, media, context, rate: context.sampleRate, pieces: [], samples: 0 };
    found.node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    found.node.port.onmessage = ({ data }) => took(found, data);
    context.createMediaStreamSource(media).connect(found.node);
    await context.resume();
    // A microphone that is pulled out ends the recording, not what was said so far.
    media.getTracks()[0].addEventListener("ended", () => recording === found && attempt(stop));
    return found;
  } catch (error) {
    for (const track of media.getTracks()) track.stop();
    await context.close();
    throw error;
  }
}

function took(found, piece) {
  if (piece === null) {
    found.flushed?.();
    return;
  }
  found.pieces.push(piece);
  found.samples += piece.length;
  if (found.socket?.readyState === WebSocket.OPEN && found.ready) found.socket.send(piece);
  const seconds = found.samples / found.rate;
  $("clock").textContent = `${seconds.toFixed(1)} s`;
  const full = 2 * found.samples > model.max_size - 2 ** 20;
  if ((full || seconds > model.max_duration - 1) && recording === found && !found.stopping) attempt(stop);
}

// Live emotions. Without them a recording still works: what is lost is the bars.
function listen(found) {
  const url = new URL("v1/stream", document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  found.socket = socket;
  socket.onopen = () => {
    const hello = { sampling_rate: found.rate, format: "s16le" };
    if (voice) hello.voice = voice;
    if (model.key_needed) hello.api_key = $("key").value;
    socket.send(JSON.stringify(hello));
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "ready") {
      for (const piece of found.pieces) socket.send(piece); // what was said before it was ready
      found.ready = true;
    } else if (message.type === "update") {
      bars(message.probabilities);
      for (const segment of message.segments) {
        $("heard").textContent = `${segment.emotion} ${percent(segment.probability)}`;
      }
    } else if (message.type === "error") {
      $("status").textContent = `No live emotions: ${message.error.message}`;
    }
  };
}

function bars(shares) {
  const best = Object.keys(shares).reduce((a, b) => (shares[b] > shares[a] ? b : a));
  for (const row of $("bars").children) {
    const share = shares[row.dataset.label] ?? 0;
    row.classList.toggle("best", share > 0 && row.dataset.label === best);
    row.querySelector("meter").value = share;
    row.querySelector("output").textContent = percent(share);
  }
}

function emptyBars() {
  $("bars").replaceChildren(
    ...model.labels.map((label, number) => {
      const row = document.createElement("div");
      row.className = "bar";
      row.dataset.label = label;
      const name = document.createElement("label");
      name.textContent = label;
      name.htmlFor = `bar-${number}`;
      const meter = document.createElement("meter");
      meter.id = name.htmlFor;
      const value = document.createElement("output");
      value.setAttribute("aria-live", "off"); // several times a second would be noise
      value.textContent = percent(0);
      row.append(name, meter, value);
      return row;
    }),
  );
}

async function start(purpose) {
  say("Waiting for the microphone …", purpose === "enrol" ? "voice-status" : "status");
  buttons(true);
  recording = await microphone(purpose);
  emptyBars();
  $("heard").textContent = "";
  $("now").hidden = false;
  if (purpose === "enrol") {
    say("Recording your normal voice; press the button again when you have finished.", "voice-status");
  } else {
    listen(recording);
    say("Recording; speak.");
  }
}

async function stop() {
  const found = recording;
  if (!found || found.stopping) return;
  found.stopping = true;
  buttons(true);
  await new Promise((done) => {
    found.flushed = done;
    found.node.port.postMessage("end");
    setTimeout(done, 1000);
  });
  for (const track of found.media.getTracks()) track.stop();
  await found.context.close();
  if (found.socket?.readyState === WebSocket.OPEN && found.ready) {
    found.socket.send(JSON.stringify({ type: "end" }));
  } else {
    found.socket?.close();
  }
  recording = null;
  $("now").hidden = true;
  const blob = wav(found.pieces, found.samples, found.rate);
  if (found.purpose === "enrol") await enrol(blob);
  else await judge(blob, "recording.wav");
}

// 16-bit mono WAV
function wav(pieces, samples, rate) {
  const view = new DataView(new ArrayBuffer(44));
  const text = (place, letters) => [...letters].forEach((c, i) => view.setUint8(place + i, c.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples, true);
  return new Blob([view, ...pieces], { type: "audio/wav" });
}

// Enrolment

async function enrol(blob) {
  say("Adapting to your voice …", "voice-status");
  const form = new FormData();
  form.append("file", blob, "voice.wav");
  const found = await (await ask("v1/voices", form)).json();
  voice = found.voice;
  $("forget").hidden = false;
  say(`Adapted to your voice (${found.enrolment}); this applies to your next recordings.`, "voice-status");
}

async function forget() {
  const url = new URL(`v1/voices/${encodeURIComponent(voice)}`, document.baseURI);
  const headers = model.key_needed ? { "X-API-Key": $("key").value } : {};
  await fetch(url, { method: "DELETE", headers });
  voice = null;
  $("forget").hidden = true;
  $("enrol").focus();
  say("Your voice was forgotten.", "voice-status");
}

// The timeline

async function judge(blob, name) {
  if (blob.size > model.max_size - 4096) {
    throw new Error(`${name}: is larger than the ${Math.floor(model.max_size / 2 ** 20)} MiB this server takes.`);
  }
  buttons(true);
  say(`Listening to ${name} …`);
  const form = new FormData();
  form.append("file", blob, name);
  const response = await ask("v1/timeline", form, { voice, envelope: COLUMNS });
  show(await response.json(), blob);
}

function show(found, blob) {
  shown = found;
  $("result").hidden = false; // first: what is hidden has no width
  if ($("player").src) URL.revokeObjectURL($("player").src);
  $("player").src = URL.createObjectURL(blob);
  const adapted = found.adapted_to ? `; adapted to ${found.adapted_to} recordings` : "";
  const known = found.enrolment ? `; your voice: ${found.enrolment}` : adapted;
  const overall = `${found.file} sounds most like ${found.emotion}, ${percent(found.probability)}`;
  $("overall").textContent = `${overall} (${found.duration.toFixed(1)} s${known}).`;
  $("overall").dataset.emotion = found.emotion;
  draw();
  strip();
  table();
  say(`${overall}.`);
  $("result-head").focus();
}

function draw() {
  if (!shown) return;
  const canvas = $("wave");
  canvas.width = Math.round(canvas.clientWidth * devicePixelRatio) || 1200;
  canvas.height = Math.round(canvas.clientHeight * devicePixelRatio) || 200;
  const { width, height } = canvas;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  pen.globalAlpha = 0.45;
  for (const segment of shown.segments) {
    pen.fillStyle = colour(segment.emotion);
    const left = (segment.start / shown.duration) * width;
    pen.fillRect(left, 0, (segment.end / shown.duration) * width - left, height);
  }
  pen.globalAlpha = 1;
  pen.fillStyle = getComputedStyle(document.body).color;
  const { low, high } = shown.envelope;
  const most = Math.max(0.01, ...high, ...low.map((value) => -value));
  const each = width / low.length;
  low.forEach((value, i) => {
    const top = (height / 2) * (1 - high[i] / most);
    const bottom = (height / 2) * (1 - value / most);
    pen.fillRect(i * each, top, Math.max(1, each), Math.max(1, bottom - top));
  });
}

function strip() {
  $("strip").replaceChildren(
    ...shown.segments.map((segment) => {
      const part = document.createElement("button");
      part.type = "button";
      part.textContent = segment.emotion;
      part.style.left = `${(100 * segment.start) / shown.duration}%`;
      part.style.width = `${(100 * (segment.end - segment.start)) / shown.duration}%`;
      part.style.background = colour(segment.emotion);
      const times = `${segment.start.toFixed(1)} to ${segment.end.toFixed(1)} s`;
      const label = `${segment.emotion} ${percent(segment.probability)}, ${times}: listen`;
      part.setAttribute("aria-label", label);
      part.title = label;
      part.addEventListener("click", () => play(segment));
      return part;
    }),
  );
}

function table() {
  const row = (cells, kind) => {
    const line = document.createElement("tr");
    line.append(
      ...cells.map((text) => {
        const cell = document.createElement(kind);
        cell.textContent = text;
        if (kind === "th") cell.scope = "col";
        return cell;
      }),
    );
    return line;
  };
  const labels = Object.keys(shown.probabilities);
  const caption = document.createElement("caption");
  caption.className = "visually-hidden";
  caption.textContent = "Segments of speech with the probability of each emotion";
  $("table").replaceChildren(
    caption,
    row(["Start (s)", "End (s)", "Emotion", ...labels], "th"),
    ...shown.segments.map((segment) =>
      row(
        [
          segment.start.toFixed(2),
          segment.end.toFixed(2),
          segment.emotion,
          ...labels.map((label) => percent(segment.probabilities[label])),
        ],
        "td",
      ),
    ),
  );
}

let until = Infinity; // where playing stops

function play(segment) {
  $("player").currentTime = segment.start;
  until = segment.end;
  attempt(() => $("player").play().catch(() => {
    throw new Error("The browser cannot play this kind of file; the timeline is complete.");
  }));
}

function follow() {
  const player = $("player");
  if (player.currentTime >= until) {
    player.pause();
    until = Infinity;
  }
  if (shown) $("cursor").style.left = `${(100 * player.currentTime) / shown.duration}%`;
  if (!player.paused) requestAnimationFrame(follow);
}

async function save(format) {
  const suffix = { json: "json", csv: "csv", webvtt: "vtt", textgrid: "TextGrid" }[format];
  const { envelope, ...timeline } = shown;
  const content = JSON.stringify(timeline, null, 2);
  const blob = format === "json"
    ? new Blob([content], { type: "application/json" })
    : await (await ask("v1/convert", content, { format })).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${shown.file.replace(/\.[^.]*$/, "")}.${suffix}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  say(`Saved ${link.download}.`);
}

// What a person does

$("record").addEventListener("click", () => attempt(() => (recording ? stop() : start("speech"))));
$("enrol").addEventListener("click", () => attempt(() => (recording ? stop() : start("enrol"))));
$("forget").addEventListener("click", () => attempt(forget));
$("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  target.value = ""; // so that the same file may be chosen again
  if (file) attempt(() => judge(file, file.name));
});
for (const button of document.querySelectorAll("[data-format]")) {
  button.addEventListener("click", () => attempt(() => save(button.dataset.format)));
}
$("player").addEventListener("play", follow);
$("player").addEventListener("seeked", follow);
$("wave").addEventListener("click", (event) => {
  until = Infinity;
  $("player").currentTime = (event.offsetX / $("wave").clientWidth) * shown.duration;
  attempt(() => $("player").play().catch(() => {}));
});
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").classList.add("over");
});
addEventListener("dragleave", (event) => event.relatedTarget ?? $("drop").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file && !$("file").disabled) attempt(() => judge(file, file.name));
});

await attempt(async () => {
  const response = await fetch(new URL("v1/model", document.baseURI));
  if (!response.ok) throw new Error("The server cannot be reached; load the page again.");
  model = await response.json();
  $("key-row").hidden = !model.key_needed;
  $("voice").hidden = !model.enrolment;
  $("model").textContent = `Emotions: ${model.labels.join(", ")}. Licence of the model: ${model.licence}. Serenade ${model.version}.`;
});
document.body.dataset.ready = "yes";
