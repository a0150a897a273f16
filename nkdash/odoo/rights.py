"""What the user may do in Odoo beyond reading what NKDash reads: each right that is too much."""

from collections.abc import Collection, Mapping

from nkdash.odoo.client import OdooClient
from nkdash.odoo.errors import OdooError, OdooSchemaError

OPERATIONS = ("write", "create", "unlink")

POWERS: Mapping[str, str] = {
    "base.group_system": "changes every setting (Administration / Settings)",
    "base.group_erp_manager": "manages users and their rights (Administration / Access Rights)",
    "account.group_account_manager": "manages the books (Accounting / Administrator)",
    "point_of_sale.group_pos_manager": "manages the shops (Point of Sale / Administrator)",
    "purchase.group_purchase_manager": "manages purchases (Purchase / Administrator)",
    "sales_team.group_sale_manager": "manages sales (Sales / Administrator)",
    "stock.group_stock_manager": "manages the stock (Inventory / Administrator)",
    "hr.group_hr_user": "sees employees' private data (Employees / Officer)",
}
"""Groups that give powers far beyond reading, and what they are: their names are those of all
versions from 14 to 19."""

PRIVATE: Mapping[str, str] = {
    "account.bank.statement.line": "bank statements",
    "crm.lead": "leads",
    "fetchmail.server": "passwords of mail servers",
    "hr.applicant": "applicants",
    "hr.contract": "contracts and wages",
    "hr.expense": "expenses",
    "hr.payslip": "payslips",
    "hr.version": "contracts and wages",
    "ir.config_parameter": "system parameters, which hold secrets",
    "ir.logging": "the server's log",
    "ir.mail_server": "passwords of mail servers",
    "payment.acquirer": "keys of payment providers",
    "payment.provider": "keys of payment providers",
    "res.partner.bank": "bank accounts",
}
"""Models that NKDash has no need of and that tell most to whoever steals its key."""


def writable(client: OdooClient, models: Collection[str]) -> list[str]:
    """``write, create: pos.order, pos.payment`` for models that the user may change in one way.

    Raises OdooError.
    """
    allowed: dict[str, list[str]] = {}
    for model in models:
        if _exists(client, model):
            ways = ", ".join(name for name in OPERATIONS if client.check_access(model, name))
            allowed.setdefault(ways, []).append(model)
    return [f"{ways}: {', '.join(listed)}" for ways, listed in allowed.items() if ways]


def powers(client: OdooClient) -> list[str]:
    """What the user's groups allow of POWERS. Raises OdooError."""
    return [what for group, what in POWERS.items() if client.has_group(group)]


def private(client: OdooClient, models: Collection[str]) -> list[str]:
    """``hr.payslip (payslips)`` for each of PRIVATE that is there, open to the user and none of the
    ``models`` that NKDash reads. Raises OdooError."""
    found = []
    for model, what in PRIVATE.items():
        if model in models:
            continue
        try:
            if client.check_access(model, "read"):
                found.append(f"{model} ({what})")
        except OdooSchemaError:
            continue
    return found


def hidden(client: OdooClient, model: str, absent: Collection[str]) -> list[str] | None:
    """Those of the ``absent`` fields that Odoo has, but hides from the user's groups.

    None where the user may not ask which fields there are (most may not).
    """
    domain = [("model", "=", model), ("name", "in", list(absent))]
    try:
        fields = client.search_read("ir.model.fields", domain, ["name"])
    except OdooError:
        return None
    return sorted(fields.get_column("name"))


def _exists(client: OdooClient, model: str) -> bool:
    try:
        client.fields_get(model)
    except OdooError:
        return False
    return True
