// How well the model does, by the number of answers: the points of the server become a picture with its interval.
"use strict";
const MOST_ARTISTS = 50; // that are left out one by one, see judge.py
const SVG = "http://www.w3.org/2000/svg";
function draw(tag, attributes, text = "") {
  const one = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
  one.textContent = text;
  return one;
}

function drawCurve(points) {
  if (!points.length) {
    const text = !state.has_model ? "" : "How well a model learns from the answers shows here when every class has been heard of several artists.";
    return $("curve").replaceChildren(make("p", text, "note"));
  }
  const width = 340, height = 170, left = 34, right = 8, top = 8, bottom = 26;
  const most = Math.max(points.at(-1)[0], 20), least = Math.min(0.5, ...points.map((point) => point[3]));
  const floor = Math.floor(least * 10) / 10;
  const x = (n) => left + ((width - left - right) * n) / most, y = (v) => top + (height - top - bottom) * (1 - (v - floor) / (1 - floor));
  const picture = draw("svg", { viewBox: `0 0 ${width} ${height}`, class: "picture", role: "img" });
  const [n, nArtists, value, low, high] = points.at(-1);
  const told = `Balanced accuracy ${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}) with ${n} answers`;
  picture.setAttribute("aria-label", told);
  for (let tick = Math.ceil(floor * 5) / 5; tick <= 1.001; tick += 0.2) {
    picture.append(draw("line", { x1: left, x2: width - right, y1: y(tick), y2: y(tick), class: "grid" }));
    picture.append(draw("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, tick.toFixed(1)));
  }
  const step = Math.max(10, Math.ceil(most / 40) * 10);
  for (let tick = 0; tick <= most; tick += step) picture.append(draw("text", { x: x(tick), y: height - 10, "text-anchor": "middle" }, tick));
  const band = [...points.map((p) => `${x(p[0])},${y(p[4])}`), ...points.toReversed().map((p) => `${x(p[0])},${y(p[3])}`)];
  if (points.length > 1) {
    picture.append(draw("polygon", { points: band.join(" "), class: "band" }));
    picture.append(draw("polyline", { points: points.map((p) => `${x(p[0])},${y(p[2])}`).join(" "), class: "curve c1" }));
  } else picture.append(draw("line", { x1: x(n), x2: x(n), y1: y(low), y2: y(high), class: "curve c1 thin" }));
  picture.append(draw("circle", { cx: x(n), cy: y(value), r: 3.5, class: "dot" }));
  const parts = nArtists > MOST_ARTISTS ? "in ten parts" : "one after the other";
  const cautious = state.n_chosen ? " It is a cautious figure: the tracks that are hard to tell are asked first." : "";
  const words = make("p", `${told}, of artists that the model had not heard (${nArtists} of them, left out ${parts}).${cautious}`, "note");
  $("curve").replaceChildren(picture, words);
}
