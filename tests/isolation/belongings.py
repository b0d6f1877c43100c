"""All that a client can have in a gateway, and what names it."""

import time
from dataclasses import dataclass, field
from typing import Any

from starlette.testclient import TestClient

DAYS = [f"2024-01-{day:02d}" for day in range(1, 21)]
EXPLODES = "explodes"
"""How the names of items end that the model fails at, with an error that has their name in it."""
PATIENCE_SECONDS = 60


@dataclass
class Belongings:
    """A client's things: `names` by kind are what others may say, `secrets` what none of them may be told."""

    client_id: str
    marker: str
    headers: dict[str, str]
    names: dict[str, list[str]] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)


class Caller:
    """One client that calls a gateway by a key of its own."""

    def __init__(self, gateway: TestClient, key: str) -> None:
        self.gateway = gateway
        self.headers = {"Authorization": f"Bearer {key}"}

    def __call__(self, method: str, path: str, **sent: Any) -> Any:
        headers = self.headers | sent.pop("headers", {})
        return self.gateway.request(method, path, headers=headers, **sent)

    def get(self, path: str, **params: Any) -> Any:
        answer = self("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def send(self, status: int, method: str, path: str, **sent: Any) -> Any:
        """Return the JSON of an answer that has to have a status."""
        answer = self(method, path, **sent)
        assert answer.status_code == status, (method, path, answer.text)
        return answer.json()


def make_caller(gateway: TestClient, client_id: str, name: str, role: str = "forecast") -> tuple[Caller, str]:
    """Make a client with one key, and return it with the ID of the key; `gateway` is the administrator's."""
    assert gateway.post("/api/v1/clients", json={"client_id": client_id, "name": name}).status_code == 201
    made = gateway.post(f"/api/v1/clients/{client_id}/keys", json={"name": name, "role": role})
    assert made.status_code == 201, made.text
    return Caller(gateway, made.json()["key"]), made.json()["key_id"]


def rows(items: dict[str, int], covariate: str = "promo") -> dict[str, list[Any]]:
    """Return a table of items with so many days each."""
    return {
        "item_id": [name for name, days in items.items() for _ in range(days)],
        "timestamp": [day for days in items.values() for day in DAYS[:days]],
        "value": [float(number) for days in items.values() for number in range(days)],
        covariate: [float(number % 2) for days in items.values() for number in range(days)],
    }


def forecast_of(dataset: str, *items: str) -> dict[str, Any]:
    """Return the body of a forecast by name."""
    return {"model": "fake", "dataset": dataset, "item_ids": list(items), "prediction_length": 3}


def inference_of(source: str) -> dict[str, Any]:
    """Return the body of an inference on a kept table."""
    roles = {"value": "target", "item_id": "id", "timestamp": "timestamp"}
    return {"data_source_url_or_path": source, "data_definition": roles, "parameters": {"horizon_len": 3}}


def wait_for(caller: Caller, job_id: str) -> Any:
    """Return a job that has ended, and whose webhook is not sent any more."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        job = caller.get(f"/api/v1/forecast-jobs/{job_id}")
        webhook = job["webhook"]
        if job["finished_at"] and (webhook is None or webhook["status"] in ("delivered", "failed")):
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.02)


def as_csv(table: dict[str, list[Any]]) -> bytes:
    """Return a table as a file."""
    lines = [",".join(table), *(",".join(map(str, row)) for row in zip(*table.values(), strict=True))]
    return "\n".join(lines).encode()


def fill(gateway: TestClient, marker: str, receiver: str) -> tuple[Caller, Belongings]:
    """Make a client that has everything, all of whose texts have a marker."""
    client_id = f"client-{marker}"
    caller, key_id = make_caller(gateway, client_id, f"{marker} laptop")
    mine = Belongings(client_id, marker, caller.headers)
    items = [f"{marker}-item-1", f"{marker}-{EXPLODES}", f"{marker}-short"]
    hidden = f"{marker}-hidden"
    lengths = dict(zip(items, (20, 20, 3), strict=True)) | {hidden: 20}
    table = rows(lengths, f"{marker}_promo")
    for dataset in ("default", f"{marker}-shop", f"{marker}-hidden-shop"):
        caller.send(201, "PUT", f"/api/v1/datasets/{dataset}", json={"missing": "zero"})
        caller.send(200, "PUT", "/api/v1/series", params={"dataset": dataset}, json={"data": table})
    shop = f"{marker}-shop"
    sources = _keep_files(caller, marker, table)
    runs = _forecast(caller, marker, shop, items)
    jobs = _hand_over(caller, marker, shop, items, sources[0], receiver)
    runs += [caller.get(f"/api/v1/forecast-jobs/{job_id}")["forecast_run_id"] for job_id in jobs]
    _fail(caller, marker)
    mine.names = {
        "client_id": [client_id],
        "key_id": [key_id],
        "dataset": ["default", shop],
        "item_id": items,
        "file": [source.rpartition("/")[2] for source in sources],
        "source": [*sources, *_lead_to(client_id, sources[0].rpartition("/")[2])],
        "job_id": jobs,
        "forecast_id": [*runs, *(f"{run_id}-000000" for run_id in runs[:2])],
        "idempotency_key": [f"{marker}-once"],
        "prefix": [marker],
        **_read_cursors(caller, shop, runs[0]),
    }
    unguessable = ("key_id", "file", "job_id", "forecast_id")
    mine.secrets = {marker, *(name for kind in unguessable for name in mine.names[kind])}
    return caller, mine


def _lead_to(client_id: str, file: str) -> list[str]:
    """Return what others might name a client's file by."""
    own = f"uploads/{client_id}/{file}"
    return [
        f"data/{own}",
        f"local://{own}",
        f"/app/data/{own}",
        f"data/uploads/../{own}",
        f"../{client_id}/{file}",
    ]


def _keep_files(caller: Caller, marker: str, table: dict[str, list[Any]]) -> list[str]:
    file = (f"{marker}.csv", as_csv(table))
    uploaded = caller.send(201, "POST", "/api/v1/uploads", files={"file": file})["path"]
    checked = caller.send(200, "POST", "/api/v1/tables", json={"data_source_url_or_path": uploaded})
    return [uploaded, checked["path"]]


def _forecast(caller: Caller, marker: str, shop: str, items: list[str]) -> list[str]:
    once = {"Idempotency-Key": f"{marker}-once"}
    told = caller.send(200, "POST", "/api/v1/forecast", json=forecast_of(shop, *items), headers=once)
    assert [one["status"] for one in told["forecasts"]] == ["succeeded", "failed", "failed"]
    failed = caller.send(200, "POST", "/api/v1/forecast", json=forecast_of("default", *items[1:]))
    assert failed["status"] == "failed"
    return [told["forecast_run_id"], failed["forecast_run_id"]]


def _hand_over(
    caller: Caller, marker: str, shop: str, items: list[str], source: str, receiver: str
) -> list[str]:
    webhook = {"url": f"{receiver}/{marker}", "secret": f"a secret of {marker}'s own"}
    bodies = [
        (forecast_of(shop, *items) | {"webhook": webhook}, "succeeded"),
        (forecast_of(shop, *items[1:]), "failed"),
        (inference_of(source) | {"model": "fake"}, "succeeded"),
    ]
    jobs = []
    for body, status in bodies:
        job_id = caller.send(202, "POST", "/api/v1/forecast-jobs", json=body)["job_id"]
        job = wait_for(caller, job_id)
        assert job["status"] == status, job
        jobs.append(job_id)
    return jobs


def _fail(caller: Caller, marker: str) -> None:
    """Make requests that fail, most of them by an error that says the marker."""
    infer = "/forecast/v1/fake/inference"
    dated: dict[str, list[Any]] = {"timestamp": [marker], "value": [1]}
    said = [
        (400, caller("POST", infer, json=_inline(dated))),
        (400, caller("POST", infer, json=inference_of(f"{marker}.csv"))),
        (400, caller("PUT", "/api/v1/series", json={"data": dated | {"item_id": ["a"]}})),
        (422, caller("POST", infer, json=_inline(dated) | {marker: 1})),
        (404, caller("GET", f"/api/v1/series?dataset={marker}")),
    ]
    exploded = (500, caller("POST", infer, json=_inline(rows({f"{marker}-{EXPLODES}": 9}))))
    for status, answer in (*said, exploded, (404, caller("GET", f"/{marker}"))):
        assert answer.status_code == status, answer.text
    assert all(marker in answer.text for _, answer in said)


def _inline(table: dict[str, list[Any]]) -> dict[str, Any]:
    roles = {"value": "target", "timestamp": "timestamp", "item_id": "id"}
    used = {name: role for name, role in roles.items() if name in table}
    data = {name: table[name] for name in used}
    return {"data": data, "data_definition": used, "parameters": {"horizon_len": 3}}


def _read_cursors(caller: Caller, shop: str, run_id: str) -> dict[str, list[str]]:
    """Return the cursors of all lists, by the path of the list."""
    lists: dict[str, dict[str, Any]] = {
        "/api/v1/forecasts": {},
        "/api/v1/forecast-jobs": {},
        "/api/v1/series/items": {"dataset": shop},
        f"/api/v1/forecasts/{run_id}": {},
    }
    told = {path: caller.get(path, limit=1, **more)["next_cursor"] for path, more in lists.items()}
    assert None not in told.values()
    return {f"cursor of {path.replace(run_id, '{forecast_id}')}": [str(one)] for path, one in told.items()}
