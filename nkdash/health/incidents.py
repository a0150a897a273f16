"""Incidents: what is wrong, by key; every receiver hears once that it began and once that it ended.

They are kept by ``nkdash.automation.memory``, so a restart neither forgets one nor tells it again.
What could not be delivered stays due, receiver by receiver, and is sent with the next ``settle``.
"""

import logging
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from nkdash.automation.memory import recall, remember
from nkdash.clock import utc_now
from nkdash.health.message import News, Stage, cleaned, compose
from nkdash.health.notify import Receiver, UndeliveredError, receivers
from nkdash.settings import Settings

MEMORY = "incidents"
UNDELIVERED = "undelivered"
# An end that nobody could be told of for this long is history.
FORGET_AFTER = timedelta(days=7)
# Dagster gives a sensor's tick a minute, checks included.
TELLING_SECONDS = 20.0
logger = logging.getLogger(__name__)
# Sensors of one code server settle in threads side by side.
_lock = threading.Lock()

State = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Incident:
    """Something that is wrong since ``opened`` (ISO, UTC), found by the ``scopes``."""

    key: str
    text: str
    opened: str
    scopes: tuple[str, ...]


@dataclass
class Settled:
    """What a settle changed (keys), and why whom could not be told (by receiver's name)."""

    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    undelivered: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"new: {', '.join(self.opened)}"] if self.opened else []
        parts += [f"over: {', '.join(self.closed)}"] if self.closed else []
        parts += [f"{who} could not be told: {why}" for who, why in self.undelivered.items()]
        return "; ".join(parts) or "nothing new"


def settle(
    instance: dg.DagsterInstance, settings: Settings, found: Mapping[str, str], scope: str
) -> Settled:
    """Take ``found`` (key to sentence) as all that ``scope`` finds wrong now, and tell what is new.

    A key that is new opens an incident, one of this scope that is gone closes it. Two scopes that
    find the same key share one incident: it ends when neither finds it. All that is due to a
    receiver goes in one message; each receiver hears of an incident's begin and end once. Text is
    cleaned of secrets, logins and e-mail addresses. Never raises for a receiver's failure.
    """
    with _lock:
        now = utc_now(settings)
        state: State = recall(instance, MEMORY) or {}
        clean = {key: cleaned(text, settings) for key, text in found.items()}
        settled = Settled(
            opened=_open(state, clean, scope, now), closed=_close(state, clean, scope, now)
        )
        told = receivers(settings)
        _forget(state, told, now)
        remember(instance, MEMORY, state)
        failed: dict[str, str] = {}
        deadline = time.monotonic() + TELLING_SECONDS
        for receiver in told:
            if why := _tell(state, receiver, settings, deadline):
                settled.undelivered[receiver.name] = failed[receiver.id] = why
                logger.warning("%s could not be told: %s", receiver.name, why)
            else:
                remember(instance, MEMORY, state)
        _forget(state, told, now)
        remember(instance, MEMORY, state)
        if failed != (recall(instance, UNDELIVERED) or {}):
            remember(instance, UNDELIVERED, failed)
        return settled


def open_incidents(instance: dg.DagsterInstance) -> list[Incident]:
    """What is wrong now, oldest first."""
    state: State = recall(instance, MEMORY) or {}
    found = [
        Incident(key, kept["text"], kept["opened"], tuple(kept["scopes"]))
        for key, kept in state.items()
        if kept["closed"] is None
    ]
    return sorted(found, key=lambda incident: incident.opened)


def undelivered(instance: dg.DagsterInstance, settings: Settings) -> dict[str, str]:
    """Why whom (by receiver's name) could not be told when last tried; empty where all were."""
    failed: dict[str, str] = recall(instance, UNDELIVERED) or {}
    return {r.name: failed[r.id] for r in receivers(settings) if r.id in failed}


def _open(state: State, found: Mapping[str, str], scope: str, now: datetime) -> list[str]:
    new = []
    for key, text in found.items():
        kept = state.get(key)
        if kept is None:
            kept = {"id": uuid.uuid4().hex, "opened": now.isoformat(), "scopes": [], "told": {}}
            state[key] = kept
            new.append(key)
        elif kept["closed"] is not None:
            # Back before everyone heard that it was over: for those who did not, it never ended.
            kept["told"] = {who: stage for who, stage in kept["told"].items() if stage == "opened"}
            new.append(key)
        kept["closed"] = None
        kept["text"] = text
        if scope not in kept["scopes"]:
            kept["scopes"].append(scope)
    return new


def _close(state: State, found: Mapping[str, str], scope: str, now: datetime) -> list[str]:
    over = []
    for key, kept in state.items():
        if scope in kept["scopes"] and key not in found:
            kept["scopes"].remove(scope)
            if not kept["scopes"]:
                kept["closed"] = now.isoformat()
                over.append(key)
    return over


def _tell(state: State, receiver: Receiver, settings: Settings, deadline: float) -> str | None:
    """Send what is due to a receiver; why it could not be delivered, None where all is well."""
    due = {key: stage for key, kept in state.items() if (stage := _due(kept, receiver))}
    if not due:
        return None
    if time.monotonic() > deadline:
        return "no time was left after those before; next time"
    news = [
        News(kept["id"], key, due[key], kept["text"], kept["opened"], kept["closed"])
        for key in due
        for kept in [state[key]]
    ]
    try:
        receiver.send(compose(settings, news))
    except UndeliveredError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__} while sending"
    for key, stage in due.items():
        state[key]["told"][receiver.id] = stage
    return None


def _due(kept: Mapping[str, Any], receiver: Receiver) -> Stage | None:
    stage: Stage = "opened" if kept["closed"] is None else "closed"
    heard = kept["told"].get(receiver.id)
    return None if heard == stage else stage


def _forget(state: State, told: Iterable[Receiver], now: datetime) -> None:
    """Drop incidents that are over and that nobody has to hear of any more."""
    for key, kept in list(state.items()):
        if kept["closed"] is None:
            continue
        old = now - datetime.fromisoformat(kept["closed"]) > FORGET_AFTER
        if old or not any(_due(kept, receiver) for receiver in told):
            del state[key]
