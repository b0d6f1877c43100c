"""The Kubernetes manifests, made from the registry: `python -m scripts.manifests` writes them."""

import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from forecast.models import MODEL_REGISTRY, ModelEntry, get_available_models

FILE = Path(__file__).parents[1] / "deploy" / "kubernetes" / "sapheneia.yaml"
_INTRODUCTION = """\
# A Deployment for each model, the gateway in front of them, and the page; docs/deployment.md tells more.
# Written by `python -m scripts.manifests` from the registry of models. What is secret you make:
#   kubectl create secret generic sapheneia --from-literal=API_SECRET_KEY="$(openssl rand -hex 32)" \\
#     --from-literal=UI_PASSWORD="$(openssl rand -hex 12)"
#   kubectl create secret generic sapheneia-database \\
#     --from-literal=DATABASE_URL=postgresql+psycopg://user:password@host/database
"""
_USER = 10001
_MEGABYTE = 1024**2
# What a model takes at its peak is measured with 32 series.
_SPARE = 1.25
_GATEWAY_MEGABYTES, _PAGE_MEGABYTES = 1024, 512
_DRAIN_SECONDS = 45
_WAITING_SERIES = "64"
# Without it the pod does not start: pods cannot share a file of SQLite, and would lose one of their own.
_DATABASE = {"secretKeyRef": {"name": "sapheneia-database", "key": "DATABASE_URL"}}
# The gateway, the only caller of a model's pods, keeps history and jobs and counts quotas for them.
_NO_RECORDS = {
    "RATE_LIMIT_ENABLED": "false",
    "DATABASE_URL": "sqlite:////tmp/sapheneia.db",
    "JOB_RUNNER": "embedded",
    "JOB_WORKERS": "0",
}

Manifest = dict[str, Any]
Environment = Mapping[str, str | Manifest]


def make_manifests() -> Iterator[Manifest]:
    """Yield every manifest."""
    models = {name: MODEL_REGISTRY[name] for name in get_available_models()}
    urls = (f"{name}=http://forecast-{name}:{entry['default_port']}" for name, entry in models.items())
    yield _labelled(
        "ConfigMap",
        "v1",
        "sapheneia",
        data={"ENVIRONMENT": "production", "LOG_FORMAT": "json", "INITIALIZE_ON_START": "none"},
    )
    yield _claim("sapheneia-data", "ReadWriteMany", "20Gi")
    for name, entry in models.items():
        yield from _model(name, entry)
    gateway: Environment = {"MODEL_SERVICE_URLS": ",".join(urls), "DATABASE_URL": _DATABASE}
    yield from _served("forecast", "sapheneia-gateway", 8000, _GATEWAY_MEGABYTES, gateway)
    page = {"UI_API_BASE_URL": "http://forecast:8000", "UI_HOST": "0.0.0.0", "UI_PORT": "8080"}  # noqa: S104 - its pod's
    yield from _served("ui", "sapheneia-ui", 8080, _PAGE_MEGABYTES, page, ready="/health")


def write(path: Path = FILE) -> None:
    """Write the manifests."""
    path.write_text(render(), encoding="utf-8")


def render() -> str:
    """Return the manifests as YAML."""
    import yaml  # of the development tools

    return _INTRODUCTION + yaml.safe_dump_all(list(make_manifests()), sort_keys=False, width=110)


def _model(name: str, entry: ModelEntry) -> Iterator[Manifest]:
    own = {"INITIALIZE_ON_START": name, **_NO_RECORDS}
    megabytes = round(_SPARE * (entry["memory_bytes"] or 0) / _MEGABYTE)
    yield from _served(f"forecast-{name}", f"sapheneia-{name}", entry["default_port"], megabytes, own)
    yield _labelled(
        "HorizontalPodAutoscaler",
        "autoscaling/v2",
        f"forecast-{name}",
        spec={
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"forecast-{name}"},
            "minReplicas": 1,
            "maxReplicas": 4,
            "metrics": [
                {
                    "type": "Pods",
                    "pods": {
                        "metric": {"name": "sapheneia_model_series_waiting"},
                        "target": {"type": "AverageValue", "averageValue": _WAITING_SERIES},
                    },
                }
            ],
        },
    )


def _served(
    name: str, image: str, port: int, megabytes: int, own: Environment, *, ready: str = "/health/ready"
) -> Iterator[Manifest]:
    """Yield a Deployment and the Service in front of it."""
    live = "/health" if ready == "/health" else "/health/live"
    container = {
        "name": name,
        "image": f"{image}:{version('sapheneia')}",
        "ports": [{"name": "http", "containerPort": port}],
        "envFrom": [{"configMapRef": {"name": "sapheneia"}}, {"secretRef": {"name": "sapheneia"}}],
        "env": [
            {"name": key, "value" if isinstance(value, str) else "valueFrom": value}
            for key, value in own.items()
        ],
        "startupProbe": _probe(live, failures=60),
        "livenessProbe": _probe(live, failures=6),
        "readinessProbe": _probe(ready, failures=1),
        "resources": {
            "requests": {"cpu": "1", "memory": f"{megabytes}Mi"},
            "limits": {"memory": f"{2 * megabytes}Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": _mounts(name),
    }
    pod = {
        "terminationGracePeriodSeconds": _DRAIN_SECONDS,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": _volumes(name),
    }
    labels = {"app.kubernetes.io/name": name}
    scraped = {"prometheus.io/scrape": "true", "prometheus.io/port": str(port)}
    template = {"metadata": {"labels": labels, "annotations": scraped}, "spec": pod}
    # A number of replicas here would undo what the autoscaler chose.
    yield _labelled(
        "Deployment", "apps/v1", name, spec={"selector": {"matchLabels": labels}, "template": template}
    )
    ports = [{"name": "http", "port": port, "targetPort": "http"}]
    yield _labelled("Service", "v1", name, spec={"selector": labels, "ports": ports})


def _probe(path: str, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": 5,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _folders(name: str) -> dict[str, str]:
    """Return where a container writes, by the name of the volume."""
    if name == "ui":
        return {"tmp": "/tmp", "state": "/app/run/page"}  # noqa: S108 - the pod's own
    shared = {"uploads": "/app/data/uploads", "results": "/app/data/results", "weights": "/app/weights"}
    return {"tmp": "/tmp", "logs": "/app/logs", "cache": "/home/sapheneia/.cache", **shared}  # noqa: S108


def _mounts(name: str) -> list[Manifest]:
    kept = ("uploads", "results", "weights")
    return [
        {"name": "data", "mountPath": path, "subPath": volume}
        if volume in kept
        else {"name": volume, "mountPath": path}
        for volume, path in _folders(name).items()
    ]


def _volumes(name: str) -> list[Manifest]:
    own: list[Manifest] = [
        {"name": volume, "emptyDir": {}}
        for volume in _folders(name)
        if volume in ("tmp", "logs", "cache", "state")
    ]
    shared = {"name": "data", "persistentVolumeClaim": {"claimName": "sapheneia-data"}}
    return own if name == "ui" else [*own, shared]


def _claim(name: str, mode: str, size: str) -> Manifest:
    spec = {"accessModes": [mode], "resources": {"requests": {"storage": size}}}
    return _labelled("PersistentVolumeClaim", "v1", name, spec=spec)


def _labelled(kind: str, api: str, name: str, **content: Any) -> Manifest:
    labels = {"app.kubernetes.io/part-of": "sapheneia"}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "labels": labels}, **content}


def main(arguments: list[str]) -> None:
    """Write the manifests."""
    if arguments:
        sys.exit("usage: python -m scripts.manifests")
    write()


if __name__ == "__main__":
    main(sys.argv[1:])
