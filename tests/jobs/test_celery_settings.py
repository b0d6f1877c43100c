import pytest
from pydantic import ValidationError

from forecast.core.config import describe_fault
from forecast.jobs import settings as module
from forecast.jobs.celery_app import make_celery, queue_of
from forecast.jobs.settings import JobSettings

URL = "redis://:hidden-word@127.0.0.1:6379/0"


def test_celery_needs_a_broker() -> None:
    with pytest.raises(ValidationError, match="JOB_RUNNER=celery needs CELERY_BROKER_URL"):
        JobSettings(job_runner="celery")


@pytest.mark.parametrize("url", ["amqp://guest:hidden-word@host//", "redis:hidden-word", "redis:///0"])
def test_a_broker_that_is_no_redis_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        JobSettings(celery_broker_url=url)
    told = describe_fault(refused.value)
    assert "CELERY_BROKER_URL: Value error, is not the address of a Redis server" in told
    assert "hidden-word" not in told


def test_celery_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ValidationError, match="pip install 'sapheneia\\[celery\\]'"):
        JobSettings(job_runner="celery", celery_broker_url=URL)


def test_an_empty_result_backend_keeps_nothing_of_tasks() -> None:
    app = make_celery(JobSettings(celery_broker_url=URL))

    assert app.conf.task_ignore_result
    assert (app.conf.broker_url, app.conf.result_backend) == (URL, "disabled://")


def test_a_result_backend_keeps_how_tasks_ended() -> None:
    app = make_celery(JobSettings(celery_broker_url=URL, celery_result_backend="redis://127.0.0.1/1"))

    assert not app.conf.task_ignore_result
    assert app.conf.result_backend == "redis://127.0.0.1/1"


def test_tasks_are_acknowledged_late_and_taken_one_at_a_time_as_json() -> None:
    conf = make_celery(JobSettings(celery_broker_url=URL, job_lease_seconds=50)).conf

    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.accept_content == ["json"]
    assert conf.broker_transport_options["visibility_timeout"] == 100
    assert queue_of("chronos") == "forecast.chronos"
