"""Jobs computed by Celery's workers: what a gateway process does for them."""

from forecast.jobs.broker import Broker
from forecast.jobs.claims import Claims
from forecast.jobs.handing import top_up
from forecast.jobs.rounds import Rounds

ROUND_SECONDS = 1.0
_ROUNDS_PER_TAKEOVER = 5


class CeleryRunner:
    """Hands parts of jobs to the broker, also those that it or a worker has lost."""

    name = "celery"

    def __init__(self, claims: Claims, broker: Broker) -> None:
        self._claims = claims
        self._broker = broker
        self._count = 0
        self._rounds = Rounds("job-handing", self._go_round, ROUND_SECONDS)

    def start(self) -> None:
        """Begin, with what was not handed out, or lost, before."""
        self._rounds.start()

    def check(self) -> None:
        """Raise BrokerUnavailableError, within two seconds, where the broker does not answer."""
        self._broker.check()

    def hand_out(self, job_id: str) -> None:
        """Hand out what the workers are short of, in the fair order, at once."""
        self._rounds.wake()

    def close(self) -> None:
        """Nothing is begun here."""

    def stop(self) -> None:
        """End; workers, and other gateways, go on."""
        self._rounds.stop()
        self._broker.close()

    def _go_round(self) -> None:
        if self._count % _ROUNDS_PER_TAKEOVER == 0:
            self._claims.take_over()
        self._count += 1
        top_up(self._claims, self._broker)
