"""Whether what NKDash holds is right: against Odoo, against itself, against what is usual."""
