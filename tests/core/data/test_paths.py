import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecast.core.errors import DataError, ForbiddenError
from forecast.core.paths import Files, locate_data_file, open_data_file
from forecast.core.principal import DEFAULT_CLIENT

SECRET = b"secret"


def read(name: str, data_dir: Path, client_id: str = DEFAULT_CLIENT) -> bytes:
    hidden = frozenset(data_dir.resolve() / f"sapheneia.db{end}" for end in ("", "-wal"))
    with open_data_file(name, Files(data_dir, client_id, hidden)) as file:
        return file.read()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    root = tmp_path / "host" / "the-data"
    for name in (
        "uploads/x.csv",
        "samples/x.csv",
        "samples/s.csv",
        "results/r.csv",
        "top.csv",
        "uploads/acme/own.csv",
        "uploads/.draft.csv",
        "sapheneia.db",
        "sapheneia.db-wal",
        ".settings/x.csv",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "host" / "secret.csv").write_bytes(SECRET)
    (tmp_path / "host" / "the-data-too").mkdir()
    (tmp_path / "host" / "the-data-too" / "secret.csv").write_bytes(SECRET)
    return root


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("data/uploads/x.csv", "uploads/x.csv"),
        ("./data/uploads/x.csv", "uploads/x.csv"),
        ("uploads/x.csv", "uploads/x.csv"),
        ("local://x.csv", "uploads/x.csv"),
        ("local://uploads/x.csv", "uploads/x.csv"),
        ("local://data/samples/x.csv", "samples/x.csv"),
        ("x.csv", "uploads/x.csv"),
        ("s.csv", "samples/s.csv"),
        ("top.csv", "top.csv"),
        ("data/top.csv", "top.csv"),
        ("/app/data/uploads/x.csv", "uploads/x.csv"),
        ("local:///app/data/results/r.csv", "results/r.csv"),
        ("uploads/../samples/s.csv", "samples/s.csv"),
        ("results/r.csv", "results/r.csv"),
    ],
)
def test_a_name_stands_for_a_file_of_the_data_directory(data_dir: Path, name: str, found: str) -> None:
    assert read(name, data_dir) == found.encode()


def test_an_absolute_path_inside_the_data_directory_opens(data_dir: Path) -> None:
    assert read(str(data_dir / "top.csv"), data_dir) == b"top.csv"


def test_a_relative_data_directory_is_one_of_the_working_directory(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data_dir.parent)
    assert read("data/top.csv", Path("the-data")) == b"top.csv"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.csv",
        "data/../secret.csv",
        "data/../../host/secret.csv",
        "uploads/../../secret.csv",
        "../the-data-too/secret.csv",
        "local://../secret.csv",
        "local://data/../secret.csv",
        "/app/data/../secret.csv",
        "/app/data/../../etc/passwd",
        "local:///etc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "/etc/no-such-file",
        "../no-such-file",
        "/app/database/x.csv",
        "..",
        "/",
        "/proc/self/environ",
    ],
)
def test_a_name_that_leads_out_is_forbidden_and_shows_no_host_path(data_dir: Path, name: str) -> None:
    with pytest.raises(ForbiddenError) as caught:
        read(name, data_dir)
    assert caught.value.detail == (
        "The path leads out of the data directory; only files under data/ can be read."
    )


@pytest.mark.parametrize("target", ["secret.csv", "no-such-file", "the-data-too/secret.csv"])
def test_a_symbolic_link_that_leads_out_is_forbidden(data_dir: Path, target: str) -> None:
    (data_dir / "uploads" / "link.csv").symlink_to(data_dir.parent / target)
    for name in ("link.csv", "data/uploads/link.csv"):
        with pytest.raises(ForbiddenError):
            read(name, data_dir)


def test_a_linked_folder_that_leads_out_is_forbidden(data_dir: Path) -> None:
    (data_dir / "uploads" / "folder").symlink_to(data_dir.parent)
    with pytest.raises(ForbiddenError):
        read("uploads/folder/secret.csv", data_dir)


def test_a_symbolic_link_inside_opens(data_dir: Path) -> None:
    (data_dir / "uploads" / "link.csv").symlink_to(data_dir / "samples" / "s.csv")
    assert read("link.csv", data_dir) == b"samples/s.csv"


def test_a_data_directory_that_is_itself_a_link_works(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(data_dir)
    assert read("top.csv", tmp_path / "linked") == b"top.csv"
    assert read(str(tmp_path / "linked" / "top.csv"), tmp_path / "linked") == b"top.csv"


@pytest.mark.parametrize(
    "name", ["data/uploads/file.csv", "local://file.csv", "file.csv", "top.csv/x", "n" * 300]
)
def test_a_missing_file_is_named_as_the_caller_wrote_it(data_dir: Path, name: str) -> None:
    with pytest.raises(DataError) as caught:
        read(name, data_dir)
    shown = name if len(name) <= 200 else name[:200] + "…"
    assert caught.value.detail == f"Data error: Local file not found: {shown}"


def test_links_that_lead_to_each_other_are_a_missing_file(data_dir: Path) -> None:
    (data_dir / "a.csv").symlink_to(data_dir / "b.csv")
    (data_dir / "b.csv").symlink_to(data_dir / "a.csv")
    with pytest.raises(DataError, match=r"not found: a\.csv"):
        read("a.csv", data_dir)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("uploads/x.csv\0.png", "a character that no file name can have"),
        ("uploads/\ud800.csv", "a character that no file name can have"),
        ("", "name is empty"),
        ("local://", "name is empty"),
        ("uploads", "a folder, not a file"),
        ("data", "a folder, not a file"),
    ],
)
def test_what_is_no_file_is_an_error_of_the_data(data_dir: Path, name: str, fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        read(name, data_dir)


def test_a_pipe_is_refused_without_waiting_for_a_writer(data_dir: Path) -> None:
    os.mkfifo(data_dir / "uploads" / "pipe.csv")
    with pytest.raises(DataError, match=r"not a regular file: pipe\.csv"):
        read("pipe.csv", data_dir)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("data/uploads/own.csv", "uploads/acme/own.csv"),
        ("uploads/../uploads/own.csv", "uploads/acme/own.csv"),
        ("own.csv", "uploads/acme/own.csv"),
        ("local://own.csv", "uploads/acme/own.csv"),
        ("/app/data/uploads/own.csv", "uploads/acme/own.csv"),
        ("data/samples/s.csv", "samples/s.csv"),
        ("x.csv", "samples/x.csv"),
    ],
)
def test_a_client_names_its_own_files_and_the_samples(data_dir: Path, name: str, found: str) -> None:
    assert read(name, data_dir, "acme") == found.encode()


@pytest.mark.parametrize(
    ("client_id", "name"),
    [
        ("acme", "data/uploads/x.csv"),
        ("acme", "uploads/acme/own.csv"),
        ("acme", "uploads/acme/../x.csv"),
        ("acme", "samples/../uploads/x.csv"),
        ("acme", "top.csv"),
        ("acme", "results/r.csv"),
        ("acme", "data/sapheneia.db"),
        ("acme", "samples/../top.csv"),
        ("other", "own.csv"),
        ("other", "uploads/acme/own.csv"),
        ("other", "uploads/../acme/own.csv"),
        ("default", "own.csv"),
        ("default", "data/uploads/acme/own.csv"),
        ("default", "uploads/acme"),
        ("default", "uploads/nobody"),
        ("default", "sapheneia.db"),
        ("default", "/app/data/sapheneia.db-wal"),
        ("default", "uploads/../sapheneia.db"),
        ("default", "uploads/.draft.csv"),
        ("default", ".settings/x.csv"),
    ],
)
def test_what_a_client_may_not_read_is_a_missing_file(data_dir: Path, client_id: str, name: str) -> None:
    with pytest.raises(DataError) as caught:
        read(name, data_dir, client_id)
    assert caught.value.detail == f"Data error: Local file not found: {name}"


def test_no_link_leads_to_what_a_client_may_not_read(data_dir: Path) -> None:
    for folder in ("uploads", "uploads/acme"):
        (data_dir / folder / "database.csv").symlink_to(data_dir / "sapheneia.db")
        (data_dir / folder / "draft.csv").symlink_to(data_dir / "uploads/.draft.csv")
    (data_dir / "uploads/acme/theirs.csv").symlink_to(data_dir / "uploads/x.csv")
    (data_dir / "uploads/theirs.csv").symlink_to(data_dir / "uploads/acme/own.csv")
    for client_id in ("default", "acme"):
        for name in ("database.csv", "draft.csv", "theirs.csv"):
            with pytest.raises(DataError, match="Local file not found"):
                read(name, data_dir, client_id)


def test_an_absolute_path_is_read_as_the_name_that_it_stands_for(data_dir: Path) -> None:
    assert read(str(data_dir / "uploads/own.csv"), data_dir, "acme") == b"uploads/acme/own.csv"
    with pytest.raises(ForbiddenError):
        read("/etc/passwd", data_dir, "acme")


_PIECES = st.sampled_from(
    [
        "..",
        ".",
        "",
        "data",
        "uploads",
        "x.csv",
        "secret.csv",
        "/app/data",
        "local://",
        "the-data-too",
        "~",
        "%2e%2e",
        "link",
        "acme",
        "own.csv",
        "samples",
    ]
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    pieces=st.lists(_PIECES | st.text(max_size=4), max_size=8),
    start=st.sampled_from(["", "/", "//", "local://"]),
    client_id=st.sampled_from(["default", "acme", "other"]),
)
def test_no_name_at_all_opens_a_file_outside_or_anothers(
    data_dir: Path, pieces: list[str], start: str, client_id: str
) -> None:
    link = data_dir / "uploads" / "link"
    if not link.is_symlink():
        link.symlink_to(data_dir.parent)
    name = start + "/".join(pieces)
    try:
        path = locate_data_file(name, Files(data_dir, client_id))
        content = read(name, data_dir, client_id)
    except (DataError, ForbiddenError):
        return
    assert path.is_relative_to(data_dir)
    assert content != SECRET
    assert (content == b"uploads/acme/own.csv") <= (client_id == "acme")
    assert (content == b"uploads/x.csv") <= (client_id == "default")
