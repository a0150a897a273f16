"""Odoo's services behind any wire format: version, log-in and model calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from nkdash.sandbox import methods, schema
from nkdash.sandbox.env import READER, Env, Rights, User
from nkdash.sandbox.errors import access_denied, unknown_database
from nkdash.sandbox.store import Store, World

ADMIN_ID = 2


@dataclass(frozen=True)
class Service:
    """One database with one administrator's account.

    Users of the records whose login begins with ``kasir`` may log in too, with their login as
    key: they are cashiers, and some models are closed to them. ``rights`` are the administrator's:
    none but reading everything, unless told.
    """

    store: Store
    db: str
    username: str
    api_key: str
    rights: Rights = READER

    def __post_init__(self) -> None:
        self._call_administrator_by_name()

    @property
    def major(self) -> int:
        """The version of Odoo that is played."""
        return self.store.world.major

    @property
    def version(self) -> dict[str, Any]:
        """What ``common.version`` says."""
        return {
            "server_version": f"{self.major}.0",
            "server_version_info": [self.major, 0, 0, "final", 0, ""],
            "server_serie": f"{self.major}.0",
            "protocol_version": 1,
        }

    def user_of_key(self, key: str) -> int | None:
        """The id of the user whose API key it is."""
        users = self._user_ids(self.store.world)
        return next((uid for login, uid in users.items() if key == self._key(login)), None)

    def login(self, db: str, username: str, key: str) -> int | bool:
        """The user's id, False for a wrong user or key; raises for an unknown database."""
        self._check_database(db)
        uid = self._user_ids(self.store.world).get(username)
        return uid if uid is not None and key == self._key(username) else False

    def execute(
        self,
        db: str,
        uid: int,
        key: str,
        model: str,
        method: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Call a model's method; raises ``OdooError``."""
        self._check_database(db)
        world = self.store.world
        users = {user_id: name for name, user_id in self._user_ids(world).items()}
        login = users.get(uid) if isinstance(uid, int) else None
        if login is None or key != self._key(login):
            raise access_denied()
        rest = dict(kwargs)
        env = self.env(uid, rest.pop("context", None) or {})
        return methods.call(env, model, method, args, rest)

    def env(self, uid: int, context: Mapping[str, Any]) -> Env:
        """The world as the user ``uid`` sees it now."""
        world = self.store.world
        logins = {user_id: name for name, user_id in self._user_ids(world).items()}
        return Env(world, self._user(world, uid, logins[uid]), dict(context))

    def _call_administrator_by_name(self) -> None:
        """Recorded and generated administrators have logins of their own."""
        world = self.store.world
        users = world.tables.get("res.users")
        if users is None or "login" not in users.frame.columns:
            return
        frame = users.frame
        if self.username not in frame["login"]:
            named = pl.when(id=ADMIN_ID).then(pl.lit(self.username)).otherwise("login")
            renamed = replace(users, frame=frame.with_columns(login=named))
            tables = {**world.tables, "res.users": renamed}
            self.store.world = replace(world, tables=tables)

    def _check_database(self, db: str) -> None:
        if db != self.db:
            raise unknown_database(str(db))

    def _key(self, login: str) -> str:
        return self.api_key if login == self.username else login

    def _user_ids(self, world: World) -> dict[str, int]:
        table = world.tables.get("res.users")
        logins = (
            dict(zip(table.frame["login"], table.frame["id"], strict=True))
            if table and "login" in table.frame.columns
            else {}
        )
        cashiers = {login: uid for login, uid in logins.items() if login.startswith("kasir")}
        return {**cashiers, self.username: logins.get(self.username, ADMIN_ID)}

    def _user(self, world: World, uid: int, login: str) -> User:
        companies = world.tables.get("res.company")
        every = companies.frame["id"].to_list() if companies else [1]
        users = world.tables.get("res.users")
        own: list[int] = []
        if users and "company_ids" in users.frame.columns:
            row = users.frame.filter(id=uid)["company_ids"]
            own = row.item().to_list() if row.len() else []
        rights = self.rights if login == self.username else Rights(denied=schema.CASHIER_DENIED)
        return User(uid, login, tuple(own or every), rights)
