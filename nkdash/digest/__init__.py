"""The daily digest: yesterday against the same day last week, and what to look at.

``figures`` asks for the KPIs, ``letter`` says them in English or Indonesian, ``send`` delivers it.
"""
