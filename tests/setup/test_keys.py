"""`./setup.sh keys`: keys without a server."""

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.clients.conftest import bearer
from tests.conftest import AUTHORIZED, MakeApp
from tests.setup.clone import Clone

KEY = re.compile(r"sph_[\w-]{43}\n")


@pytest.fixture
def url(clone: Clone, database_url: str) -> str:
    clone.env["DATABASE_URL"] = database_url
    return database_url


def test_a_key_is_made_listed_used_and_revoked(clone: Clone, url: str, make_app: MakeApp) -> None:
    limits = ("--per-minute", "5", "--per-day", "50", "--expires-days", "30")
    made = clone.run("keys", "create", "acme", "--name", "night run", "--role", "operator", *limits)
    assert made.returncode == 0, made.stderr
    assert KEY.fullmatch(made.stdout)
    clone.run("keys", "create", "beta", "--name", "other")
    clone.run("keys", "create", "acme", "--name", "second")

    listed = clone.run("keys", "list", "acme").stdout
    assert made.stdout.strip() not in listed
    head, *rows = listed.splitlines()
    assert head.split()[:4] == ["KEY_ID", "CLIENT", "NAME", "ROLE"]
    assert len(rows) == 2
    row = next(row for row in rows if "night run" in row)
    assert re.fullmatch(
        r"\w{16}  acme    night run  operator  5         50     \d{4}-\d\d-\d\d  valid until \d{4}-\d\d-\d\d",
        row,
    )
    assert len(clone.run("keys", "list").stdout.splitlines()) == 4

    with TestClient(make_app(database_url=url), headers=AUTHORIZED) as client:
        told = client.get("/api/v1/me", headers=bearer(made.stdout.strip())).json()
        assert (told["client_id"], told["role"], told["inferences_per_day"]) == ("acme", "operator", 50)
    key_id = row.split()[0]
    revoked = clone.run("keys", "revoke", key_id)
    assert revoked.stdout == f"Revoked {key_id}; a gateway that runs refuses it within 5 seconds.\n"
    assert " revoked " in next(
        line for line in clone.run("keys", "list").stdout.splitlines() if key_id in line
    )
    with TestClient(make_app(database_url=url)) as client:
        assert client.get("/api/v1/me", headers=bearer(made.stdout.strip())).status_code == 401


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("revoke", "nothing"), 1, "error: There is no key of this ID.\n"),
        (("list", "nobody"), 1, "error: There is no client of this ID.\n"),
        (
            ("create", "Acme", "--name", "x"),
            1,
            "error: client_id: Input should be 1 to 64 of a-z",
        ),
        (
            ("create", "acme", "--name", "x", "--per-day", "0"),
            1,
            "error: inferences_per_day: Input should be",
        ),
        (("create", "acme"), 2, "required: --name"),
        (("create", "acme", "--name", "x", "--role", "root"), 2, "invalid choice: 'root'"),
        ((), 2, "required: create|list|revoke"),
    ],
)
def test_what_makes_no_sense_is_told(
    clone: Clone, arguments: tuple[str, ...], status: int, told: str
) -> None:
    refused = clone.run("keys", *arguments)
    assert (refused.returncode, refused.stdout) == (status, "")
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_database_is_that_of_the_env_file(clone: Clone, tmp_path: Path) -> None:
    env_file = tmp_path / "other.env"
    env_file.write_text(f"API_SECRET_KEY=mine\nDATABASE_URL=sqlite:///{tmp_path}/other.db\n")
    made = clone.run("keys", "create", "acme", "--name", "x", ENV_FILE=str(env_file))
    assert KEY.fullmatch(made.stdout), made.stderr
    assert (tmp_path / "other.db").exists()


def test_a_database_that_does_not_answer_is_told(clone: Clone) -> None:
    refused = clone.run("keys", "list", DATABASE_URL="postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.splitlines()[-1].startswith("error: The database does not answer")
