// The URL is the state. Links and controls change the URL here; the server draws what it says.
(function () {
  "use strict";
  const POLL_SECONDS = 15;
  const set = (id, props) => window.dash_clientside.set_props(id, props);

  // The page itself may have been asked for before a newly chosen language was in its cookie.
  const language = /(?:^|; )nkdash_lang=(\w+)/.exec(document.cookie);
  if (language) document.documentElement.lang = language[1];

  // Which page this is, for the style of its frame; set before the first paint.
  const tellPage = () => (document.body.dataset.path = location.pathname);
  tellPage();

  function navigate(url, { replace = false } = {}) {
    const here = location.pathname + location.search;
    if (url === here) return;
    const otherPage = new URL(url, location.origin).pathname !== location.pathname;
    history[replace ? "replaceState" : "pushState"]({}, "", url);
    tellPage();
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    if (otherPage) window.scrollTo(0, 0);
    look();
  }

  // A control's value as the URL writes it; null where it says nothing (yet).
  function written(key, value, resolved) {
    if (key === "dates") {
      if (!value || !value[0] || !value[1] || value.join() === resolved.dates.join()) return null;
      return ["range", `${value[0]}..${value[1]}`];
    }
    if (key === "range" && value === "custom") return null;
    if (Array.isArray(value)) {
      return [key, [...value].sort((a, b) => a - b || a.localeCompare(b)).join(",")];
    }
    return [key, value == null ? "" : String(value)];
  }

  function control(_values, resolved) {
    if (!resolved) return;
    const query = new URLSearchParams(location.search);
    let byServer = true;
    for (const { prop_id, value } of window.dash_clientside.callback_context.triggered) {
      const { key } = JSON.parse(prop_id.slice(0, prop_id.lastIndexOf(".")));
      const change = written(key, value, resolved);
      if (!change) continue;
      const [name, text] = change;
      const isDefault = text === (resolved.defaults[name] ?? "");
      if ((query.get(name) ?? resolved.defaults[name] ?? "") === text) continue;
      byServer = byServer && resolved.values[name] === text;
      if (isDefault) query.delete(name);
      else query.set(name, text);
    }
    const search = query.toString().replaceAll("%2C", ",");
    navigate(location.pathname + (search ? `?${search}` : ""), { replace: byServer });
  }

  function clicked() {
    const { triggered } = window.dash_clientside.callback_context;
    const url = triggered[0]?.value?.points?.find((p) => p.customdata)?.customdata;
    if (url) navigate(url);
  }

  // Tables: what the URL sorts by goes to the grid, what the grid sorts by to the URL.
  const withoutSort = (search) => {
    const query = new URLSearchParams(search);
    query.delete("sort");
    return query.toString();
  };
  let shown = null;

  async function followUrl(search, version) {
    const key = `${withoutSort(search)}#${version}`;
    const before = shown;
    shown = key;
    if (!document.getElementById("grid")) return;
    const grid = await window.dash_ag_grid.getApiAsync("grid");
    const sort = new URLSearchParams(search).get("sort");
    if (sort) {
      const colId = sort.replace(/^-/, "");
      const wanted = sort.startsWith("-") ? "desc" : "asc";
      const now = grid.getColumnState().find((c) => c.sort);
      if (!now || now.colId !== colId || now.sort !== wanted) {
        grid.applyColumnState({
          state: [{ colId, sort: wanted }],
          defaultState: { sort: null },
        });
      }
    }
    if (before !== null && before !== key) grid.purgeInfiniteCache();
  }

  function followGrid(request) {
    const sort = request?.sortModel?.[0];
    if (!sort) return;
    const text = (sort.sort === "desc" ? "-" : "") + sort.colId;
    const query = new URLSearchParams(location.search);
    if (query.get("sort") === text) return;
    if (!query.has("sort") && document.querySelector(".table-card").dataset.sort === text) return;
    query.set("sort", text);
    const search = query.toString().replaceAll("%2C", ",");
    navigate(`${location.pathname}?${search}`, { replace: true });
  }

  function picked(rows) {
    const row = rows?.[0];
    if (row?.href) navigate(row.href);
    else if (row?.drawer) {
      set("lines-request", { data: { table: row.drawer, key: row.row_id, at: Date.now() } });
    }
  }

  // A new version is seen at the next interaction and by a light poll; so is a lost connection.
  let looking = false;
  async function look() {
    if (looking || document.hidden) return;
    looking = true;
    try {
      const answer = await fetch("/healthz", { cache: "no-store" });
      const { version } = await answer.json();
      document.body.classList.remove("offline");
      if (version !== look.version) {
        const first = look.version === undefined && version === serverVersion();
        look.version = version;
        if (!first) set("version", { data: version });
      }
    } catch {
      document.body.classList.add("offline");
    } finally {
      looking = false;
    }
  }
  const serverVersion = () => {
    const text = document.getElementById("nk-version")?.textContent;
    return text ? Number(text) : null;
  };
  setInterval(look, POLL_SECONDS * 1000);
  document.addEventListener("visibilitychange", look);
  window.addEventListener("online", look);
  window.addEventListener("offline", () => document.body.classList.add("offline"));

  function toggleScheme() {
    const dark = document.documentElement.getAttribute("data-mantine-color-scheme") === "dark";
    const scheme = dark ? "light" : "dark";
    document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
    localStorage.setItem("mantine-color-scheme-value", scheme);
  }

  function setLanguage(language) {
    document.cookie = `nkdash_lang=${language}; path=/; max-age=31536000; samesite=lax`;
    location.reload();
  }

  const actions = {
    scheme: toggleScheme,
    language: (button) => setLanguage(button.dataset.language),
    filters: () => set("filters", { opened: true }),
    help: () => set("help", { opened: true }),
    retry: look,
  };

  // What was asked for a moment ago: a second click asks nothing.
  const TWICE_MS = 3000;
  const asking = {};

  // The grid of days: one stop of the tab key; arrows move, Enter tells a cell's facts.
  const tellCell = (cell) => {
    const [dataset, day] = cell.dataset.cell.split(" ");
    set("ops-cell", { data: { dataset, day, at: Date.now() } });
  };

  function focusCell(cell) {
    const before = cell.closest("table").querySelector("td[tabindex='0']");
    if (before) before.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus();
  }

  function moveInGrid(event, cell) {
    const row = cell.parentElement;
    const cells = (of) => [...of.querySelectorAll("td[data-cell]")];
    const beside = (step) => cells(row)[cells(row).indexOf(cell) + step];
    const inRow = (of) => of?.cells[cell.cellIndex];
    const to = {
      ArrowLeft: () => beside(-1),
      ArrowRight: () => beside(1),
      ArrowUp: () => inRow(row.previousElementSibling),
      ArrowDown: () => inRow(row.nextElementSibling),
      Home: () => cells(row)[0],
      End: () => cells(row).at(-1),
    }[event.key];
    if (event.key === "Enter" || event.key === " ") tellCell(cell);
    else if (!to) return false;
    else if (to()?.dataset.cell) focusCell(to());
    return true;
  }

  // What does not fit into a phone's bottom bar opens above it, until something is chosen.
  const closeMore = () => document.querySelector(".more[open]")?.removeAttribute("open");

  document.addEventListener("click", (event) => {
    if (!event.target.closest(".more > summary")) closeMore();
    const cell = event.target.closest("[data-cell]");
    if (cell) {
      focusCell(cell);
      tellCell(cell);
      return;
    }
    const asked = event.target.closest("[data-again], [data-cancel]");
    if (asked) {
      const { again, cancel } = asked.dataset;
      if (asking[again ?? cancel] > Date.now() - TWICE_MS) return;
      asking[again ?? cancel] = Date.now();
      if (again) set("ops-again", { data: { what: again, at: Date.now() } });
      else set("ops-cancel", { data: { run: cancel, at: Date.now() } });
      return;
    }
    const button = event.target.closest("[data-explain], [data-action]");
    if (button?.dataset.explain) {
      set("explain-request", { data: { what: button.dataset.explain, at: Date.now() } });
      return;
    }
    if (button) {
      actions[button.dataset.action]?.(button);
      return;
    }
    const link = event.target.closest("a[href]");
    const plain = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !plain || event.button !== 0 || link.hasAttribute("download")) return;
    if (link.target || link.origin !== location.origin || link.getAttribute("href").startsWith("#")) return;
    event.preventDefault();
    set("explain", { opened: false });
    set("lines", { opened: false });
    navigate(link.pathname + link.search);
  });

  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.target.closest("input:not([readonly]), textarea, select, [contenteditable]")) return;
    const cell = event.target.closest("[data-cell]");
    if (cell && moveInGrid(event, cell)) {
      event.preventDefault();
      return;
    }
    if (event.key === "Escape") closeMore();
    if (event.key === "?") actions.help();
    else if (event.key === "f" && location.pathname !== "/operations") actions.filters();
    else if (event.key === "t") actions.scheme();
    else if (/^[1-9]$/.test(event.key)) {
      document.querySelectorAll("nav.pages a")[Number(event.key) - 1]?.click();
    } else return;
    event.preventDefault();
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    nkdash: {
      control,
      clicked,
      followUrl: (search, version) => void followUrl(search || "", version),
      followGrid: (request) => void followGrid(request),
      picked: (rows) => void picked(rows),
      showTab: () => {
        requestAnimationFrame(() => {
          document
            .querySelectorAll("#tabs [aria-current], #nav [aria-current]")
            .forEach((link) => link.scrollIntoView({ inline: "center", block: "nearest" }));
        });
      },
      showDays: () => {
        requestAnimationFrame(() => {
          document
            .querySelector(".days td[tabindex='0']")
            ?.scrollIntoView({ inline: "end", block: "nearest" });
        });
      },
      title: (view, titles) => {
        tellPage();
        document.title = titles[view?.page] || "NKDash";
      },
    },
  });
})();
