"""The manifests against the registry they are made from, and against Kubernetes' own schemas."""

from typing import Any

import kubernetes_validate
import pytest
import yaml

from forecast.models import get_available_models
from scripts.manifests import FILE, make_manifests, render

MANIFESTS = list(make_manifests())


def environment_of(container: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}


def test_the_manifests_are_those_of_the_registry() -> None:
    assert FILE.read_text() == render(), "run: python -m scripts.manifests"


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_kubernetes_knows_every_field_of_a_manifest(manifest: dict[str, object]) -> None:
    kubernetes_validate.validate(manifest, "1.33", strict=True)


def test_a_schema_finds_a_field_that_there_is_not() -> None:
    wrong = yaml.safe_load(FILE.read_text().split("---")[0]) | {"datum": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.33", strict=True)


def test_every_model_has_a_deployment_a_service_and_an_autoscaler_behind_the_gateway() -> None:
    named = {(one["kind"], one["metadata"]["name"]) for one in MANIFESTS}
    for model in get_available_models():
        for kind in ("Deployment", "Service", "HorizontalPodAutoscaler"):
            assert (kind, f"forecast-{model}") in named
    deployments = {one["metadata"]["name"]: one for one in MANIFESTS if one["kind"] == "Deployment"}
    (gateway,) = deployments["forecast"]["spec"]["template"]["spec"]["containers"]
    told = environment_of(gateway)["MODEL_SERVICE_URLS"]
    assert sorted(part.partition("=")[0] for part in told.split(",")) == sorted(get_available_models())


def test_the_gateway_alone_has_the_database_and_starts_with_none_of_its_own() -> None:
    for one in MANIFESTS:
        if one["kind"] == "Deployment":
            (container,) = one["spec"]["template"]["spec"]["containers"]
            told = environment_of(container)
            if one["metadata"]["name"] == "forecast":
                assert told["DATABASE_URL"] == {
                    "secretKeyRef": {"name": "sapheneia-database", "key": "DATABASE_URL"}
                }
            elif one["metadata"]["name"] != "ui":
                assert told["DATABASE_URL"] == "sqlite:////tmp/sapheneia.db"
                assert (told["JOB_RUNNER"], told["JOB_WORKERS"]) == ("embedded", "0")
            assert "sapheneia-database" not in str(container["envFrom"])


def test_no_container_is_root_or_writes_to_its_own_file_system() -> None:
    for one in MANIFESTS:
        if one["kind"] == "Deployment":
            pod = one["spec"]["template"]["spec"]
            assert pod["securityContext"]["runAsNonRoot"]
            for container in pod["containers"]:
                assert container["securityContext"]["readOnlyRootFilesystem"]
                assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
