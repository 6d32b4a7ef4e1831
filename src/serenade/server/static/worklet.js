// Hands the microphone's samples over in pieces of about a tenth of a second, as 16-bit integers.
class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(Math.round(sampleRate / 10));
    this.filled = 0;
    this.port.onmessage = () => {
      this.send();
      this.port.postMessage(null); // all was sent
      this.ended = true;
    };
  }

  process([channels]) {
    if (this.ended) return false;
    const count = channels.length ? channels[0].length : 0;
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      const value = Math.round((sum / channels.length) * 32768);
      this.piece[this.filled++] = Math.max(-32768, Math.min(32767, value));
      if (this.filled === this.piece.length) this.send();
    }
    return true;
  }

  send() {
    if (!this.filled) return;
    const piece = this.piece.slice(0, this.filled);
    this.filled = 0;
    this.port.postMessage(piece, [piece.buffer]);
  }
}
registerProcessor("recorder", Recorder);
