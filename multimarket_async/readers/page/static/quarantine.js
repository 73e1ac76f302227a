// Quarantined files and rejected records, and their reasons. File names and sentences can hold any text.

import { Card } from "./card.js";
import { byId } from "./elements.js";
import { moment, number, reason, say, sentence, title } from "./words.js";

let cards;

export function showQuarantine(status, { files, rejects }) {
  cards ??= { reasons: new Card(byId("reasons")), files: new Card(byId("files"), { chart: false, open: true }) };
  const rows = byReason(status);
  const all = rows.reduce((total, row) => total + row.files, 0);
  const listed = files.reduce((total, file) => total + file.deliveries, 0);
  byId("reasons").hidden = !all;
  cards.reasons.show({
    name: "quarantine_by_reason", title: say("reasons"), rows, form: "bars",
    columns: [
      text("feed", say("feed"), (row) => title(row.feed)), text("reason", say("reason"), (row) => reason(row.reason)),
      { name: "files", title: say("count"), numeric: true, value: (row) => row.files, shown: (row) => number(row.files) },
    ],
    values: summed(rows),
  });
  cards.files.show({
    name: "quarantine", title: say("files"), rows: newest(files, rejects), note: all > listed ? say("newest_files", { count: number(listed), all: number(all) }) : "",
    columns: [
      text("file", say("file")), text("feed", say("feed"), (row) => title(row.feed)), text("code", say("reason"), (row) => row.code.split(", ").map(reason).join(", ")),
      text("sentence", say("explanation"), (row) => sentence(row.sentence)), text("quarantined_at", say("when"), (row) => moment(row.quarantined_at)),
      { name: "deliveries", title: say("deliveries"), numeric: true, value: (row) => row.deliveries ?? 1, shown: (row) => number(row.deliveries ?? 1) },
    ],
  });
  if (!all && !rejects.length) byId("files").querySelector(".note").textContent = say("nothing_quarantined");
}

/** Files, and lists of the rejected records of other files, newest first. */
function newest(files, rejects) {
  const lists = rejects.map(({ file, feed, records, by_reason: reasons, written_at: at }) => ({
    file, feed, code: Object.keys(reasons).join(", "), sentence: say("records_of", { count: number(records) }), quarantined_at: at,
  }));
  const at = (row) => Date.parse(row.quarantined_at) || 0;
  return [...files, ...lists].sort((one, other) => at(other) - at(one));
}

const text = (name, heading, shown = (row) => row[name]) => ({ name, title: heading, value: (row) => row[name], shown });

const byReason = (status) =>
  (status?.feeds ?? []).flatMap(({ feed, by_reason: reasons }) =>
    Object.entries(reasons).map(([reason, files]) => ({ feed, reason, files })));

function summed(rows) {
  const sums = new Map();
  for (const { reason: code, files } of rows) sums.set(reason(code), (sums.get(reason(code)) ?? 0) + files);
  return [...sums].sort(([, a], [, b]) => b - a).map(([x, y]) => ({ x, y, tip: `${x}\n${number(y)}` }));
}
