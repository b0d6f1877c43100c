"""What can go wrong on the page, each with a sentence for the visitor.

PageError
├── NotFoundError         404
├── RequestError          422  a field of a form
├── ForgedError           403  a form without its token
├── PasswordError         401
├── PatienceError         429  too many passwords
└── GatewayError               the gateway's own refusal, with its status
    └── GatewayDownError  503
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One place at fault: a column and a row of the table, or a field of the form."""

    message: str
    column: str | None = None
    row: int | None = None


class PageError(Exception):
    """A failure with a sentence that the visitor reads."""

    status = 500
    title = "Something went wrong"

    def __init__(self, detail: str, *, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)


class NotFoundError(PageError):
    """There is no such table, result or page, or no longer."""

    status, title = 404, "Not found"


class RequestError(PageError):
    """A form asks for something that makes no sense."""

    status, title = 422, "Please check the form"


class ForgedError(PageError):
    """A form came without the token of this visitor's session."""

    status, title = 403, "This form has expired"


class PasswordError(PageError):
    """The password is missing or wrong."""

    status, title = 401, "Password needed"


class PatienceError(PageError):
    """Too many passwords were tried."""

    status, title = 429, "Too many attempts"

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many passwords were tried; try again in {seconds} s.")
        self.retry_after = seconds


class GatewayError(PageError):
    """The gateway refused; the sentence, the code and the status are its own."""

    title = "The forecasting service refused"

    def __init__(
        self,
        detail: str,
        *,
        status: int,
        code: str = "UNKNOWN",
        faults: Sequence[Fault] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail, faults=faults)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class GatewayDownError(GatewayError):
    """The gateway does not answer."""

    title = "The forecasting service does not answer"

    def __init__(self) -> None:
        super().__init__(
            "The forecasting service does not answer. Nothing is lost; try again when it is back.",
            status=503,
            code="GATEWAY_DOWN",
        )
