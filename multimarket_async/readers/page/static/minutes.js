// What came in by minute, in the last hour.

import { ceiling } from "./charts.js";
import { tell } from "./elements.js";
import { clock, declared, number, say } from "./words.js";

/** status: of /api/status; the minute that has just ended is the last whole one. */
export function showMinutes(part, status) {
  const { domain } = part.declaration;
  const rows = status.per_minute[domain];
  if (!part.minutes || part.empty || !rows) return;
  const documents = part.declaration.listing ? declared(part.declaration.listing.title) : say("records");
  const [title, value, below] = part.minutes.tile.children;
  tell(title, say("minute_rate", { documents }));
  tell(value, number(rows.at(-2)?.documents));
  tell(below, say("last_minute"));
  const at = (row) => clock(new Date(row.minute));
  part.minutes.made.show({
    name: `${domain}_per_minute`,
    title: say("minutes", { documents }),
    note: cutOff(rows.map((row) => row.documents)),
    columns: [
      { name: "minute", title: say("minute"), value: (row) => row.minute, shown: at },
      { name: "documents", title: documents, numeric: true, value: (row) => row.documents, shown: (row) => number(row.documents) },
    ],
    rows,
    measure: documents,
    across: say("minute"),
    form: "minutes",
    values: rows.map((row) => ({ x: at(row), y: row.documents, tip: `${at(row)}\n${number(row.documents)}` })),
  });
}

/** A sentence where a minute is higher than the chart. */
function cutOff(counts) {
  const most = Math.max(...counts);
  return most > ceiling(counts) ? say("cut_off", { count: number(most) }) : "";
}
