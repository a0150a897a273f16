"""What can go wrong with the warehouse; every message names the cause and the remedy."""


class WarehouseError(Exception):
    """Base of the warehouse's errors."""


class PublishError(WarehouseError):
    """The lake could not be published; the version before stays in place."""


class CheckFailedError(PublishError):
    """The version that was built does not hold what the lake holds."""


class NothingToPublishError(PublishError):
    """The lake holds no fact and no dimension yet."""


class NoWarehouseError(WarehouseError):
    """Nothing was published yet."""


class BrokenWarehouseError(WarehouseError):
    """The pointer or the published file cannot be read."""


class UnreachableWarehouseError(WarehouseError):
    """The warehouse lies on S3, which does not give it."""


class OldSchemaError(WarehouseError):
    """The published version was made by another version of NKDash."""
