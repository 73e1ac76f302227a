// What the reader keeps: views under a name of his own, in this browser; and the time as of which the numbers are.

import { byId, element, tell } from "./elements.js";
import { say } from "./words.js";

const kept = () => JSON.parse(localStorage.getItem("views") ?? "{}");

/** The time that the address asks for, as 2026-05-12T10:00 in the business time zone; "" for now. */
export const asked = () => new URLSearchParams(location.search).get("at") ?? "";

/** Calls `timed` when another time is chosen. */
export function offerViews(timed) {
  byId("views").addEventListener("input", () => { if (byId("views").value) location.search = kept()[byId("views").value]; });
  byId("save-view").addEventListener("submit", (event) => { event.preventDefault(); keep(byId("view-name").value.trim()); });
  byId("delete-view").addEventListener("click", remove);
  byId("at").addEventListener("change", () => at(byId("at").value, timed));
  byId("now").addEventListener("click", () => at("", timed));
  window.addEventListener("popstate", () => { showViews(); timed(); });
  showViews();
}

export function showViews() {
  const all = kept();
  const current = Object.keys(all).find((name) => all[name] === location.search) ?? "";
  byId("views").replaceChildren(...["", ...Object.keys(all).sort()].map((name) => element("option", { value: name, text: name || say("choose_view") })));
  byId("views").value = current;
  byId("delete-view").hidden = !current;
  byId("at").value = asked();
  byId("now").hidden = !asked();
}

function keep(name) {
  if (!name) return;
  localStorage.setItem("views", JSON.stringify({ ...kept(), [name]: location.search }));
  byId("view-name").value = "";
  showViews();
  tell(byId("announced"), say("view_kept", { name }));
}

function remove() {
  const { [byId("views").value]: _, ...others } = kept();
  localStorage.setItem("views", JSON.stringify(others));
  showViews();
}

function at(time, timed) {
  const search = new URLSearchParams(location.search);
  time ? search.set("at", time) : search.delete("at");
  history.pushState(null, "", search.size ? `?${search}` : location.pathname);
  showViews();
  timed();
}
