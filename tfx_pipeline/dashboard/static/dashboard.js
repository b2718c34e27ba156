// Draws the page's figures in the colours of its theme and hands TFMA's components their data.
"use strict";

const read = (id) => JSON.parse(document.getElementById(id).textContent);

function themed(figure) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { gridcolor: colour("--line"), zerolinecolor: colour("--line"), linecolor: colour("--line") };
  return {
    ...figure.layout,
    colorway: colour("--charts").split(" "),
    font: { color: colour("--text"), family: getComputedStyle(document.body).fontFamily, size: 12 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    xaxis: { ...figure.layout.xaxis, ...axis },
    yaxis: { ...figure.layout.yaxis, ...axis },
  };
}

function drawFigures() {
  const figures = plotlyText(read("figures"));
  for (const place of document.querySelectorAll("[data-figure]")) {
    const figure = figures[place.dataset.figure];
    Plotly.react(place, figure.data, themed(figure), { displayModeBar: false, responsive: true });
  }
}

function mount(place, element, config, data) {
  const view = document.createElement(element);
  place.replaceChildren(view);
  view.config = config;
  view.data = data;
}

function showSlices(place) {
  const { config, views } = read("data");
  const [model, feature] = ["model", "feature"].map((id) => document.getElementById(id));
  const show = () => mount(place, "tfma-nb-slicing-metrics", config, views[model.value][feature.value]);
  model.addEventListener("change", show);
  feature.addEventListener("change", show);
  show();
}

function showSeries(place) {
  const { config, series } = read("data");
  mount(place, "tfma-nb-time-series", config, series);
}

window.addEventListener("load", () => {
  drawFigures();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawFigures);
  for (const place of document.querySelectorAll("[data-view]")) {
    ({ slicing: showSlices, series: showSeries })[place.dataset.view](place);
  }
});
