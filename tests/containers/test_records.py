"""`docker compose up`: history, jobs and forecasts in the volume of the database."""

from pathlib import Path

from tests.containers.shop import await_job, enrol, hand_over, list_items, put_history, read_forecasts
from tests.containers.stack import SAMPLE, Stack, docker

ITEMS = 12


def test_a_client_finds_its_forecasts_in_new_containers(stack: Stack) -> None:
    key = enrol(stack)
    with stack.client(key=key) as client:
        put_history(client, ITEMS)
        job = await_job(client, hand_over(client))
        before = read_forecasts(client, job)
        assert (job["status"], job["items_done"], job["items_failed"]) == ("succeeded", ITEMS, 0)
        assert len(before) == 1 + 7 * ITEMS

        stack.compose("down")
        stack.start()
        stack.await_model("statsforecast")

        assert read_forecasts(client, job) == before
        again = await_job(client, hand_over(client))
        assert [line.split(",")[1:] for line in read_forecasts(client, again)] == [
            line.split(",")[1:] for line in before
        ]


def test_a_job_that_was_computed_when_the_container_was_killed_is_ended_by_the_next(stack: Stack) -> None:
    with stack.client(key=enrol(stack, "hasty")) as client:
        put_history(client, 60)
        job_id = hand_over(client, method="AutoARIMA", season_length=7)
        stack.compose("kill", "forecast")
        stack.start()
        stack.await_model("statsforecast")
        job = await_job(client, job_id)
        rows = read_forecasts(client, job)

    assert (job["status"], job["items_done"], job["items_failed"]) == ("succeeded", 60, 0)
    assert len(rows) == 1 + 7 * 60


def test_nobody_reads_the_database_by_naming_it_as_data(stack: Stack) -> None:
    stack.run("forecast", "test", "-s", "database/sapheneia.db")
    names = ("sapheneia.db", "data/sapheneia.db", "/app/database/sapheneia.db", "../database/sapheneia.db")
    with stack.client() as client:
        for name in names:
            body = SAMPLE | {"data_source_url_or_path": name, "parameters": {"horizon_len": 12}}
            refused = client.post("/forecast/v1/statsforecast/inference", json=body)
            assert refused.status_code == 403, (name, refused.text)


def test_the_database_is_copied_while_the_gateway_runs_and_put_back(stack: Stack, tmp_path: Path) -> None:
    key = enrol(stack, "copied")
    with stack.client(key=key) as client:
        put_history(client, 2)
        stack.follow("docs/deployment.md", ".backup(", tmp_path)
        put_history(client, 5)
        assert list_items(client) == 5

        stack.follow("docs/deployment.md", "rm -f database/*", tmp_path)
        stack.start()
        stack.await_model("statsforecast")
        assert list_items(client) == 2
        assert await_job(client, hand_over(client))["items_done"] == 2
    stack.run("forecast", "test", "!", "-e", "database/copy.db")


def test_the_volume_of_the_database_is_its_own(stack: Stack) -> None:
    mounts = {mount["Destination"]: mount["Name"] for mount in stack.inspect("forecast")["Mounts"]}

    assert mounts["/app/database"] == f"{stack.project}_database"
    assert docker("volume", "inspect", mounts["/app/database"], "--format", "{{.Driver}}").strip() == "local"
