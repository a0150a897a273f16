"""Odoo's own errors, in the words of Odoo 17 and of 19."""

from collections.abc import Iterable


class OdooError(Exception):
    """An error that Odoo would answer.

    ``name`` is the Python path of the exception on Odoo's side (``odoo.exceptions.UserError``),
    ``message`` its text, ``in_19`` the text that Odoo 19 has for it if that is another.
    """

    def __init__(self, name: str, message: str, in_19: str | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.in_19 = in_19

    def said_by(self, major: int) -> str:
        """The text that this version of Odoo has for it."""
        return self.in_19 or self.message if major >= 19 else self.message

    @property
    def kind(self) -> str:
        """The exception as Python writes it: built-in ones by their bare name."""
        return self.name.removeprefix("builtins.")


def value_error(message: str, in_19: str | None = None) -> OdooError:
    """A Python ``ValueError`` inside Odoo: bad fields, domains, groupings."""
    return OdooError("builtins.ValueError", message, in_19)


def invalid_field(model: str, field: str) -> OdooError:
    """A field that the model lacks, named in ``order`` or a grouping."""
    return value_error(f"Invalid field {field!r} on model {model!r}")


def unreadable_field(model: str, field: str) -> OdooError:
    """A field that the model lacks, named in ``fields``."""
    return value_error(
        f"Invalid field {field!r} on model {model!r}", f"Invalid field {field!r} on {model!r}"
    )


def unknown_condition_field(model: str, field: str, leaf: tuple[object, ...]) -> OdooError:
    """A field that the model lacks, named in a domain."""
    return value_error(
        f"Invalid field {model}.{field} in leaf {leaf}",
        f"Invalid field {model}.{field} in condition {leaf}",
    )


def invalid_condition(leaf: tuple[object, ...]) -> OdooError:
    """A domain's term with an operator that there is not, or of another length than three."""
    fault = "Invalid operator in condition" if len(leaf) == 3 else "Invalid condition"
    return value_error(f"Invalid leaf {leaf}", f"{fault} {leaf}")


def access_denied() -> OdooError:
    """Wrong user or key."""
    return OdooError("odoo.exceptions.AccessDenied", "Access Denied")


def access_error(message: str) -> OdooError:
    """A right that the user lacks."""
    return OdooError("odoo.exceptions.AccessError", message)


def no_model_access(title: str, model: str, operation: str, groups: Iterable[str]) -> OdooError:
    """The user's groups grant no ``operation`` ('read', 'write', …) on the model."""
    verb = {"read": "access", "write": "modify", "create": "create", "unlink": "delete"}[operation]
    listed = "".join(f"\t- {group}\n" for group in groups)
    allowed = (
        f"This operation is allowed for the following groups:\n{listed}"
        if listed
        else "No group currently allows this operation.\n"
    )
    return access_error(
        f"You are not allowed to {verb} '{title}' ({model}) records.\n\n{allowed}\n"
        "Contact your administrator to request access if necessary."
    )


def no_record_access(title: str, model: str, ids: Iterable[int], user: str) -> OdooError:
    """A record rule (here: of companies) hides records that were asked for by id."""
    return access_error(
        f"Uh-oh! Looks like you have stumbled upon some top-secret records.\n\n"
        f"Sorry, {user} doesn't have 'read' access to:\n"
        f"- {title} ({model}: {', '.join(map(str, ids))})\n\n"
        "If you really, really need access, perhaps you can win over your friendly administrator "
        "with a batch of freshly baked cookies."
    )


def unknown_model(model: str) -> OdooError:
    """No such model in this database."""
    return OdooError("odoo.exceptions.UserError", f"Object {model} doesn't exist")


def unknown_method(model: str, method: str) -> OdooError:
    """A public method that the model lacks."""
    return OdooError(
        "builtins.AttributeError",
        f"The method '{method}' does not exist on the model '{model}'",
        f"The method '{model}.{method}' does not exist",
    )


def private_method(model: str, method: str) -> OdooError:
    """Methods that begin with an underscore."""
    return OdooError(
        "odoo.exceptions.AccessError",
        f"Private methods (such as {method}) cannot be called remotely.",
        f"Private methods (such as '{model}.{method}') cannot be called remotely.",
    )


def unknown_database(db: str) -> OdooError:
    """PostgreSQL's words about a database that is not there."""
    return OdooError(
        "psycopg2.OperationalError",
        'connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: '
        f'FATAL:  database "{db}" does not exist\n',
    )


def unknown_service(service: str) -> OdooError:
    """A JSON-RPC service other than common and object."""
    return OdooError("builtins.KeyError", service)


def bad_arguments(message: str) -> OdooError:
    """Wrong number or names of arguments."""
    return OdooError("builtins.TypeError", message)


def bad_datetime(value: object) -> OdooError:
    """A text that PostgreSQL cannot read as a date or a timestamp."""
    return OdooError(
        "psycopg2.errors.InvalidDatetimeFormat",
        f'invalid input syntax for type timestamp: "{value}"\n',
    )
