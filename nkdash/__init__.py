"""NKDash: an Odoo retailer's sales, purchases and stock as numbers that can be trusted."""
