// The connection: server-sent events and requests, repeated while the process does not answer.

const EVENTS = ["generation.published", "batch.collected", "file.collected", "file.delivered", "file.quarantined", "files.quarantined", "events.lost"];
const POLL_S = 10;
const AT_MOST_EVERY_S = 1;
const TIMEOUT_S = 8;

/** JSON of a path below /api, revalidated each time. */
export async function ask(path) {
  const answer = await fetch(`api/${path}`, { cache: "no-cache", signal: AbortSignal.timeout(TIMEOUT_S * 1000) });
  if (!answer.ok) throw Object.assign(new Error(`${path}: ${answer.status}`), { status: answer.status });
  return answer.json();
}

/** Call `refresh` now, after each event, and at least every few seconds; never twice concurrently. Gives what calls it.
 *  Twice after an event: what is answered to all may be half a second old. */
export function follow(refresh) {
  let busy = false;
  let again = false;
  async function once() {
    again = busy;
    if (busy || document.hidden) return;
    busy = true;
    await refresh();
    await new Promise((resolve) => setTimeout(resolve, AT_MOST_EVERY_S * 1000));
    busy = false;
    if (again) once();
  }
  once();
  setInterval(once, POLL_S * 1000);
  document.addEventListener("visibilitychange", once);
  const events = new EventSource("api/events"); // connects again by itself
  for (const name of [...EVENTS, "error"]) events.addEventListener(name, () => { once(); again = true; });
  return once;
}
