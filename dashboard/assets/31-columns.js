// A table's columns stay as the reader put them: widths and order, kept in this browser by table.
// What it is sorted by is in the URL.
(function () {
  "use strict";
  // How the table on the page came from the server.
  let first = [];
  const key = (table) => `nkdash-columns-${table}`;

  function kept(table) {
    try {
      return JSON.parse(localStorage.getItem(key(table)));
    } catch {
      return null;
    }
  }

  function keep(table, grid) {
    const state = grid.getColumnState().map(({ colId, width }) => ({ colId, width }));
    localStorage.setItem(key(table), JSON.stringify(state));
    tell(true);
  }

  // Whether there is anything to put back: CSS shows the button then.
  function tell(changed) {
    document.querySelector(".grid-frame")?.toggleAttribute("data-changed", changed);
  }

  async function follow(table) {
    const grid = await window.dash_ag_grid.getApiAsync("grid");
    const state = kept(table);
    first = grid.getColumnState().map(({ colId, width, flex }) => ({ colId, width, flex }));
    const known = new Set(first.map((column) => column.colId));
    // Columns that came or went since: the kept order would hide what is new.
    const fits = state?.length === known.size && state.every((c) => known.has(c.colId));
    tell(fits);
    if (fits) {
      const flexible = state.map((c) => ({ ...c, flex: null }));
      grid.applyColumnState({ state: flexible, applyOrder: true });
    }
    const changed = (event) => {
      if (event.finished === false || !event.source.startsWith("ui")) return;
      keep(table, grid);
    };
    grid.addEventListener("columnResized", changed);
    grid.addEventListener("columnMoved", changed);
  }

  function reset(button) {
    const table = document.querySelector(".grid-frame")?.id;
    if (!table) return;
    localStorage.removeItem(key(JSON.parse(table).table));
    // Not resetColumnState, which would put the sort back too.
    window.dash_ag_grid.getApi("grid").applyColumnState({ state: first, applyOrder: true });
    // The button goes: whoever pressed it by keyboard stays where it was.
    button.nextElementSibling.focus();
    tell(false);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action='columns']");
    if (button) reset(button);
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside);
  window.dash_clientside.nkdash = Object.assign({}, window.dash_clientside.nkdash, {
    columns: (frame) => {
      void follow(frame.table);
      return window.dash_clientside.no_update;
    },
  });
})();
