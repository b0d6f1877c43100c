import json
from pathlib import Path
from typing import Any

import pytest

from forecast.core.adapter import ModelConfig
from forecast.core.checkpoint import locate_checkpoint
from forecast.core.errors import LicenceError
from forecast.core.licence import Licence, licence_of_card, licence_of_files, require_acceptance
from forecast.core.lifecycle import ModelService
from forecast.core.schemas import InitializationRequest
from tests.fakes import FakeAdapter, FakeSettings

NC = "cc-by-nc-4.0"


def config(folder: Path, **changes: Any) -> ModelConfig:
    given: dict[str, Any] = {"context_len": None, "horizon_len": 8, "local_dir": folder}
    return ModelConfig(**(given | changes))


def card(folder: Path, front: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(f"---\n{front}\n---\n# A model\nlicense: mit\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "licence",
    [
        *(
            NC,
            "cc-by-nc-sa-4.0",
            "cc-by-nc-nd-4.0",
            "x-nc",
            "nc",
            "a_nc_b",
            "research-only",
            "non commercial",
            "cc-by-nc4.0",
            "non\u2013commercial",
        ),
        *("timesfm-non-commercial-license-v1.0", "fair-noncommercial-research-license"),
    ],
)
def test_a_licence_says_by_its_id_that_it_forbids_commercial_use(licence: str) -> None:
    assert Licence(licence).forbids_commercial_use


@pytest.mark.parametrize("licence", ["apache-2.0", "mit", "ncsa", "cc-by-4.0", "cc-by-sa-4.0", "etalab-2.0"])
def test_a_licence_that_leaves_commercial_use_open_is_not_mistaken(licence: str) -> None:
    assert not Licence(licence).forbids_commercial_use


@pytest.mark.parametrize(
    ("front", "told"),
    [
        ({"license": "CC-BY-NC-4.0 "}, NC),
        ({"license": ["mit", NC]}, NC),
        ({"license": "other", "license_name": "acme-nc"}, "acme-nc"),
        ({"license_name": "acme-nc"}, "acme-nc"),
        ({"license": "other"}, None),
        ({"license": None}, None),
        ({"license": {"name": NC}}, None),
        ({}, None),
    ],
)
def test_a_card_tells_its_licence(front: dict[str, Any], told: str | None) -> None:
    found = licence_of_card(front, "google/any")
    assert (found.id if found else None) == told


def test_a_known_repository_has_its_licence_where_the_card_tells_none() -> None:
    known = Licence("timesfm-non-commercial-license-v1.0")
    assert licence_of_card({}, "google/timesfm-3.0-pytorch") == known
    assert licence_of_card({"license": "other"}, "Google/TimesFM-3.5") == known
    assert licence_of_card({"license": "mit"}, "google/timesfm-3.0-pytorch") == Licence("mit")
    assert licence_of_card({}, "google/timesfm-2.5-200m-pytorch") is None


def test_the_front_matter_comes_before_config_json(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"license": "x-nc"}))
    assert licence_of_files(tmp_path) == Licence("x-nc")
    assert licence_of_files(card(tmp_path, "license: mit")) == Licence("mit")


def test_the_card_beside_a_file_is_that_of_the_file(tmp_path: Path) -> None:
    weights = card(tmp_path, f"license: {NC}") / "torch_model.ckpt"
    weights.touch()
    assert licence_of_files(weights) == Licence(NC)


@pytest.mark.parametrize(
    "front",
    ["license: [", "- a\n- b", "license: !!python/object/apply:os.system ['touch ran']", "a: " + "[" * 5000],
)
def test_a_card_that_cannot_be_read_tells_nothing_and_runs_nothing(
    tmp_path: Path, front: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert licence_of_files(card(tmp_path, front)) is None
    (tmp_path / "README.md").write_bytes(b"---\nlicense: \xff\n---\n")
    assert licence_of_files(tmp_path) is None
    assert not (tmp_path / "ran").exists()


def test_what_is_no_object_in_config_json_tells_nothing(tmp_path: Path) -> None:
    for text in ("[]", "{", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")):
        (tmp_path / "config.json").write_text(text)
        assert licence_of_files(tmp_path) is None


@pytest.mark.parametrize("sent", [None, "mit", "cc-by-nc-sa-4.0"])
def test_a_local_checkpoint_is_refused_until_its_licence_is_accepted(
    tmp_path: Path, sent: str | None
) -> None:
    card(tmp_path / "mine", f"license: {NC}")
    asked = config(tmp_path, source_type="local", local_model_path="mine", accept_licence=sent)
    with pytest.raises(LicenceError) as refused:
        locate_checkpoint(asked)
    assert (refused.value.status, refused.value.code) == (403, "LICENCE_NOT_ACCEPTED")
    told = refused.value.detail
    assert told.startswith(f"The licence of local:mine is '{NC}'")
    assert "forbids commercial use" in told
    assert "https://creativecommons.org/licenses/by-nc/4.0/" in told
    assert f'"accept_licence": "{NC}"' in told
    assert (f"not '{sent}'" in told) == (sent is not None)
    assert refused.value.details["accept_licence"] == NC
    assert str(tmp_path) not in told


@pytest.mark.parametrize("sent", [NC, " CC-by-NC-4.0"])
def test_a_local_checkpoint_whose_licence_is_accepted_is_found(tmp_path: Path, sent: str) -> None:
    folder = card(tmp_path / "mine", f"license: {NC}")
    asked = config(tmp_path, source_type="local", local_model_path="mine", accept_licence=sent)
    assert locate_checkpoint(asked) == folder


def test_what_is_accepted_has_to_be_the_checkpoints_own(tmp_path: Path) -> None:
    asked = config(tmp_path, source_type="local", local_model_path="x", accept_licence=NC)
    with pytest.raises(LicenceError, match="is 'mit', not 'cc-by-nc-4.0'. Read it") as refused:
        require_acceptance(asked, Licence("mit"))
    assert "forbids" not in refused.value.detail
    with pytest.raises(LicenceError, match="local:x states no licence, so 'cc-by-nc-4.0' cannot") as refused:
        require_acceptance(asked, None)
    assert refused.value.details == {"licence": None}
    require_acceptance(asked.model_copy(update={"accept_licence": None}), None)
    require_acceptance(asked.model_copy(update={"accept_licence": None}), Licence("mit"))


@pytest.mark.parametrize("sent", [NC, "acme-NC"])
def test_each_of_several_licences_can_be_accepted(tmp_path: Path, sent: str) -> None:
    stated = licence_of_card({"license": ["mit", NC, "other"], "license_name": "acme-nc"})
    require_acceptance(config(tmp_path, accept_licence=sent), stated)
    with pytest.raises(LicenceError, match=f"is '{NC}', not 'mit'"):
        require_acceptance(config(tmp_path, accept_licence="mit"), stated)


@pytest.mark.parametrize(
    ("source", "licence", "place"),
    [
        ({"checkpoint": "google/x"}, Licence("x-nc"), "https://huggingface.co/google/x"),
        ({"checkpoint": "google/x"}, Licence("x-nc", "https://x.test/l"), "https://x.test/l"),
        ({"source_type": "local", "local_model_path": "x"}, Licence("x-nc"), "the files beside the weights"),
    ],
)
def test_a_refusal_says_where_the_licence_is_to_be_read(
    tmp_path: Path, source: dict[str, str], licence: Licence, place: str
) -> None:
    with pytest.raises(LicenceError) as refused:
        require_acceptance(config(tmp_path, **source), licence)
    assert refused.value.details["read_at"] == place


def test_the_address_of_a_licence_is_taken_from_the_card_only_where_it_is_one() -> None:
    links = [("https://x.test/l", "https://x.test/l"), ("LICENSE", None), ("javascript:alert(1)", None)]
    for link, kept in links:
        assert licence_of_card({"license": "x-nc", "license_link": link}) == Licence("x-nc", kept)


def read(config: ModelConfig) -> None:
    locate_checkpoint(config)


class WeightSettings(FakeSettings, env_prefix="FAKE_"):
    default_checkpoint: str | None = "google/default"


def test_a_model_that_is_loaded_under_a_licence_wants_it_accepted_again(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    card(tmp_path / "local" / "mine", f"license: {NC}")
    service = ModelService(FakeAdapter(on_load=read), WeightSettings, tmp_path)
    bare = InitializationRequest(local_model_path="mine")
    accepting = InitializationRequest(local_model_path="mine", accept_licence=NC)
    with pytest.raises(LicenceError):
        service.initialize(bare)
    assert service.get_status()[0] == "error"
    assert service.initialize(accepting).status == "ready"
    loaded = service.get_model_config()
    assert loaded is not None
    assert loaded.accept_licence == NC
    assert service.initialize(accepting).status == "ready"
    with pytest.raises(LicenceError, match=NC):
        service.initialize(bare)
    assert service.get_status()[0] == "ready"
    service.shutdown()
