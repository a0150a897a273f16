// A table's columns stay as the reader put them: widths and order, kept in this browser by table.
// What it is sorted by is in the URL.
(function () {
  "use strict";
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
  }

  async function follow(frames) {
    const table = frames[0]?.table;
    if (!table) return;
    const grid = await window.dash_ag_grid.getApiAsync("grid");
    const state = kept(table);
    const known = new Set(grid.getColumns().map((column) => column.getColId()));
    // Columns that came or went since: the kept order would hide what is new.
    if (state && state.length === known.size && state.every((c) => known.has(c.colId))) {
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

  function reset() {
    const table = document.querySelector(".grid-frame")?.id;
    if (!table) return;
    localStorage.removeItem(key(JSON.parse(table).table));
    window.dash_ag_grid.getApi("grid").resetColumnState();
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-action='columns']")) reset();
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside);
  window.dash_clientside.nkdash = Object.assign({}, window.dash_clientside.nkdash, {
    columns: (frames) => void follow(frames),
  });
})();
