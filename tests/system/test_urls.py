"""Nothing of a URL but its scheme, host and port is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_daemon.system.urls import hide_path, hide_paths


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://cam:554/user=admin_password=s3cret_channel=1", "rtsp://cam:554"),
        ("http://cam?user=admin&pwd=s3cret", "http://cam"),
        ("http://cam#s3cret", "http://cam"),
        ("https://admin:s3cret@cam:8443/x", "https://cam:8443"),
        ("rtsp://[fe80::1]:554/s3cret", "rtsp://[fe80::1]:554"),
        ("mqtt://me:s3/cret@cam", "mqtt://..."),
        ("mqtt://me:s3cret", "mqtt://..."),
        ("cam/1?pwd=s3cret", "cam"),
        ("me:s3cret@cam", "cam"),
        ("https://", "https://"),
        (" mqtt://cam ", " mqtt://cam"),
        ("", ""),
    ],
)
def test_only_the_host_is_shown(url: str, shown: str) -> None:
    """A login, a path, a query or a fragment is left out, also of a damaged URL."""
    assert hide_path(url) == shown


def test_urls_in_a_text() -> None:
    """Each URL in an error of a library is shortened; the rest of the text stays."""
    text = "no answer from http://cam/x?pwd=s3cret, nor from 'https://a:b@h:1/y'"
    assert hide_paths(text) == "no answer from http://cam nor from 'https://h:1'"


@given(st.sampled_from(["rtsp", "http", "https", "mqtt"]), st.text(), st.text())
def test_no_secret_is_shown(scheme: str, before: str, after: str) -> None:
    """Whatever stands around a secret in the path: it is not shown."""
    assert "s3cret" not in hide_path(f"{scheme}://host/{before}s3cret{after}")
    assert "s3cret" not in hide_path(f"{scheme}://me:s3cret{before}@host/{after}")
