"""``nkdash doctor`` on a bucket: it says what the server cannot do, and leaves nothing behind."""

from collections.abc import Iterator

import pytest
from upath import UPath

from nkdash.cli.bucket import usable
from nkdash.lake import s3
from nkdash_tests.s3_server import BUCKET, Request, S3Server, s3_server


@pytest.fixture
def server() -> Iterator[S3Server]:
    with s3_server() as running:
        yield running


@pytest.fixture
def place(server: S3Server) -> UPath:
    found: UPath = UPath(f"s3://{BUCKET}/warehouse", **server.options())
    return found


def test_a_usable_bucket_is_left_as_it_was(place: UPath) -> None:
    assert usable("warehouse", place, conditional=True).ok
    assert s3.listing(place, deep=True) == []


def test_a_server_that_ignores_conditions_is_told(place: UPath, server: S3Server) -> None:
    def ignore(request: Request) -> None:
        request.environ.pop("HTTP_IF_NONE_MATCH", None)

    server.fault = ignore
    found = usable("warehouse", place, conditional=True)
    assert found.ok is None
    assert "NKDASH_POSTGRES_URL" in found.remedy
    assert usable("lake", place, conditional=False).ok


def test_a_right_that_is_missing_is_told(place: UPath, server: S3Server) -> None:
    for kind in ("PUT", "GET", "LIST", "DELETE"):
        server.fault = lambda request, kind=kind: (  # type: ignore[misc]
            (403, "AccessDenied", "Access Denied") if request.kind == kind else None
        )
        found = usable("lake", place, conditional=False)
        assert found.ok is False, kind
        assert "Access Denied" in found.detail
        assert "list, read, write and delete" in found.detail
