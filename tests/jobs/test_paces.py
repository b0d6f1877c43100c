from forecast.jobs.paces import Paces


def test_how_many_items_of_a_new_job_take_ten_seconds_is_not_known() -> None:
    assert Paces().most_items("new") is None


def test_so_many_items_are_computed_at_a_time_as_take_ten_seconds_and_four_at_least() -> None:
    paces = Paces()
    for job_id, seconds in {"quick": 0.016, "slow": 8.0, "slower": 160.0, "at once": 0.0}.items():
        paces.learn(job_id, 16, seconds)
    assert [paces.most_items(name) for name in ("quick", "slow", "slower")] == [10_000, 20, 4]
    assert (paces.most_items("at once") or 0) > 10**9


def test_the_last_part_counts_and_jobs_of_long_ago_are_forgotten() -> None:
    paces = Paces()
    paces.learn("a", 10, 100.0)
    paces.learn("a", 10, 10.0)
    assert paces.most_items("a") == 10
    for number in range(256):
        paces.learn(f"job-{number}", 1, 1.0)
    assert paces.most_items("a") is None
