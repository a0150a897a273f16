"""Every KPI once: name, words, formula, SQL, unit, tax basis, which way is good, additive or not.

One module per family of KPIs, found by itself; pages, tooltips, exports, ``nkdash kpi``, the daily
digest and docs/kpis.md all use these definitions. SQL over the published warehouse only.
"""
