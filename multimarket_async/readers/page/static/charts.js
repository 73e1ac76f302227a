// Charts by Vega-Lite, which comes with the Python package vl-convert. Its code is fetched when the first chart is
// drawn: the numbers do not wait for it. Expressions are interpreted (`ast`), so that no policy has to allow eval.

import { byId, element } from "./elements.js";
import { period, say, short } from "./words.js";

const COLOURS = [1, 2, 3, 4, 5, 6, 7, 8].map((index) => `var(--series-${index})`);
const MOST_SERIES = COLOURS.length;
const MOST_BARS = 15;
const STEP_PX = 26;
const FADED = "var(--faded)";
const CONFIG = {
  aria: false, // the chart has a name, and its rows are in a table
  background: "transparent",
  font: "system-ui, sans-serif",
  view: { stroke: null },
  axis: {
    labelColor: FADED, labelFontSize: 12, domainColor: "var(--line)", tickColor: "var(--line)", gridColor: "var(--line)",
    title: null, ticks: false, labelPadding: 6,
  },
  legend: { title: null, orient: "top", labelColor: "var(--ink)", labelFontSize: 13, symbolType: "square", labelLimit: 200 },
  title: { color: FADED, fontSize: 13, fontWeight: "normal", anchor: "start" },
  mark: { aria: false },
  bar: { color: COLOURS[0] },
  rect: { color: COLOURS[0] },
};
const OPTIONS = {
  renderer: "svg", ast: true, actions: false, logLevel: 1, defaultStyle: false, tooltip: tip, config: CONFIG,
  expressionFunctions: { short, brief: (text) => period(text, "short") },
};

let library;

function loaded() {
  library ??= new Promise((resolve, reject) => {
    const script = element("script", { src: "vega.js", type: "module" });
    script.addEventListener("load", () => resolve(window.vegaEmbed));
    script.addEventListener("error", () => reject(new Error(script.src)));
    document.head.append(script);
  });
  return library;
}

const NEAR = { rootMargin: "300px" };
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) target.dispatchEvent(new CustomEvent("seen", { detail: isIntersecting }));
}, NEAR);

/** A chart in `host`, drawn when somebody can see it, and again when its form, its words or its rows change. */
export class Chart {
  constructor(host) {
    this.host = host;
    this.drawn = Promise.resolve();
    this.series = []; // every one ever shown keeps its colour while others are filtered out
    host.addEventListener("seen", ({ detail }) => {
      this.visible = detail;
      this.catchUp();
    });
    seen.observe(host);
  }

  /** form: "time", "lines", "bars", "grid" or "minutes". values: {x, y, series, tip} each. */
  show(form, values, title) {
    this.host.setAttribute("role", "img");
    this.host.setAttribute("aria-label", say("chart_of", { title }));
    const ordered = values.map((one, order) => ({ ...one, order }));
    const text = JSON.stringify([form, ordered]);
    if (text === this.text) return;
    this.text = text;
    this.wanted = few(form, ordered);
    this.catchUp();
  }

  catchUp() {
    if (!this.visible || !this.wanted) return;
    const wanted = this.wanted;
    this.wanted = undefined;
    this.drawn = this.drawn.then(() => this.draw(...wanted)).catch(failed);
  }

  async draw(form, values, heading) {
    this.series = [...new Set([...this.series, ...series(values)])].sort();
    const spec = { ...FULL, ...FORMS[form](values, this.series), title: heading };
    const kind = `${document.documentElement.lang} ${JSON.stringify(spec)}`;
    if (kind !== this.kind) {
      const embed = await loaded();
      this.result?.finalize();
      this.result = await embed(this.host, { ...spec, data: { name: "rows", values } }, OPTIONS);
      this.kind = kind;
    } else {
      await this.result.view.data("rows", values).runAsync();
    }
  }
}

function failed(error) {
  console.warn(error.message);
  document.dispatchEvent(new CustomEvent("charts-failed"));
}

const series = (values) => [...new Set(values.map((one) => one.series))];

/** Of too many series, those of the newest period; of many bars, the first. */
function few(form, values) {
  if (["time", "lines"].includes(form) && series(values).length > MOST_SERIES) {
    const newest = values.map((one) => one.x).sort().at(-1);
    const latest = values.filter((one) => one.x === newest).map((one) => ({ ...one, x: one.series, series: undefined }));
    return ["bars", latest.slice(0, MOST_BARS), period(newest)];
  }
  return [form, form === "bars" ? values.slice(0, MOST_BARS) : values];
}

const TIP = { tooltip: { field: "tip", type: "nominal" } };
const FULL = { width: "container", autosize: { type: "fit-x", contains: "padding" }, padding: { left: 4, right: 20, top: 4, bottom: 4 } };
const IN_ORDER = { sort: { field: "order", op: "min" } };
const AMOUNT = { field: "y", type: "quantitative", axis: { labelExpr: "short(datum.value)", tickCount: 4, tickMinStep: 1, domain: false } };

const FORMS = {
  time: (values, every) => ({
    height: 240,
    mark: { type: "bar", width: { band: 0.72 } },
    encoding: {
      x: { field: "x", type: "ordinal", axis: { labelExpr: "brief(datum.value)", labelAngle: 0, labelOverlap: "greedy", labelSeparation: 12 } },
      y: AMOUNT,
      ...(values.some((one) => one.series) && {
        color: {
          field: "series", type: "nominal", scale: { range: COLOURS, domain: every }, legend: { values: series(values).sort() },
        },
      }),
      ...TIP,
    },
  }),
  lines: (values, every) => ({
    ...FORMS.time(values, every),
    mark: { type: "line", point: { filled: true, size: 45 }, strokeWidth: 2, color: COLOURS[0] },
  }),
  bars: (values) => ({
    height: values.length * STEP_PX,
    mark: { type: "bar", height: { band: 0.68 } },
    encoding: {
      y: { field: "x", type: "nominal", ...IN_ORDER, axis: { labelLimit: 170, labelColor: "var(--ink)", domain: false } },
      x: AMOUNT,
      ...TIP,
    },
  }),
  grid: (values) => ({
    height: series(values).length * STEP_PX,
    mark: { type: "rect" },
    encoding: {
      x: { field: "x", type: "ordinal", axis: { labelAngle: 0, labelOverlap: "greedy", domain: false } },
      y: { field: "series", type: "ordinal", ...IN_ORDER, axis: { labelColor: "var(--ink)", domain: false } },
      opacity: { field: "y", type: "quantitative", scale: { range: [0.06, 1] }, legend: null },
      ...TIP,
    },
  }),
  minutes: () => ({
    height: 150,
    mark: { type: "bar", width: { band: 0.8 } },
    encoding: {
      x: { field: "x", type: "ordinal", ...IN_ORDER, axis: { labelAngle: 0, labelOverlap: "greedy", labelSeparation: 30 } },
      y: AMOUNT,
      ...TIP,
    },
  }),
};

/** Vega asks for it when the pointer is over a mark; the text may be anything. */
function tip(_, event, item, text) {
  const box = byId("tip");
  box.hidden = !text;
  if (!text) return;
  box.textContent = text;
  box.style.left = `${Math.min(event.clientX + 12, window.innerWidth - box.offsetWidth - 8)}px`;
  box.style.top = `${Math.max(8, event.clientY - box.offsetHeight - 10)}px`;
}
