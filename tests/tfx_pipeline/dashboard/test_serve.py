"""The server of a folder of pages: whom it answers, and what it says of every answer."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import requests

from tfx_pipeline.dashboard.serve import start


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "index.html").write_text("<p>pages</p>")
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "dashboard.js").write_text("")
    server = start(tmp_path, 0)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["", "assets/dashboard.js", "none.html"])
def test_every_answer_says_what_it_may_load_and_who_may_frame_it(address: str, path: str) -> None:
    headers = requests.get(address + path, timeout=10).headers
    assert headers["Content-Security-Policy"].endswith("frame-ancestors 'self'")
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("localhost:9000", 200), ("example.com", 403), ("127.0.0.1.example.com:80", 403), ("", 403)],
)
def test_only_this_machines_names_are_answered(address: str, host: str, status: int) -> None:
    answer = requests.get(address, headers={"Host": host}, timeout=10)
    assert answer.status_code == status
    assert ("pages" in answer.text) == (status == 200)


def test_a_folder_is_not_listed_and_a_name_in_an_error_is_text(address: str) -> None:
    listed = requests.get(address + "assets/", timeout=10)
    assert listed.status_code == 404 and "dashboard.js" not in listed.text
    assert "<img" not in requests.get(address + "<img src=x>", timeout=10).text
