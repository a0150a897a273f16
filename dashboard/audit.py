"""Views and exports into the audit: who looked at or took what, with which filters, as of when."""

import logging
import uuid

from flask import request

from dashboard.access import current_user, is_activity
from dashboard.state import State
from dashboard.store import DONE, EXPORT, REFUSED, VIEW, Entry, Store, StoreError
from dashboard.users import machine_now

LONGEST_PATH = 100

log = logging.getLogger(__name__)


class Audit:
    """Writes down what the reader of this request sees."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.fault: str = ""

    def viewed(self, path: str, state: State, version: int, *, shown: bool) -> None:
        """A page with its filters; once a visit. A store that cannot be written stops no view.

        ``shown`` is false where the page is not for this reader.
        """
        user = current_user()
        filters = canonical(state)
        entry = Entry(
            machine_now(),
            user.name,
            user.role,
            VIEW,
            uuid.uuid4().hex,
            DONE if shown else REFUSED,
            path=path[:LONGEST_PATH],
            filters=filters,
            data_version=version,
        )
        try:
            self._store.viewed(
                user.key or user.name, entry.path + filters, entry, navigates=is_activity(request)
            )
            self.fault = ""
        except StoreError as error:
            if not self.fault:
                log.exception("a view is not in the audit")
            self.fault = str(error)

    def exported(
        self, name: str, kind: str, path: str, state: State, rows: int, version: int
    ) -> None:
        """A file of ``rows`` rows that is about to be handed out.

        What cannot be written down is not handed out. Raises StoreError.
        """
        user = current_user()
        entry = Entry(
            machine_now(),
            user.name,
            user.role,
            EXPORT,
            uuid.uuid4().hex,
            DONE,
            detail=f"{name}.{kind}",
            path=path[:LONGEST_PATH],
            filters=canonical(state),
            rows=rows,
            data_version=version,
        )
        self._store.append(entry)


def canonical(state: State) -> str:
    """The query string of what is shown; the order of a table's rows is no part of that."""
    return state.with_(sort="").search
