// The microphone, and the WAV of a recording.

import { Failure, text } from "./dom.js";

// Opens the microphone; calls `took` with each piece of 16-bit samples, and `ended` if it is pulled
// out, which ends the recording but does not lose it.
export async function openMicrophone(took, ended) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Failure("", () => text("noMicrophoneHere"));
  let media;
  try {
    media = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
  } catch (error) {
    throw new Failure("", () => text("noMicrophone", { name: error.name }));
  }
  const context = new AudioContext();
  const found = { rate: context.sampleRate, pieces: [], samples: 0, media, context, took };
  try {
    await context.audioWorklet.addModule("worklet.js");
    found.node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
    found.node.port.onmessage = ({ data }) => receive(found, data);
    context.createMediaStreamSource(media).connect(found.node);
    await context.resume();
    media.getTracks()[0].addEventListener("ended", ended);
    return found;
  } catch (error) {
    await release(found);
    throw error;
  }
}

function receive(found, piece) {
  if (piece === null) {
    found.flushed?.();
    return;
  }
  found.pieces.push(piece);
  found.samples += piece.length;
  found.took(piece);
}

// Ends the recording; gives its WAV.
export async function closeMicrophone(found) {
  await new Promise((done) => {
    found.flushed = done;
    found.node.port.postMessage("end");
    setTimeout(done, 1000);
  });
  await release(found);
  return toWav(found.pieces, found.samples, found.rate);
}

async function release(found) {
  for (const track of found.media.getTracks()) track.stop();
  await found.context.close();
}

// 16-bit mono WAV
function toWav(pieces, samples, rate) {
  const view = new DataView(new ArrayBuffer(44));
  const write = (place, letters) => [...letters].forEach((c, i) => view.setUint8(place + i, c.charCodeAt(0)));
  write(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples, true);
  write(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  write(36, "data");
  view.setUint32(40, 2 * samples, true);
  return new Blob([view, ...pieces], { type: "audio/wav" });
}
