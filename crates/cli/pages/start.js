/* Keeps the counters and the running time of the start page fresh. */
(function () {
  "use strict";

  const EVERY = 2000;

  async function refresh() {
    try {
      const answer = await fetch("/status.json", { cache: "no-store" });
      if (answer.ok) {
        show(await answer.json());
      }
    } catch (error) {
      // The server is away; the next round will tell.
      console.debug("no status", error);
    }
    setTimeout(refresh, EVERY);
  }

  function show(status) {
    document.querySelector("[data-uptime]").textContent = status.uptime;
    for (const cell of document.querySelectorAll("[data-metric]")) {
      const value = status.metrics[cell.dataset.metric];
      if (value !== undefined) {
        cell.textContent = String(value);
      }
    }
  }

  document.querySelector('.top nav a[href="/"]').setAttribute("aria-current", "page");
  refresh();
}());
