from ui.attempts import Attempts


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_five_attempts_a_minute_of_an_address_are_let_through() -> None:
    clock = Clock()
    attempts = Attempts(clock)

    found = []
    for clock.now in (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 59.5, 60.0, 60.0):
        found.append(attempts.count("a"))

    assert found == [0, 0, 0, 0, 0, 10, 1, 0, 10]
    assert attempts.count("b") == 0


def test_all_addresses_together_have_fifty() -> None:
    attempts = Attempts(Clock())

    assert [attempts.count(str(number)) for number in range(51)] == [0] * 50 + [60]


def test_who_knows_the_password_has_made_no_attempt() -> None:
    attempts = Attempts(Clock())
    for _ in range(5):
        attempts.count("a")
    attempts.forget("a")

    assert attempts.count("a") == 0
