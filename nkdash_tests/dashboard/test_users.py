"""Built-in users: passwords, roles, stores, sessions, and how guessing is slowed down."""

import multiprocessing
import sqlite3
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner
from werkzeug.security import check_password_hash

from dashboard import secret, users
from dashboard.secret import SecretError, secret_key
from dashboard.store import FILE, USER, Entry, Store, StoreError
from dashboard.users import LockedError, Role, UserError, Users
from nkdash.backup.sources import state_files
from nkdash.cli.app import app
from nkdash_tests.dashboard.people import PASSWORD
from nkdash_tests.dashboard.shop import settings

START = datetime(2026, 11, 23, 3, 0)  # noqa: DTZ001 - naive UTC, as the store has it


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        """The time now."""
        return self.time

    def passes(self, **amount: float) -> None:
        """Let time pass."""
        self.time += timedelta(**amount)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until told."""
    return Clock()


@pytest.fixture
def known(tmp_path: Path, clock: Clock) -> Users:
    """A store with one manager."""
    made = Users(Store(tmp_path), now=clock)
    made.add("Ayu", Role.MANAGER, None, PASSWORD)
    return made


def test_a_password_is_hashed_and_checked(known: Users, tmp_path: Path) -> None:
    assert PASSWORD.encode() not in (tmp_path / FILE).read_bytes()
    found = known.verify(" AYU ", PASSWORD, "1.1.1.1")
    assert found is not None
    assert (found.name, found.role, found.stores) == ("ayu", Role.MANAGER, None)
    assert known.verify("ayu", PASSWORD + "x", "1.1.1.1") is None
    assert known.verify("nobody", PASSWORD, "1.1.1.1") is None


def test_an_unknown_name_is_checked_as_long_as_a_wrong_password(
    known: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def counted(hashed: str, password: str) -> bool:
        checked.append(hashed.split("$")[0])
        return check_password_hash(hashed, password)

    monkeypatch.setattr(users, "check_password_hash", counted)
    known.add("of-proxy", Role.VIEWER)
    known.add("gone", Role.VIEWER, None, PASSWORD)
    known.set_active("gone", False)
    for name in ("ayu", "nobody", "of-proxy", "gone"):
        assert known.verify(name, "wrong wrong wrong", "1.1.1.1") is None
    assert len(checked) == 4
    assert len(set(checked)) == 1
    assert known.verify("gone", PASSWORD, "1.1.1.1") is None


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "x" * 201,
        "aaaaaaaaaaaaaaa",
        "ayu.ayu.ayu.ayu",
        "Ayu ayu ayu ayu 2026!",
        "Password 1234",
        "123456789012",
        "Bismillah-123",
    ],
)
def test_a_weak_password_is_refused_with_words(known: Users, password: str) -> None:
    with pytest.raises(UserError, match="choose another"):
        known.add("ayu.ayu.ayu.ayu", Role.VIEWER, None, password)
    assert [a.name for a in known.all()] == ["ayu"]


@pytest.mark.parametrize("name", ["", "  ", "a,b", "x" * 101, "a\nb"])
def test_a_name_that_is_none_is_refused(known: Users, name: str) -> None:
    with pytest.raises(UserError, match="A name has"):
        known.add(name, Role.VIEWER, None, PASSWORD)


def test_names_are_the_same_whatever_their_case(known: Users) -> None:
    with pytest.raises(UserError, match="There is a user ayu already"):
        known.add("AYU", Role.VIEWER, None, PASSWORD)


def test_an_admin_sees_all_stores_and_nobody_sees_none(known: Users, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="admin sees all"):
        known.add("b", Role.ADMIN, [1], PASSWORD)
    with pytest.raises(UserError, match="at least one store"):
        known.set_stores("ayu", [])
    assert known.set_stores("ayu", [2, 1, 2]).stores == (1, 2)
    with pytest.raises(UserError, match="admin sees all"):
        known.set_role("ayu", Role.ADMIN)
    with (
        Store(tmp_path).transaction() as connection,
        pytest.raises(sqlite3.IntegrityError),
    ):
        connection.execute("UPDATE users SET role = 'admin'")


def fail(known: Users, times: int, name: str = "ayu", address: str = "1.1.1.1") -> None:
    """Give a wrong password."""
    for _ in range(times):
        assert known.verify(name, "wrong wrong wrong", address) is None


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes are not what is tested: none is right."""
    monkeypatch.setattr(users, "check_password_hash", lambda _hashed, given: given == PASSWORD)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["ayu", "nobody"])
def test_guessing_a_name_is_locked_out_and_told_how_long(
    known: Users, clock: Clock, name: str
) -> None:
    fail(known, users.MOST_OF_BOTH, name)
    clock.passes(minutes=4)
    with pytest.raises(LockedError) as locked:
        known.verify(name, PASSWORD, "1.1.1.1")
    assert locked.value.wait == users.WINDOW - timedelta(minutes=4)
    # Another address may try: nobody locks out somebody else from afar that easily.
    assert (known.verify(name, PASSWORD, "2.2.2.2") is None) == (name == "nobody")
    clock.passes(minutes=11, seconds=1)
    assert (known.verify(name, PASSWORD, "1.1.1.1") is None) == (name == "nobody")


@pytest.mark.usefixtures("quick")
def test_guessing_from_many_addresses_and_with_many_names_is_locked_out(known: Users) -> None:
    for place in range(users.MOST_OF_NAME):
        fail(known, 1, "ayu", f"10.0.0.{place}")
    with pytest.raises(LockedError):
        known.verify("ayu", PASSWORD, "10.0.1.1")
    for place in range(users.MOST_OF_ADDRESS):
        fail(known, 1, f"name{place}", "6.6.6.6")
    with pytest.raises(LockedError):
        known.verify("another", PASSWORD, "6.6.6.6")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("addresses", "locked"),
    [
        (("2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3"), True),
        (("2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1"), False),
        (("::ffff:1.1.1.1", "1.1.1.1", "1.1.1.1"), True),
        (("::ffff:1.1.1.1", "::ffff:1.1.1.2", "::ffff:1.1.1.3"), False),
    ],
)
def test_who_has_a_network_has_no_more_guesses(
    known: Users, addresses: tuple[str, ...], locked: bool
) -> None:
    def guess() -> None:
        for address in addresses * 2:
            assert known.verify("ayu", "wrong wrong wrong", address) is None

    if locked:
        with pytest.raises(LockedError):
            guess()
    else:
        guess()


def test_a_right_password_forgets_the_wrong_ones_of_that_address(known: Users) -> None:
    for _ in range(3):
        fail(known, users.MOST_OF_BOTH - 1)
        assert known.verify("ayu", PASSWORD, "1.1.1.1")


@pytest.mark.usefixtures("quick")
def test_guesses_at_once_are_no_more_than_one_after_the_other(known: Users) -> None:
    def guess(_: int) -> str:
        try:
            known.verify("ayu", "wrong wrong wrong", "1.1.1.1")
        except LockedError:
            return "locked"
        return "tried"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(guess, range(24)))
    assert answers.count("tried") == users.MOST_OF_BOTH


def test_a_session_ends_by_not_being_used_and_at_the_latest_after_a_month(
    known: Users, clock: Clock
) -> None:
    token = known.begin("ayu")
    for _ in range(2):
        clock.passes(hours=11)
        assert known.of_session(token)
    clock.passes(hours=12, seconds=1)
    assert known.of_session(token) is None
    token = known.begin("ayu")
    for _ in range(30 * 3):
        clock.passes(hours=8)
        assert known.of_session(token)
    clock.passes(hours=1)
    assert known.of_session(token) is None


def test_a_page_that_only_asks_for_newer_data_keeps_no_session_alive(
    known: Users, clock: Clock
) -> None:
    token = known.begin("ayu")
    for _ in range(24):
        clock.passes(minutes=30)
        assert known.of_session(token, active=False)
    clock.passes(minutes=1)
    assert known.of_session(token, active=False) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda u: u.set_password("ayu", "another good password"),
        lambda u: u.set_role("ayu", Role.VIEWER),
        lambda u: u.set_stores("ayu", [1]),
        lambda u: u.set_active("ayu", False),
        lambda u: u.remove("ayu"),
    ],
    ids=["password", "role", "stores", "disable", "remove"],
)
def test_whatever_changes_somebodys_rights_logs_him_out_everywhere(
    known: Users, change: Callable[[Users], Any]
) -> None:
    known.add("budi", Role.VIEWER, None, PASSWORD)
    mine, other = [known.begin("ayu"), known.begin("ayu")], known.begin("budi")
    change(known)
    assert [known.of_session(token) for token in mine] == [None, None]
    assert known.of_session(other)


def test_a_session_ends_with_the_logout_and_its_token_lies_nowhere(
    known: Users, tmp_path: Path
) -> None:
    token, stays = known.begin("ayu"), known.begin("ayu")
    known.end(token)
    assert known.of_session(token) is None
    assert known.of_session("made up") is None
    reader = known.of_session(stays)
    assert reader is not None
    assert reader.may_know_customers
    stored = b"".join(p.read_bytes() for p in tmp_path.glob(f"{FILE}*"))
    assert stays.encode() not in stored


def test_every_change_of_a_user_is_in_the_audit(known: Users, tmp_path: Path) -> None:
    known.set_stores("ayu", [2], by="root")
    known.set_active("ayu", False, by="root")
    known.remove("ayu", by="root")
    told = Store(tmp_path).newest(10, (USER,))
    assert [(e.user, e.detail) for e in told] == [
        ("root", "removed ayu"),
        ("root", "ayu: disabled"),
        ("root", "ayu: stores 2"),
        ("", "added ayu: manager, stores all"),
    ]


# The store of the version before


def old_store(folder: Path) -> None:
    """A store of version 1 with a line in its audit."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / FILE)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(files("dashboard").joinpath("store.sql").read_text("utf-8"))
    connection.execute(
        "INSERT INTO audit (at, user, role, action, request, outcome, dataset, run_id, detail) "
        "VALUES ('2026-11-01 02:03:04.000', 'ayu', 'manager', 'refresh', 'r1', 'asked', '', '', '')"
    )
    connection.commit()
    connection.close()


def _look(folder: Path, found: "multiprocessing.Queue[Any]") -> None:
    try:
        found.put(len(Store(folder).newest()))
    except StoreError as error:
        found.put(str(error))


def _key(folder: Path, found: "multiprocessing.Queue[Any]") -> None:
    found.put(secret_key(settings(folder)))


def at_once(work: Callable[..., None], folder: Path, count: int = 3) -> list[Any]:
    """What processes that start together find."""
    spawn = multiprocessing.get_context("spawn")
    found: multiprocessing.Queue[Any] = spawn.Queue()
    workers = [spawn.Process(target=work, args=(folder, found)) for _ in range(count)]
    for worker in workers:
        worker.start()
    answers = [found.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(10)
    return answers


def test_workers_bring_an_old_store_up_to_date_once_and_lose_nothing(tmp_path: Path) -> None:
    old_store(tmp_path)
    assert at_once(_look, tmp_path) == [1, 1, 1]
    store = Store(tmp_path)
    [entry] = store.newest()
    expected = Entry(
        START.replace(day=1, hour=2, minute=3, second=4), "ayu", "manager", "refresh", "r1", "asked"
    )
    assert entry == expected
    assert Users(store).all() == []
    with store.transaction() as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("DELETE FROM audit")


def test_a_store_of_a_newer_nkdash_is_left_alone(tmp_path: Path) -> None:
    Store(tmp_path).newest()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer NKDash"):
        Store(tmp_path).newest()


# The secret key


def test_workers_that_start_together_have_one_key_that_others_cannot_read(tmp_path: Path) -> None:
    keys = at_once(_key, tmp_path)
    assert len(set(keys)) == 1
    assert len(keys[0]) == 64
    path = tmp_path / "state" / secret.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(p.name for p in path.parent.iterdir()) == [secret.FILE]


def test_the_key_of_the_settings_wins_and_a_damaged_file_is_told(tmp_path: Path) -> None:
    given = settings(tmp_path, nkdash_secret_key="k" * 32)
    assert secret_key(given) == b"k" * 32
    assert not (tmp_path / "state").exists()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / secret.FILE).write_bytes(b"")
    with pytest.raises(SecretError, match="delete it"):
        secret_key(settings(tmp_path))


def test_a_backup_has_the_users_and_not_the_key(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    Users(Store(chosen.state_dir)).add("ayu", Role.VIEWER)
    secret_key(chosen)
    assert {source.name for source in state_files(chosen)} == {f"state/{FILE}"}


# The command line


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Runs ``nkdash user``, with a password on standard input."""
    monkeypatch.setenv("NKDASH_STATE_DIR", str(tmp_path / "state"))

    def user(*words: str, given: str = PASSWORD, code: int = 0) -> str:
        answer = CliRunner().invoke(app, ["user", *words], input=f"{given}\n")
        assert answer.exit_code == code, answer.output
        return answer.output

    return user


def test_users_are_made_listed_changed_and_removed(run: Callable[..., str], tmp_path: Path) -> None:
    assert "nkdash user add" in run("list")
    assert "ayu: manager, stores 1, 3" in run("add", "Ayu", "--role", "manager", "--stores", "1,3")
    assert "budi: viewer, stores all" in run("add", "budi", "--no-password")
    listed = run("list")
    assert "password" in listed
    assert "proxy" in listed
    assert "stores 2" in run("stores", "ayu", "2")
    assert "stores all" in run("stores", "ayu", "--all")
    assert "ayu: admin" in run("role", "ayu", "admin")
    assert "disabled" in run("disable", "ayu")
    assert "disabled" not in run("enable", "ayu")
    run("password", "ayu", given="a second good one")
    assert Users(Store(tmp_path / "state")).verify("ayu", "a second good one", "x")
    run("remove", "budi")
    assert "budi" not in run("list")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("add", "ayu", "--role", "boss"), 2, "none of viewer, manager, admin"),
        (("add", "ayu", "--stores", "kemang"), 2, "stores are ids"),
        (("stores", "ayu"), 2, "name stores, or give --all"),
        (("remove", "ayu"), 1, "There is no user ayu"),
        (("add", "ayu", "--role", "admin", "--stores", "1"), 1, "admin sees all stores"),
    ],
)
def test_what_makes_no_sense_is_told_in_words(
    run: Callable[..., str], words: tuple[str, ...], code: int, told: str
) -> None:
    assert told in " ".join(run(*words, code=code).split())
