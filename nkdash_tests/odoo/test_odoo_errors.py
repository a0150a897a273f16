"""Errors are told apart by whether another attempt helps, and keep Odoo's own words."""

import pickle
from typing import Any

import pytest

from nkdash.odoo import (
    OdooAccessError,
    OdooConfigurationError,
    OdooCredentialsError,
    OdooError,
    OdooRequestError,
    OdooSchemaError,
    TransientOdooError,
)
from nkdash.odoo.errors import from_odoo

RECORDED_KINDS: dict[str, type[OdooError]] = {
    "authenticate() on an unknown database": OdooConfigurationError,
    "old field qty_done in a domain": OdooSchemaError,
    "ERROR bad credentials": OdooCredentialsError,
    "ERROR unknown model": OdooSchemaError,
    "ERROR unknown field in fields": OdooSchemaError,
    "ERROR unknown field in domain": OdooSchemaError,
    "ERROR unknown field in order": OdooSchemaError,
    "ERROR unknown database": OdooConfigurationError,
    "ERROR unknown method": OdooSchemaError,
    "ERROR private method": OdooAccessError,
    "ERROR malformed domain": OdooRequestError,
    "ERROR unknown service": OdooRequestError,
    "ERROR access (cashier reading purchase.order)": OdooAccessError,
}


@pytest.mark.parametrize("major", ["17", "19"])
def test_every_recorded_error_is_of_its_kind_and_none_is_retried(
    recorded: dict[str, Any], major: str
) -> None:
    errors = {
        pair["title"]: pair["response"]["error"]["data"]
        for pair in recorded[major]["pairs"]
        if "error" in pair.get("response", {})
    }
    kinds = {title: type(from_odoo(data)) for title, data in errors.items()}
    assert len(kinds) >= 12
    assert kinds == {title: RECORDED_KINDS[title] for title in kinds}
    for title, data in errors.items():
        error = from_odoo(data, model="pos.order", method="search_read")
        assert not error.transient
        assert str(error).startswith("pos.order.search_read: ")
        assert data["message"].splitlines()[0].strip().rstrip(".") in str(error), title
        assert "Traceback" not in str(error)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("psycopg2.errors.SerializationFailure", "could not serialize access"),
        ("psycopg2.errors.DeadlockDetected", "deadlock detected"),
        ("psycopg2.errors.LockNotAvailable", "could not obtain lock"),
        ("psycopg2.errors.QueryCanceled", "canceling statement due to statement timeout"),
        ("psycopg2.extensions.TransactionRollbackError", "could not serialize access"),
        ("psycopg2.InterfaceError", "connection already closed"),
        ("psycopg2.OperationalError", "server closed the connection unexpectedly"),
        ("psycopg2.OperationalError", "FATAL: sorry, too many clients already"),
        ("psycopg2.pool.PoolError", "The Connection Pool Is Full"),
        ("odoo.exceptions.ConcurrencyError", "try again"),
        ("odoo.exceptions.MissingError", "Record does not exist or has been deleted."),
        ("builtins.MemoryError", ""),
    ],
)
def test_faults_that_pass_are_transient(name: str, message: str) -> None:
    assert type(from_odoo({"name": name, "message": message})) is TransientOdooError


@pytest.mark.parametrize(
    ("name", "message", "kind"),
    [
        ("odoo.exceptions.AccessDenied", "Access Denied", OdooCredentialsError),
        ("odoo.exceptions.UserError", "Something is wrong here", OdooRequestError),
        ("odoo.exceptions.ValidationError", "Invalid", OdooRequestError),
        ("builtins.TypeError", "unexpected keyword argument 'load'", OdooRequestError),
        ("builtins.KeyError", "", OdooRequestError),
        ("", "", OdooRequestError),
    ],
)
def test_unknown_faults_are_permanent(name: str, message: str, kind: type[OdooError]) -> None:
    error = from_odoo({"name": name, "message": message})
    assert type(error) is kind
    assert error.remedy in str(error)


def test_long_messages_are_cut_to_their_first_lines() -> None:
    text = str(from_odoo({"name": "x.UserError", "message": "first\n\n" + "\nnext " * 500}))
    assert "first next" in text
    assert len(text) < 800


def test_errors_survive_pickling_between_processes() -> None:
    error = TransientOdooError("HTTP 429", remedy="Wait.", model="pos.order", method="read")
    error.retry_after = 3.0
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is TransientOdooError
    assert (str(copy), copy.retry_after, copy.where) == (str(error), 3.0, "pos.order.read")
