// Exports: long Excel files in the background, charts as PNG, pages on paper.
(function () {
  "use strict";
  const POLL_MS = 700;
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  async function answer(response) {
    if (!response.ok) throw new Error((await response.text()).trim() || response.statusText);
    return response.json();
  }

  function save(url, name) {
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
  }

  async function inBackground(link) {
    if (link.dataset.busy) return;
    link.dataset.busy = "yes";
    const label = link.querySelector("[data-progress]");
    const told = label.textContent;
    try {
      const begun = await answer(await fetch(link.href, { method: "POST" }));
      for (;;) {
        const now = await answer(await fetch(`/export/jobs/${begun.job}`));
        if (now.state === "failed") throw new Error(now.words);
        if (now.state === "done") break;
        label.textContent = `${Math.floor((100 * now.written) / Math.max(1, now.rows))}%`;
        await pause(POLL_MS);
      }
      save(`/export/jobs/${begun.job}/file`, "");
    } catch (error) {
      window.dash_clientside.set_props("notices", {
        sendNotifications: [
          { action: "show", title: link.dataset.failed, message: error.message, color: "red" },
        ],
      });
    } finally {
      label.textContent = told;
      delete link.dataset.busy;
    }
  }

  // A chart as a picture of its own: with its title, on the card's colour.
  async function picture(button) {
    const card = button.closest("section.card");
    const graph = card.querySelector(".js-plotly-plot");
    const style = getComputedStyle(card);
    const title = card.querySelector("h2").textContent;
    const said = card.querySelector(".hint .hint") ?? card.querySelector(".hint");
    const hint = [...(said?.childNodes ?? [])].map((part) => part.textContent).join(" · ");
    const { width, height } = graph.getBoundingClientRect();
    const layout = {
      ...graph.layout,
      width,
      height: height + 72,
      paper_bgcolor: style.backgroundColor,
      plot_bgcolor: style.backgroundColor,
      margin: { l: 16, r: 24, t: 64, b: 16 },
      title: {
        text: `${title}<br><span style="font-size:12px">${hint}</span>`,
        x: 0,
        xref: "container",
        pad: { l: 16 },
        font: { size: 16, color: style.color },
      },
    };
    const image = await window.Plotly.toImage(
      { data: graph.data, layout },
      { format: "png", width, height: height + 72, scale: 2 },
    );
    const days = document.querySelector("#as-of")?.textContent ?? "";
    save(image, `NKDash ${title} ${days}`.replace(/[^\p{L}\p{N} .-]+/gu, " ").trim() + ".png");
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-background]");
    if (link) {
      event.preventDefault();
      void inBackground(link);
      return;
    }
    const button = event.target.closest("[data-png]");
    if (button) void picture(button);
    else if (event.target.closest("[data-action='print']")) window.print();
  });

  // Paper is white: charts are redrawn in the light scheme before, and as they were after.
  let before = null;
  const root = document.documentElement;
  const scheme = "data-mantine-color-scheme";
  window.addEventListener("beforeprint", () => {
    before = root.getAttribute(scheme);
    root.setAttribute(scheme, "light");
  });
  window.addEventListener("afterprint", () => {
    if (before) root.setAttribute(scheme, before);
    before = null;
  });
})();
