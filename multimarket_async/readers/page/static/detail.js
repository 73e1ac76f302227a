// Rows by shorter times than the page has: of the spans that are asked for, of one generation.

import { ask } from "./live.js";
import { days, monthsBefore } from "./periods.js";

export class Detail {
  /** Calls `came` when rows have come. */
  constructor(came) {
    Object.assign(this, { came, known: new Map(), wanted: new Set() });
  }

  /** The same spans of another generation; those that nothing asked for since the last one are forgotten. */
  async load(generation) {
    this.generation = generation;
    const wanted = [...this.wanted];
    this.wanted.clear();
    this.known = new Map(await Promise.all(wanted.map(async (key) => [key, await this.asked(key)])));
  }

  /** The rows of a span, maybe added up by a column; undefined where they are not kept, or have not come yet. */
  rows({ kpis, months }, { from, to }, newest, by) {
    const month = days(newest).to.slice(0, 7);
    if (from < monthsBefore(`${month}-01`, months)) return undefined;
    const query = { from, to, ...(by && { by }) };
    const key = JSON.stringify([from.slice(0, 7) < month ? kpis : kpis.slice(0, 1), query]);
    this.wanted.add(key);
    if (!this.known.has(key)) {
      this.known.set(key, undefined);
      this.asked(key).then((rows) => { this.known.set(key, rows); this.came(); });
    }
    return this.known.get(key);
  }

  async asked(key) {
    const [kpis, query] = JSON.parse(key);
    const search = new URLSearchParams({ generation: this.generation, ...query });
    try {
      return (await Promise.all(kpis.map((name) => ask(`kpis/${name}?${search}`)))).flatMap(({ rows }) => rows);
    } catch (error) {
      console.info(error.message); // the next generation asks again
      return undefined;
    }
  }
}
