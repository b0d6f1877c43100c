import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

from forecast.core.adapter import ModelConfig
from forecast.core.checkpoint import locate_checkpoint
from forecast.core.errors import CheckpointError, ShutDownError
from forecast.core.progress import Figures, LoadProgress, tracked
from tests.core.weights.conftest import Recorded
from tests.core.weights.hub import Hub, Stop

WEIGHTS = hashlib.shake_256(b"weights").digest(1_000_000)
CONFIG = b'{"model_type": "tiny"}'
CARD = b"# A tiny model"
WANTED = {"config.json": CONFIG, "model.safetensors": WEIGHTS, "README.md": CARD}
FILES = WANTED | {"pickle.bin": b"evil", "notes.md": b"#"}
TOTAL = len(WEIGHTS) + len(CONFIG) + len(CARD)


def locate(hub: Hub, revision: str | None = None, originals: tuple[str, ...] = ()) -> Path:
    config = ModelConfig(
        context_len=None,
        horizon_len=8,
        checkpoint="google/tiny",
        revision=revision,
        local_dir=Path("/nonexistent"),
        allowed_repositories=("google/*",),
    )
    return locate_checkpoint(config, originals)


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def partials() -> dict[str, int]:
    blobs = Path(huggingface_hub.constants.HF_HUB_CACHE) / "models--google--tiny" / "blobs"
    return {path.name: path.stat().st_size for path in blobs.glob("*.incomplete")}


def test_weights_their_json_and_their_card_are_fetched_and_nothing_else(hub: Hub) -> None:
    hub.publish("google/tiny", FILES)
    folder = locate(hub)
    assert read(folder) == WANTED
    assert hub.ranges("model.safetensors") == [None]


def test_a_cached_checkpoint_is_not_fetched_again_and_counts_as_done(hub: Hub) -> None:
    hub.publish("google/tiny", FILES)
    first = locate(hub)
    progress = Recorded()
    with tracked(progress):
        assert locate(hub) == first
    assert hub.ranges("model.safetensors") == [None]
    assert Figures("downloading", TOTAL, TOTAL) in progress.seen


@pytest.mark.parametrize("reachable", [True, False])
def test_originals_are_fetched_where_there_are_no_safetensors(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, reachable: bool
) -> None:
    hub.publish("google/tiny", {"torch_model.ckpt": WEIGHTS, "other.bin": b""})
    folder = locate(hub, originals=("*.ckpt",))
    assert read(folder) == {"torch_model.ckpt": WEIGHTS}
    if not reachable:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert locate(hub, originals=("*.ckpt",)) == folder


def test_the_revision_asked_for_is_the_one_that_is_fetched(hub: Hub) -> None:
    hub.publish("google/tiny", FILES)
    hub.publish("google/tiny", FILES | {"model.safetensors": b"older"}, revision="v1")
    assert read(locate(hub, "v1"))["model.safetensors"] == b"older"
    assert hub.ranges("model.safetensors") == [None]
    commit = locate(hub, "v1").name
    assert read(locate(hub, commit))["model.safetensors"] == b"older"
    assert read(locate(hub))["model.safetensors"] == WEIGHTS
    with pytest.raises(CheckpointError, match="'google/tiny' at revision 'v9' .*RevisionNotFound"):
        locate(hub, "v9")


@pytest.mark.parametrize("how", ["switched off", "gone"])
def test_a_filled_cache_serves_while_the_hub_is_out_of_reach(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    hub.publish("google/tiny", FILES)
    folder = locate(hub)
    if how == "gone":
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    else:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    asked = len(hub.asked)
    assert locate(hub) == folder
    assert len(hub.asked) == asked


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_filled_cache_serves_while_the_hub_is_out_of_order(hub: Hub, status: int) -> None:
    hub.publish("google/tiny", FILES)
    folder = locate(hub)
    hub.fails_with = status
    assert locate(hub) == folder


@pytest.mark.parametrize("status", [401, 503])
def test_a_hub_that_refuses_is_told_where_there_is_no_cache(hub: Hub, status: int) -> None:
    hub.fails_with = status
    with pytest.raises(CheckpointError, match="'google/tiny' could not be fetched from the Hub"):
        locate(hub)


def test_a_cache_does_not_stand_in_for_what_the_hub_denies(hub: Hub) -> None:
    hub.publish("google/tiny", FILES)
    locate(hub)
    hub.fails_with = 403
    with pytest.raises(CheckpointError, match="could not be fetched from the Hub"):
        locate(hub)


def test_progress_counts_bytes_up_to_the_total(hub: Hub) -> None:
    hub.publish("google/tiny", FILES)
    progress = Recorded()
    with tracked(progress):
        locate(hub)
    downloading = [figures for figures in progress.seen if figures.phase == "downloading"]
    assert {figures.bytes_total for figures in downloading} == {TOTAL}
    counts = [figures.bytes_done or 0 for figures in downloading]
    assert counts[0] == 0
    assert counts == sorted(counts)
    assert counts[-1] == TOTAL
    assert len(set(counts)) > 5
    assert progress.figures == Figures("reading")


def test_a_cancelled_download_stops_at_once_and_goes_on_where_it_ended(hub: Hub) -> None:
    hub.publish("google/tiny", FILES)
    with pytest.raises(ShutDownError, match="shut down while it was loading"), tracked(Recorded(400_000)):
        locate(hub)
    ((partial, there),) = partials().items()
    assert partial.removesuffix(".incomplete") == hashlib.sha256(WEIGHTS).hexdigest()
    assert 400_000 - len(CONFIG) <= there < len(WEIGHTS)
    progress = Recorded()
    with tracked(progress):
        folder = locate(hub)
    assert read(folder)["model.safetensors"] == WEIGHTS
    assert hub.ranges("model.safetensors") == [None, f"bytes={there}-"]
    begun = next(figures for figures in progress.seen if figures.bytes_total)
    assert begun == Figures("downloading", there + len(CONFIG), TOTAL)
    assert partials() == {}


def test_a_connection_that_breaks_is_taken_up_where_it_broke(hub: Hub) -> None:
    hub.publish("google/tiny", FILES)
    stop = hub.stops["model.safetensors"] = Stop(at=300_000, hang_up=True)
    stop.released.set()
    assert read(locate(hub))["model.safetensors"] == WEIGHTS
    assert hub.ranges("model.safetensors") == [None, "bytes=300000-"]


def test_a_server_that_knows_no_ranges_is_asked_from_the_start_again(hub: Hub) -> None:
    hub.publish("google/tiny", FILES)
    hub.takes_ranges = False
    stop = hub.stops["model.safetensors"] = Stop(at=300_000, hang_up=True)
    stop.released.set()
    progress = Recorded()
    with tracked(progress):
        assert read(locate(hub))["model.safetensors"] == WEIGHTS
    assert max(figures.bytes_done or 0 for figures in progress.seen) == TOTAL


def test_a_partial_file_that_is_not_of_this_one_is_found_out_and_dropped(hub: Hub) -> None:
    hub.publish("google/tiny", FILES)
    with pytest.raises(ShutDownError), tracked(Recorded(400_000)):
        locate(hub)
    blobs = Path(huggingface_hub.constants.HF_HUB_CACHE) / "models--google--tiny" / "blobs"
    (partial,) = blobs.glob("*.incomplete")
    partial.write_bytes(b"x" * partial.stat().st_size)
    with pytest.raises(CheckpointError, match=r"could not be fetched from the Hub \(OSError\)"):
        locate(hub)
    assert partials() == {}
    assert read(locate(hub))["model.safetensors"] == WEIGHTS


def test_a_mirror_that_tells_no_sizes_is_left_to_the_hubs_own_client(
    hub: Hub, capfd: pytest.CaptureFixture[str]
) -> None:
    hub.publish("google/tiny", FILES)
    hub.tells_sizes = False
    progress = Recorded()
    with tracked(progress):
        assert read(locate(hub)) == WANTED
    assert {figures for figures in progress.seen if figures.phase == "downloading"} == {
        Figures("downloading")
    }
    assert capfd.readouterr() == ("", "")


def test_a_mirrors_download_is_cancelled_too(hub: Hub) -> None:
    hub.publish("google/tiny", FILES)
    hub.tells_sizes = False
    stop = hub.stops["model.safetensors"] = Stop(at=300_000)
    progress = LoadProgress()

    def load() -> Path:
        with tracked(progress):
            return locate(hub)

    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load)
        assert stop.reached.wait(60)
        progress.cancel()
        stop.released.set()
        assert isinstance(loading.exception(60), ShutDownError)
    assert not list(Path(huggingface_hub.constants.HF_HUB_CACHE).rglob("model.safetensors"))


@pytest.mark.parametrize("name", ["../../escape.json", "sub/config.json"])
def test_names_of_files_lead_nowhere_but_into_the_snapshot(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.publish("google/tiny", {"model.safetensors": WEIGHTS, name: b"{}"})
    outcome: Any = None
    try:
        outcome = locate(hub)
    except CheckpointError as refused:
        outcome = refused
    assert isinstance(outcome, CheckpointError) == name.startswith("..")
    assert not list(tmp_path.rglob("escape.json"))
