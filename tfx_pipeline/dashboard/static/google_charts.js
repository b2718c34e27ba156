// The part of the Google Charts API that TFMA's components call, drawn by Plotly and as an HTML table. Google's own
// library may only be loaded from the internet.
"use strict";

// Polymer's fonts are on the internet, too.
window.polymerSkipLoadingFontRoboto = true;

// It reaches into the drawing that Google's library would have made.
customElements.whenDefined("tfma-metrics-histogram").then(() => {
  customElements.get("tfma-metrics-histogram").prototype.highlightHistogramBuckets_ = () => {};
});

window.google = (() => {
  const valueOf = (cell) => (cell !== null && typeof cell === "object" ? cell.v : cell);
  const textOf = (cell) => String((cell !== null && typeof cell === "object" ? (cell.f ?? cell.v) : cell) ?? "");
  // The only HTML that TFMA writes into the cells of our metrics; it is made anew here, and all else is text.
  const INTERVAL = /^<tfma-bounded-value value=(\S+) lower-bound=(\S+) upper-bound=(\S+)><\/tfma-bounded-value>$/;

  function contentOf(cell) {
    const text = textOf(cell);
    const found = typeof valueOf(cell) === "number" && INTERVAL.exec(text);
    if (!found) return text;
    const interval = document.createElement("tfma-bounded-value");
    ["value", "lower-bound", "upper-bound"].forEach((name, place) => interval.setAttribute(name, found[place + 1]));
    return interval;
  }

  class DataTable {
    constructor(rows = [[]]) {
      [this.columns, ...this.rows] = rows;
    }
    getNumberOfRows() {
      return this.rows.length;
    }
    label(column) {
      const header = this.columns[column];
      return typeof header === "object" ? (header.label ?? "") : header;
    }
    sort([{ column }]) {
      const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
      this.rows.sort((one, other) => compare(valueOf(one[column]), valueOf(other[column])));
    }
    /** Of the columns that are drawn: neither annotations nor tooltips. */
    drawn() {
      return this.columns.flatMap((header, column) => (header.role ? [] : [column]));
    }
  }

  class DataView {
    constructor(table) {
      this.table = table;
      this.shown = table.drawn();
    }
    get rows() {
      return this.table.rows;
    }
    label(column) {
      return this.table.label(column);
    }
    setColumns(columns) {
      this.shown = columns.filter((column) => typeof column === "number");
    }
    drawn() {
      return this.shown;
    }
  }

  /** Calls listeners of an event by its name. */
  class Source {
    listeners = {};
    emit(name, detail) {
      for (const listener of [...(this.listeners[name] ?? [])]) listener(detail);
    }
  }

  // Plotly puts its rules into the document, where they do not reach a component's shadow tree.
  const LAYERS = `.plotly { position: relative }
    .main-svg { position: absolute; top: 0; left: 0; pointer-events: none }
    .main-svg .draglayer { pointer-events: all; cursor: pointer }`;

  class PlotlyChart extends Source {
    constructor(place) {
      super();
      this.place = place;
      const style = document.createElement("style");
      style.textContent = LAYERS;
      place.before(style);
      this.selection = [];
    }
    getSelection() {
      return this.selection;
    }
    setSelection(selection) {
      this.selection = selection;
      if (this.data) this.redraw();
    }
    draw(data, options) {
      this.data = data;
      this.options = options;
      this.redraw();
      if (this.wired) return;
      this.wired = true;
      this.place.on("plotly_click", ({ points: [point] }) => {
        this.setSelection([{ row: point.pointIndex, column: point.curveNumber + 1 }]);
        this.emit("select");
      });
      this.place.on("plotly_hover", ({ points: [point] }) => this.emit("onmouseover", { row: point.pointIndex, column: 1 }));
      this.place.on("plotly_unhover", () => this.emit("onmouseout"));
    }
    redraw() {
      const [first, ...others] = this.data.drawn();
      const of = (column, read) => this.data.rows.map((row) => read(row[column]));
      const chosen = new Set(this.selection.map(({ row }) => row));
      const traces = others.map((column) => ({
        ...this.trace(chosen),
        name: this.data.label(column),
        x: of(first, textOf),
        y: of(column, valueOf),
      }));
      const layout = {
        height: this.options.height ?? 225,
        width: this.options.width,
        margin: { l: 45, r: 10, t: 10, b: 20 },
        showlegend: false,
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        xaxis: { type: "category", automargin: true, fixedrange: true, showticklabels: this.namesRows },
        yaxis: { title: { text: others.length === 1 ? this.data.label(others[0]) : "" }, rangemode: "tozero", automargin: true, fixedrange: true },
      };
      Plotly.react(this.place, plotlyText(traces), plotlyText(layout), { displayModeBar: false });
    }
  }

  class ColumnChart extends PlotlyChart {
    namesRows = true;
    trace(chosen) {
      const colours = this.data.rows.map((_, row) => (chosen.has(row) ? "#d55e00" : "#0072b2"));
      return { type: "bar", marker: { color: colours } };
    }
  }

  class LineChart extends PlotlyChart {
    namesRows = false;
    trace(chosen) {
      const sizes = this.data.rows.map((_, row) => (chosen.has(row) ? 12 : 6));
      return { type: "scatter", mode: "lines+markers", line: { color: "#0072b2" }, marker: { size: sizes } };
    }
  }

  class Table extends Source {
    constructor(place) {
      super();
      this.place = place;
      this.selection = [];
      this.by = null;
      this.ascending = true;
    }
    getSelection() {
      return this.selection;
    }
    setSelection(selection) {
      this.selection = selection;
      const chosen = new Set(selection.map(({ row }) => row));
      for (const line of this.place.querySelectorAll("tbody tr")) {
        line.style.background = chosen.has(Number(line.dataset.row)) ? "#fde3d2" : "";
      }
    }
    draw(data) {
      this.data = data;
      const table = document.createElement("table");
      table.style.cssText = "border-collapse: collapse; width: 100%; font: 13px system-ui, sans-serif; white-space: nowrap";
      const heads = table.createTHead().insertRow();
      for (const column of data.drawn()) heads.append(this.head(column));
      const body = table.createTBody();
      for (const row of this.order()) body.append(this.line(row));
      this.place.style.overflowX = "auto";
      this.place.replaceChildren(table);
      this.setSelection(this.selection);
    }
    order() {
      const rows = this.data.rows.map((_, row) => row);
      if (this.by === null) return rows;
      const key = (row) => valueOf(this.data.rows[row][this.by]);
      const compare = (one, other) =>
        typeof key(one) === "number" ? key(one) - key(other) : String(key(one)).localeCompare(String(key(other)));
      rows.sort(compare);
      return this.ascending ? rows : rows.reverse();
    }
    head(column) {
      const head = document.createElement("th");
      const arrow = this.by === column ? (this.ascending ? " ▲" : " ▼") : "";
      head.textContent = this.data.label(column) + arrow;
      head.style.cssText = "padding: 6px 12px; border-bottom: 2px solid #ccc; text-align: left; cursor: pointer";
      head.addEventListener("click", () => {
        this.ascending = this.by === column ? !this.ascending : true;
        this.by = column;
        this.draw(this.data);
        this.emit("sort", { column, ascending: this.ascending, sortedIndexes: this.order() });
      });
      return head;
    }
    line(row) {
      const line = document.createElement("tr");
      line.dataset.row = row;
      line.style.cursor = "pointer";
      for (const column of this.data.drawn()) {
        const cell = line.insertCell();
        cell.append(contentOf(this.data.rows[row][column]));
        cell.style.cssText = "padding: 6px 12px; border-bottom: 1px solid #e4e4e4";
      }
      line.addEventListener("click", () => {
        const again = this.selection.some((chosen) => chosen.row === row);
        this.setSelection(again ? [] : [{ row }]);
        this.emit("select");
      });
      return line;
    }
  }

  const KINDS = { ColumnChart, LineChart, Table };

  class ChartWrapper extends Source {
    constructor({ container }) {
      super();
      this.container = container;
      this.options = {};
    }
    setChartType(type) {
      this.type = type;
    }
    getChart() {
      return this.chart;
    }
    setDataTable(data) {
      this.data = data;
    }
    setOptions(options) {
      this.options = options;
    }
    draw() {
      if (!this.chart) {
        this.chart = new KINDS[this.type](this.container);
        events.addListener(this.chart, "select", () => this.emit("select"));
      }
      this.chart.draw(this.data, { width: this.container.clientWidth, ...numbers(this.options) });
      this.emit("ready");
    }
  }

  /** Sizes in pixels; others, such as 100%, are left to the container. */
  const numbers = (options) =>
    Object.fromEntries(["width", "height"].filter((key) => Number.isFinite(options[key])).map((key) => [key, options[key]]));

  const events = {
    addListener(source, name, listener) {
      (source.listeners[name] ??= []).push(listener);
    },
    addOneTimeListener(source, name, listener) {
      const once = (detail) => {
        source.listeners[name] = source.listeners[name].filter((other) => other !== once);
        listener(detail);
      };
      events.addListener(source, name, once);
    },
  };

  return {
    charts: { load: () => Promise.resolve() },
    visualization: {
      DataTable,
      DataView,
      ChartWrapper,
      ColumnChart,
      arrayToDataTable: (rows) => new DataTable(rows),
      events,
    },
  };
})();
