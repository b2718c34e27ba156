// Plotly reads text as a little HTML, links included. This makes text stand for itself.
"use strict";

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const TEMPLATES = ["hovertemplate"]; // written by us, with the tags that they need

/** The same traces, layout or text, with every string as Plotly must have it to show it as it is. */
function plotlyText(value) {
  if (typeof value === "string") return value.replace(/[&<>]/g, (sign) => ENTITIES[sign]);
  if (Array.isArray(value)) return value.map(plotlyText);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, TEMPLATES.includes(key) ? each : plotlyText(each)]),
  );
}
