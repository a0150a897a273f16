"""``nkdash publish``: the lake as it is now becomes the warehouse's next version."""


def publish() -> None:
    """Publish the lake to the warehouse; makes no new version where nothing changed."""
    from nkdash import warehouse
    from nkdash.catalog import load_catalog
    from nkdash.cli.console import console
    from nkdash.settings import load_settings

    settings = load_settings()
    result = warehouse.publish(settings, load_catalog(settings))
    if result.unchanged:
        console().print(f"Nothing changed; version {result.version} stays current.")
        return
    changed = ", ".join(f"{table} {count}" for table, count in result.changed.items() if count)
    console().print(
        f"Published version {result.version} in {result.seconds:.2f} s: "
        f"{sum(result.rows.values()):,} rows in {len(result.rows)} tables.\n"
        f"Partitions replaced: {changed or 'none; the tables were made anew'}.\n{result.path}",
        soft_wrap=True,
    )
