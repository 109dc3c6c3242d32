"use strict";
(() => {
  const report = JSON.parse(document.getElementById("report").textContent);
  const options = {
    actions: false,
    ast: true, // expressions are interpreted: the page's policy lets no text become code
    defaultStyle: false,
    logLevel: 1, // errors: that a run has no crossing as yet is no warning
    renderer: "svg",
    tooltip: { disableDefaultStyle: true },
  };
  const views = new Map();
  const drawing = new Map();

  function rowsOf(packed) {
    const columns = Object.entries(packed).map(([key, column]) => [
      key,
      Array.isArray(column) ? column : column.at.map((at) => column.words[at]),
    ]);
    const height = columns.length ? columns[0][1].length : 0;
    return Array.from({ length: height }, (_, at) => Object.fromEntries(columns.map(([key, values]) => [key, values[at]])));
  }

  // One after the other: a choice that is made while a chart is drawn is drawn after it.
  function draw(figure) {
    const before = drawing.get(figure) ?? Promise.resolve();
    const now = before.catch(() => {}).then(() => drawNow(figure));
    drawing.set(figure, now);
    return now;
  }

  async function drawNow(figure) {
    const holder = figure.querySelector(".chart");
    if (!holder) return;
    const { charts, data } = report.pictures[figure.dataset.picture];
    const chosen = choice(Object.keys(charts), figure.querySelectorAll("input:checked, select"));
    views.get(figure)?.finalize();
    views.delete(figure);
    const chart = report.charts[charts[chosen]];
    if (!chart) {
      holder.textContent = "Nothing is known of that.";
      return;
    }
    const title = figure.querySelector("h2, h3").textContent;
    const datasets = Object.fromEntries(Object.entries(data).map(([name, set]) => [name, rowsOf(set)]));
    views.set(figure, await vegaEmbed(holder, { ...chart, description: title, datasets, config: report.config }, options));
    holder.classList.toggle("tall", holder.clientHeight > 2.5 * holder.clientWidth); // printed on several pages
    figure.dataset.drawn = chosen;
  }

  // Charts are known by the places of what is chosen. A switch with one option is not shown: that is its first.
  function choice(known, switches) {
    if (known.length === 1) return known[0];
    const places = known[0].split(",").map(() => "0");
    for (const each of switches) places[Number(each.dataset.at)] = each.value;
    return places.join(",");
  }

  const drawAll = (within) => Promise.all([...within.querySelectorAll("figure.picture")].map(draw));

  for (const figure of document.querySelectorAll("figure.picture")) {
    figure.addEventListener("change", () => draw(figure));
  }
  document.getElementById("run")?.addEventListener("change", (event) => {
    for (const article of document.querySelectorAll("article")) {
      article.hidden = article.id !== `run-${event.target.value}`;
      if (!article.hidden) drawAll(article);
    }
  });
  for (const section of document.querySelectorAll("section")) {
    drawAll(section.querySelector("article:not([hidden])") ?? section);
  }

  const closed = new Set();
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("main details:not([open])")) {
      closed.add(details);
      details.open = true;
    }
  });
  addEventListener("afterprint", () => {
    for (const details of closed) details.open = false;
    closed.clear();
  });
})();
