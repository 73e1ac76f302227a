// The connection: what the process publishes is heard (server-sent events) or asked for, and asked again when it is away.

const TOLD = ["generation.published", "batch.collected", "file.delivered", "file.quarantined", "events.lost"];
const POLL_S = 5;
const AT_MOST_EVERY_S = 1;
const PATIENCE_S = 8;

/** JSON of a path below /api; an answer of old is never taken for a new one. */
export async function ask(path) {
  const answer = await fetch(`api/${path}`, { cache: "no-cache", signal: AbortSignal.timeout(PATIENCE_S * 1000) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** Call `look` now, after each event, and at least every few seconds; never twice at once. */
export function follow(look) {
  let looking = false;
  let again = false;
  async function once() {
    again = looking;
    if (looking || document.hidden) return;
    looking = true;
    await look();
    await new Promise((resolve) => setTimeout(resolve, AT_MOST_EVERY_S * 1000));
    looking = false;
    if (again) once();
  }
  once();
  setInterval(once, POLL_S * 1000);
  document.addEventListener("visibilitychange", once);
  const events = new EventSource("api/events"); // connects again by itself
  for (const name of TOLD) events.addEventListener(name, once);
}
