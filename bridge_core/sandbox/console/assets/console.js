// Renews what moves while a run is going. Every page says the same without it, after a reload.
"use strict";
(() => {
  const PAUSE = 1500;
  const pause = () => new Promise((done) => setTimeout(done, PAUSE));
  const visible = () => document.visibilityState === "visible";

  const renew = (fresh) => {
    for (const old of document.querySelectorAll("[data-live]")) {
      const young = fresh.getElementById(old.id);
      // Somebody who stands on a link there would be thrown out.
      if (!young || old.contains(document.activeElement) || old.outerHTML === young.outerHTML) continue;
      for (const box of old.querySelectorAll("details[id]")) {
        const same = young.querySelector(`#${CSS.escape(box.id)}`);
        if (same) same.open = box.open;
      }
      old.replaceWith(document.importNode(young, true));
    }
    for (const box of fresh.querySelectorAll("#logs details[id]")) {
      if (document.getElementById(box.id)) continue;
      const copy = document.importNode(box, true);
      document.getElementById("logs").append(copy);
      copy.querySelectorAll("[data-log]").forEach(follow);
    }
  };

  const watch = async () => {
    while (document.querySelector("main[data-running]")) {
      await pause();
      if (!visible()) continue;
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        if (!answer.ok) continue;
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        renew(fresh);
        if (!fresh.querySelector("main[data-running]")) document.querySelector("main").removeAttribute("data-running");
      } catch { /* the sandbox was stopped; it may come back */ }
    }
  };

  const follow = async (box) => {
    box.scrollTop = box.scrollHeight;
    while (box.isConnected && box.dataset.log) {
      await pause();
      if (!visible()) continue;
      try {
        const url = new URL(box.dataset.log, location.href);
        url.searchParams.set("offset", box.dataset.offset);
        const answer = await fetch(url);
        if (!answer.ok) return;
        const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 4;
        box.append(await answer.text());
        box.dataset.offset = answer.headers.get("X-Log-Offset");
        if (atEnd) box.scrollTop = box.scrollHeight;
        if (answer.headers.get("X-Log-Ended") === "true") delete box.dataset.log;
      } catch { /* as above */ }
    }
  };

  document.querySelectorAll("[data-log]").forEach(follow);
  watch();
})();
