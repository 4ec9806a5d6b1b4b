// The player: plays the track that is shown, as it is or converted by the server, and draws its waveform.
"use strict";
const MOST_S = 900, RATE_HZ = 8000, N_PEAKS = 600;
let peaks = null, tried = false, version = 0;

function load() {
  tried = false;
  peaks = null;
  version += 1;
  $("live").textContent = `${heard}Now ${track.title}.`;
  heard = "";
  begin(`sound/${track.number}`);
}

function begin(url) {
  audio.src = url;
  audio.play().catch(() => {}); // a browser that was not clicked yet does not play by itself
  drawWave();
  readPeaks(url, version);
}

audio.addEventListener("error", async () => {
  if (!track || !audio.getAttribute("src")) return;
  const url = `sound/${track.number}?as=mp3`, now = version;
  if (!tried) {
    tried = true;
    begin(url);
    return;
  }
  if (audio.readyState > 0) { // it was played, so that the fault is not the file's
    complain("The browser stopped playing. Is there a loudspeaker? Press play to hear the track again.");
    showPlaying(false);
    return;
  }
  const answer = await fetch(url).catch(() => null);
  if (!answer || now !== version) return; // the server is away, which the next call tells
  const reason = answer.ok ? "the browser cannot play it" : await answer.text();
  while (busy) await wait(RETRY_MS / 10); // an answer or another call is on its way
  if (now === version) insist("pass", { track: track.number, reason });
});

audio.addEventListener("loadedmetadata", () => {
  const share = Number($("begin").value);
  if (share && Number.isFinite(audio.duration)) audio.currentTime = audio.duration * share;
});
for (const name of ["timeupdate", "seeked", "loadedmetadata", "durationchange"]) audio.addEventListener(name, drawWave);
for (const name of ["play", "pause", "ended"]) audio.addEventListener(name, () => showPlaying(!audio.paused));

function showPlaying(isPlaying) {
  $("play").textContent = isPlaying ? "❚❚" : "▶";
  $("play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
}

function toggle() {
  if (audio.error) audio.load();
  if (!audio.paused && !audio.error) return audio.pause();
  if (!away) complain("");
  audio.play().catch(() => {});
}
$("play").addEventListener("click", toggle);

function seek(seconds) {
  if (Number.isFinite(audio.duration)) audio.currentTime = Math.max(0, Math.min(seconds, audio.duration - 0.05));
}

const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

// A track that is longer than MOST_S has no waveform: decoded, an hour takes more memory than a browser may have.
async function readPeaks(url, now) {
  if (audio.readyState < 1) await new Promise((done) => audio.addEventListener("loadedmetadata", done, { once: true }));
  if (now !== version || !(audio.duration <= MOST_S)) return;
  try {
    const answer = await fetch(url);
    if (!answer.ok) return;
    const data = await answer.arrayBuffer();
    if (now !== version) return;
    const decoded = await new OfflineAudioContext(1, 1, RATE_HZ).decodeAudioData(data);
    if (now !== version) return;
    const samples = decoded.getChannelData(0), size = samples.length / N_PEAKS;
    const found = new Float32Array(N_PEAKS);
    for (let i = 0; i < N_PEAKS; i++) {
      let most = 0;
      for (let j = Math.floor(i * size); j < Math.floor((i + 1) * size); j++) most = Math.max(most, Math.abs(samples[j]));
      found[i] = most;
    }
    const loudest = Math.max(...found) || 1;
    peaks = found.map((value) => value / loudest);
    drawWave();
  } catch { /* what cannot be decoded is told by the player */ }
}

function drawWave() {
  const canvas = $("peaks"), scale = window.devicePixelRatio || 1, box = $("wave").getBoundingClientRect();
  if (!box.width) return;
  canvas.width = box.width * scale;
  canvas.height = box.height * scale;
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  pen.scale(scale, scale);
  const length = Number.isFinite(audio.duration) ? audio.duration : 0, played = length ? audio.currentTime / length : 0;
  const n = Math.floor(box.width / 3), middle = box.height / 2;
  for (let i = 0; i < n; i++) {
    const from = Math.floor((i * N_PEAKS) / n), to = Math.max(from + 1, Math.floor(((i + 1) * N_PEAKS) / n));
    const half = peaks ? Math.max(1, Math.max(...peaks.slice(from, to)) * (middle - 6)) : 1;
    pen.fillStyle = style.getPropertyValue((i + 0.5) / n <= played ? "--c1" : "--soft");
    pen.globalAlpha = (i + 0.5) / n <= played ? 1 : 0.55;
    pen.fillRect(i * 3, middle - half, 2, 2 * half);
  }
  $("time").textContent = length ? `${minutes(audio.currentTime)} / ${minutes(length)}` : "";
  $("wave").setAttribute("aria-valuemax", Math.round(length));
  $("wave").setAttribute("aria-valuenow", Math.round(audio.currentTime));
  $("wave").setAttribute("aria-valuetext", `${minutes(audio.currentTime)} of ${minutes(length)}`);
}

function point(event) {
  const box = $("wave").getBoundingClientRect();
  seek(((event.clientX - box.left) / box.width) * audio.duration);
}
$("wave").addEventListener("pointerdown", (event) => { $("wave").setPointerCapture(event.pointerId); point(event); });
$("wave").addEventListener("pointermove", (event) => { if (event.buttons) point(event); });
window.addEventListener("resize", drawWave);
