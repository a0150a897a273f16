"""The taxes of document lines: what is charged on top, what the price holds, what is withheld."""

import polars as pl


def rates_of_lines(lines: pl.LazyFrame, taxes: pl.LazyFrame) -> pl.LazyFrame:
    """Rates in percent of each line that has taxes; lines without any have no row.

    ``lines`` has line_id and tax_ids, ``taxes`` is dim_taxes. Columns: line_id, has_included,
    included_rate, excluded_rate (charged on top, without what is withheld), withheld_rate (0 or
    less), rates_known (false where a tax is a fixed amount or in no dimension), tax_names.
    """
    known = taxes.select(
        "name", "rate", "charged_rate", "price_included", pl.col("tax_id").alias("tax_ids")
    )
    included = pl.col("price_included").fill_null(False)
    charged = pl.col("charged_rate").fill_null(0.0)
    return (
        lines.select("line_id", "tax_ids")
        .explode("tax_ids", empty_as_null=False)
        .drop_nulls("tax_ids")
        .join(known, on="tax_ids", how="left")
        .sort("line_id", "tax_ids")
        .group_by("line_id")
        .agg(
            has_included=included.any(),
            included_rate=charged.filter(included).sum(),
            excluded_rate=charged.filter(~included).sum(),
            withheld_rate=(pl.col("rate") - pl.col("charged_rate")).fill_null(0.0).sum(),
            rates_known=pl.col("rate").is_not_null().all(),
            tax_names=pl.col("name").drop_nulls().str.join(", "),
        )
    )
