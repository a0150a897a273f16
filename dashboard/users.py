"""Who may log in, as what, and which stores they see; sessions; and how guessing is slowed down.

All of it lies in the state store, so that every worker knows of a change at once. Names are
compared without regard to case. Times are naive UTC by the machine's clock.
"""

import hashlib
import json
import secrets
import sqlite3
import threading
import unicodedata
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import IPv6Address, IPv6Network

from werkzeug.security import check_password_hash, generate_password_hash

from dashboard.data.scope import Scope
from dashboard.passwords import COMMON
from dashboard.store import DONE, FAILED, USER, Entry, Store, write

SHORTEST, LONGEST = 12, 200
LONGEST_NAME = 100
# A password of nobody: who gives an unknown name waits as long as who gives a wrong password.
_NOBODY = generate_password_hash(secrets.token_hex())
# Each takes 32 MiB for a moment: a flood of logins must not take the machine's memory.
_HASHING = threading.BoundedSemaphore(2)

WINDOW = timedelta(minutes=15)
# Failures within the window after which a login must wait: of one name from one address, of one
# name from anywhere, and of one address with any name.
MOST_OF_BOTH, MOST_OF_NAME, MOST_OF_ADDRESS = 5, 30, 60
TOUCH = timedelta(minutes=5)


class Role(StrEnum):
    """What a reader may do; each may what the one before may."""

    VIEWER = "viewer"
    MANAGER = "manager"
    ADMIN = "admin"


@dataclass(frozen=True)
class User:
    """Who asks. ``stores`` are ids of pos_config, None is all of them; ``key`` tells one login of
    a reader from another.
    """

    name: str
    role: Role
    stores: tuple[int, ...] | None = None
    key: str = ""

    @property
    def may_operate(self) -> bool:
        """May refresh days, cancel runs, and see who asked for what."""
        return self.role in (Role.MANAGER, Role.ADMIN) and self.stores is None

    @property
    def may_know_customers(self) -> bool:
        """May see names of customers: personal data. The one place that says so."""
        return self.role in (Role.MANAGER, Role.ADMIN)

    @property
    def scope(self) -> Scope:
        """What of the warehouse this reader may see."""
        return Scope(self.stores, self.may_know_customers)


@dataclass(frozen=True)
class Account:
    """A line of the table of users; ``logs_in`` here with a password, else a proxy names him."""

    name: str
    role: Role
    stores: tuple[int, ...] | None
    active: bool
    logs_in: bool


class UserError(Exception):
    """What was asked of the users cannot be done; ``str()`` names cause and remedy."""


class PasswordError(UserError):
    """A password that may not be one; ``key`` names the text of a page that says why."""

    def __init__(self, key: str, words: str) -> None:
        self.key = key
        super().__init__(f"{words}; choose another.")


class LockedError(Exception):
    """Too many logins failed; ``wait`` is how long none is tried."""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__(f"locked for {wait}")


def machine_now() -> datetime:
    """Naive UTC. Not NKDASH_NOW's: a clock that stands still would end no session and no lock."""
    return datetime.now(UTC).replace(tzinfo=None)


class Users:
    """The users, sessions and failed logins of a store."""

    def __init__(
        self,
        store: Store,
        idle: timedelta = timedelta(hours=12),
        longest: timedelta = timedelta(days=30),
        now: Callable[[], datetime] = machine_now,
    ) -> None:
        self.store = store
        self._idle = idle
        self._longest = longest
        self._now = now

    # Who there is. Every change is in the audit; ``by`` says who made it.

    def all(self) -> list[Account]:
        """Every user, by name. Raises StoreError."""
        with self.store.transaction() as connection:
            rows = connection.execute(f"{_ACCOUNT} ORDER BY name").fetchall()
        return [_account(row) for row in rows]

    def find(self, name: str) -> Account | None:
        """The user of that name. Raises StoreError."""
        with self.store.transaction() as connection:
            row = connection.execute(f"{_ACCOUNT} WHERE name = ?", (folded(name),)).fetchone()
        return _account(row) if row else None

    def add(
        self,
        name: str,
        role: Role,
        stores: Sequence[int] | None = None,
        password: str | None = None,
        by: str = "",
    ) -> Account:
        """A new user; without ``password`` one whom a proxy logs in.

        Raises UserError, StoreError.
        """
        key = _checked_name(name)
        _check_stores(role, stores)
        account = Account(key, role, _sorted(stores), True, password is not None)
        now = self._text(self._now())
        values = (key, role, _json(stores), self._hash(key, password), now, now)
        with self.store.transaction() as connection:
            try:
                connection.execute(
                    "INSERT INTO users (name, role, stores, password_hash, created_at, changed_at) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    values,
                )
            except sqlite3.IntegrityError:
                raise UserError(f"There is a user {key} already; see nkdash user list.") from None
            self._tell(connection, by, f"added {_words(account)}")
        return account

    def set_role(self, name: str, role: Role, by: str = "") -> Account:
        """Another role. Logs the user out everywhere. Raises UserError, StoreError."""
        _check_stores(role, self._known(name).stores)
        return self._change(name, by, f"role {role}", "role = ?", role)

    def set_stores(self, name: str, stores: Sequence[int] | None, by: str = "") -> Account:
        """The stores seen, None is all. Logs the user out everywhere.

        Raises UserError, StoreError.
        """
        _check_stores(self._known(name).role, stores)
        told = "all" if stores is None else " ".join(map(str, sorted(set(stores))))
        return self._change(name, by, f"stores {told}", "stores = ?", _json(stores))

    def set_password(self, name: str, password: str, by: str = "") -> Account:
        """Another password. Logs the user out everywhere. Raises UserError, StoreError."""
        key = self._known(name).name
        hashed = self._hash(key, password)
        return self._change(name, by, "password", "password_hash = ?", hashed)

    def change_password(self, name: str, old: str, new: str, address: str) -> Account | None:
        """Another password by whoever knows the old one; None where ``old`` is wrong, which is in
        the audit. Logs the user out everywhere. Raises PasswordError, LockedError, StoreError.
        """
        account = self.verify(name, old, address)
        if account is None:
            words = "password: the old one was wrong"
            known = self._known(name)
            with self.store.transaction() as connection:
                self._tell(connection, known.name, words, known.role, FAILED, address)
            return None
        if new == old:
            raise PasswordError("same", "That is the password already")
        hashed = self._hash(account.name, new)
        return self._change(
            account.name, account.name, "password", "password_hash = ?", hashed, account.role
        )

    def set_active(self, name: str, active: bool, by: str = "") -> Account:
        """Let a user in, or no longer. Raises UserError, StoreError."""
        words = "enabled" if active else "disabled"
        return self._change(name, by, words, "active = ?", int(active))

    def remove(self, name: str, by: str = "") -> None:
        """Take a user out; what he did stays in the audit. Raises UserError, StoreError."""
        account = self._known(name)
        with self.store.transaction() as connection:
            connection.execute("DELETE FROM users WHERE name = ?", (account.name,))
            self._tell(connection, by, f"removed {account.name}")

    def _known(self, name: str) -> Account:
        account = self.find(name)
        if account is None:
            raise UserError(f"There is no user {folded(name)}; see nkdash user list.")
        return account

    def _change(
        self,
        name: str,
        by: str,
        told: str,
        change: str,
        value: object,
        role: Role = Role.ADMIN,
    ) -> Account:
        key = self._known(name).name
        with self.store.transaction() as connection:
            connection.execute(
                f"UPDATE users SET {change}, changed_at = ? WHERE name = ?",
                (value, self._text(self._now()), key),
            )
            self._tell(connection, by, f"{key}: {told}", role)
        return self._known(name)

    def _tell(
        self,
        connection: sqlite3.Connection,
        by: str,
        detail: str,
        role: Role = Role.ADMIN,
        outcome: str = DONE,
        address: str = "",
    ) -> None:
        request = uuid.uuid4().hex
        entry = Entry(self._now(), by, role, USER, request, outcome, detail=detail, address=address)
        write(connection, entry)

    def _hash(self, name: str, password: str | None) -> str | None:
        if password is None:
            return None
        check_password(name, password)
        return generate_password_hash(password)

    # Logging in and out.

    def verify(self, name: str, password: str, address: str) -> Account | None:
        """The user of that name and password, or None; both take as long.

        Raises LockedError where too many logins failed, StoreError.
        """
        key, address = folded(name)[:LONGEST_NAME], _network(address)
        self._attempt(key, address)
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT password_hash FROM users WHERE name = ? AND active", (key,)
            ).fetchone()
        with _HASHING:
            right = check_password_hash((row and row[0]) or _NOBODY, password[:LONGEST])
        if not (row and row[0] and right):
            return None
        with self.store.transaction() as connection:
            connection.execute(
                "DELETE FROM attempts WHERE name = ? AND address = ?", (_hidden(key), address)
            )
        return self.find(key)

    def _attempt(self, name: str, address: str) -> None:
        """Count a login before it is tried, so that many at once are not many more tries."""
        now, hidden = self._now(), _hidden(name)
        since = self._text(now - WINDOW)
        with self.store.transaction() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM attempts WHERE at < ?", (since,))
            waits = [
                wait
                for term, values, most in (
                    ("name = ? AND address = ?", (hidden, address), MOST_OF_BOTH),
                    ("name = ?", (hidden,), MOST_OF_NAME),
                    ("address = ?", (address,), MOST_OF_ADDRESS),
                )
                if (wait := self._wait(connection, now, term, values, most))
            ]
            if waits:
                raise LockedError(max(waits))
            connection.execute(
                "INSERT INTO attempts VALUES (?, ?, ?)", (hidden, address, self._text(now))
            )

    def _wait(
        self,
        connection: sqlite3.Connection,
        now: datetime,
        term: str,
        values: tuple[str, ...],
        most: int,
    ) -> timedelta | None:
        """How long until fewer than ``most`` of these failures are in the window."""
        row = connection.execute(
            f"SELECT at FROM attempts WHERE {term} ORDER BY at DESC LIMIT 1 OFFSET ?",
            (*values, most - 1),
        ).fetchone()
        return datetime.fromisoformat(row[0]) + WINDOW - now if row else None

    def begin(self, name: str) -> str:
        """A new session of a user; the token that names it. Raises StoreError."""
        token, now = secrets.token_urlsafe(32), self._now()
        with self.store.transaction() as connection:
            connection.execute(
                "DELETE FROM sessions WHERE seen_at < ? OR began_at < ?",
                (self._text(now - self._idle), self._text(now - self._longest)),
            )
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?)",
                (_hidden(token), name, self._text(now), self._text(now)),
            )
        return token

    def of_session(self, token: str, *, active: bool = True) -> User | None:
        """Whose session it is; None where it has ended. ``active``: its reader does something.

        Raises StoreError.
        """
        key, now = _hidden(token), self._now()
        with self.store.transaction() as connection:
            row = connection.execute(
                "SELECT u.name, u.role, u.stores, s.began_at, s.seen_at "
                "FROM sessions AS s JOIN users AS u ON u.name = s.user "
                "WHERE s.key = ? AND u.active",
                (key,),
            ).fetchone()
            if row is None:
                return None
            name, role, stores, began, seen = row
            since_seen = now - datetime.fromisoformat(seen)
            if since_seen > self._idle or now - datetime.fromisoformat(began) > self._longest:
                connection.execute("DELETE FROM sessions WHERE key = ?", (key,))
                return None
            if active and since_seen > min(TOUCH, self._idle / 4):
                connection.execute(
                    "UPDATE sessions SET seen_at = ? WHERE key = ?", (self._text(now), key)
                )
        return User(name, Role(role), _stores(stores), key)

    def end(self, token: str) -> None:
        """End a session. Raises StoreError."""
        with self.store.transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE key = ?", (_hidden(token),))

    @staticmethod
    def _text(at: datetime) -> str:
        return at.isoformat(sep=" ", timespec="milliseconds")


def folded(name: str) -> str:
    """A name as names are compared."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def check_password(name: str, password: str) -> None:
    """Raises PasswordError for one that is too short, too long, the name, or known to everybody."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordError("length", f"A password has {SHORTEST} to {LONGEST} characters")
    plain = "".join(c for c in folded(password) if c.isalnum())
    named = "".join(c for c in folded(name) if c.isalnum())
    # A name with signs and a number behind it is the name still.
    of_name = bool(named) and plain.rstrip("0123456789") == named.rstrip("0123456789")
    if of_name or len(set(password)) < 5 or plain in COMMON:
        raise PasswordError("easy", "That password is too easy to guess")


_ACCOUNT = "SELECT name, role, stores, active, password_hash IS NOT NULL FROM users"


def _account(row: tuple[str, str, str | None, int, int]) -> Account:
    name, role, stores, active, logs_in = row
    return Account(name, Role(role), _stores(stores), bool(active), bool(logs_in))


def _stores(text: str | None) -> tuple[int, ...] | None:
    return None if text is None else tuple(json.loads(text))


def _json(stores: Sequence[int] | None) -> str | None:
    return None if stores is None else json.dumps(_sorted(stores))


def _sorted(stores: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if stores is None else tuple(sorted(set(stores)))


def _check_stores(role: Role, stores: Sequence[int] | None) -> None:
    if role is Role.ADMIN and stores is not None:
        raise UserError(
            "An admin sees all stores; make it a manager, or give it all stores first "
            "(nkdash user stores NAME --all)."
        )
    if stores is not None and not stores:
        raise UserError("Name at least one store, or give all of them (--all).")


def _checked_name(name: str) -> str:
    key = folded(name)
    if not key or len(key) > LONGEST_NAME or not key.isprintable() or "," in key:
        raise UserError(
            f"A name has 1 to {LONGEST_NAME} characters, without commas; {name!r} is none."
        )
    return key


def _words(account: Account) -> str:
    stores = "all" if account.stores is None else " ".join(map(str, account.stores))
    return f"{account.name}: {account.role}, stores {stores}"


def _network(address: str) -> str:
    """An IPv6 address as the network of its customer, who has 2**64 of them."""
    try:
        found = IPv6Address(address)
    except ValueError:
        return address
    mapped = found.ipv4_mapped
    return str(mapped or IPv6Network((int(found), 64), strict=False))


def _hidden(text: str) -> str:
    """What is kept of a token, or of a name that may be a mistyped password."""
    return hashlib.sha256(text.encode()).hexdigest()
