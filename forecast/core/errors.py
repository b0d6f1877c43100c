"""Every error a caller can meet, and the one shape in which it is told.

SapheneiaError                          500 INTERNAL_ERROR
├── RequestError                        422 REQUEST_INVALID
│   ├── HorizonError                    422 HORIZON_TOO_LONG
│   ├── NotSupportedError               422 NOT_SUPPORTED
│   ├── BackendError                    422 BACKEND_UNAVAILABLE
│   ├── CheckpointError                 422 CHECKPOINT_UNAVAILABLE
│   ├── SourceError                     422 SOURCE_UNAVAILABLE
│   └── KeyReusedError                  422 IDEMPOTENCY_MISMATCH
├── DataError                           400 DATA_INVALID
│   └── HistoryError                    400 HISTORY_TOO_SHORT
├── AuthenticationError                 401 UNAUTHORIZED
├── ForbiddenError                      403 FORBIDDEN
│   └── LicenceError                    403 LICENCE_NOT_ACCEPTED
├── NotFoundError                       404 NOT_FOUND
├── MethodNotAllowedError               405 METHOD_NOT_ALLOWED
├── NotAcceptableError                  406 NOT_ACCEPTABLE
├── StateError                          409 STATE_CONFLICT
│   ├── NotInitializedError             409 MODEL_NOT_INITIALIZED
│   ├── InitializingError               409 MODEL_INITIALIZING
│   ├── ConfigConflictError             409 MODEL_CONFIG_CONFLICT
│   ├── ShutDownError                   409 MODEL_SHUT_DOWN
│   ├── InsufficientMemoryError         409 INSUFFICIENT_MEMORY
│   └── ExistsError                     409 ALREADY_EXISTS
├── KeyInUseError                       409 IDEMPOTENCY_IN_PROGRESS
├── TooLargeError                       413 TOO_LARGE
├── MediaTypeError                      415 UNSUPPORTED_MEDIA_TYPE
├── AbandonedError                      499 CALLER_GONE
├── RateLimitError                      429 RATE_LIMITED
├── ModelError                          500 MODEL_FAILED
├── OverloadedError                     503 OVERLOADED
├── LoadingError                        503 MODEL_LOADING
├── QuotaStoreError                     503 QUOTAS_UNAVAILABLE
├── DatabaseUnavailableError            503 DATABASE_UNAVAILABLE
├── IssuerUnavailableError              503 ISSUER_UNAVAILABLE
├── BrokerUnavailableError              503 JOB_QUEUE_UNAVAILABLE
├── ServiceUnavailableError             503 MODEL_SERVICE_UNAVAILABLE
│   └── ServiceLostError                502 MODEL_SERVICE_LOST
└── DeadlineError                       504 DEADLINE_EXCEEDED
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from forecast.core.cells import CellError


class SapheneiaError(Exception):
    """The gateway failed in a way that the caller cannot repair."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    prefix: ClassVar[str] = ""

    def __init__(
        self,
        detail: str,
        *,
        details: Mapping[str, Any] | None = None,
        errors: Sequence[CellError] = (),
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = self.prefix + detail
        self.details = dict(details or {})
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.headers = dict(headers or {})

    def __str__(self) -> str:
        return self.detail


class RequestError(SapheneiaError):
    """The request is well formed but asks for something that makes no sense."""

    code, status, title = "REQUEST_INVALID", 422, "Invalid request"


class HorizonError(RequestError):
    """The horizon is longer than the model, or its configuration, can forecast."""

    code, title = "HORIZON_TOO_LONG", "Horizon too long"


class NotSupportedError(RequestError):
    """The model cannot do what is asked of it."""

    code, title = "NOT_SUPPORTED", "Not supported by this model"


class BackendError(RequestError):
    """The host lacks the backend that is asked for."""

    code, title = "BACKEND_UNAVAILABLE", "Backend unavailable"


class CheckpointError(RequestError):
    """The checkpoint cannot be found, reached or read."""

    code, title = "CHECKPOINT_UNAVAILABLE", "Checkpoint unavailable"


class SourceError(RequestError):
    """The gateway was installed without what this kind of source needs."""

    code, title = "SOURCE_UNAVAILABLE", "Source unavailable"


class KeyReusedError(RequestError):
    """The idempotency key was first sent with another body or Accept, or to another route."""

    code, title = "IDEMPOTENCY_MISMATCH", "Idempotency key used for something else"


class DataError(SapheneiaError):
    """The table cannot be read, or does not fit its definition."""

    code, status, title = "DATA_INVALID", 400, "Invalid data"
    prefix = "Data error: "


class HistoryError(DataError):
    """An item has too few known values to be forecast from."""

    code, title = "HISTORY_TOO_SHORT", "History too short"


class AuthenticationError(SapheneiaError):
    """The key or token is missing, wrong, expired or revoked."""

    code, status, title = "UNAUTHORIZED", 401, "Unauthorized"


class ForbiddenError(SapheneiaError):
    """The caller asks for something that this gateway does not hand out, or not to its role."""

    code, status, title = "FORBIDDEN", 403, "Forbidden"


class LicenceError(ForbiddenError):
    """The checkpoint's licence forbids commercial use and was not accepted, or another one was."""

    code, title = "LICENCE_NOT_ACCEPTED", "Licence not accepted"


class NotFoundError(SapheneiaError):
    """Nothing answers at this address."""

    code, status, title = "NOT_FOUND", 404, "Not found"


class MethodNotAllowedError(SapheneiaError):
    """The address exists, the method does not."""

    code, status, title = "METHOD_NOT_ALLOWED", 405, "Method not allowed"


class NotAcceptableError(SapheneiaError):
    """The caller accepts no kind of answer that there is."""

    code, status, title = "NOT_ACCEPTABLE", 406, "Not acceptable"


class StateError(SapheneiaError):
    """The model is not in a state in which this can be done."""

    code, status, title = "STATE_CONFLICT", 409, "State conflict"


class NotInitializedError(StateError):
    """The model is not loaded."""

    code, title = "MODEL_NOT_INITIALIZED", "Model not initialized"


class InitializingError(StateError):
    """The model is being loaded, or is draining after a shutdown."""

    code, title = "MODEL_INITIALIZING", "Model busy"


class ConfigConflictError(StateError):
    """The model is loaded with another configuration than the one asked for."""

    code, title = "MODEL_CONFIG_CONFLICT", "Model loaded with another configuration"


class ShutDownError(StateError):
    """The model was shut down before the work was done."""

    code, title = "MODEL_SHUT_DOWN", "Model shut down"


class InsufficientMemoryError(StateError):
    """The host has too little memory left for the model."""

    code, title = "INSUFFICIENT_MEMORY", "Insufficient memory"


class ExistsError(StateError):
    """There is something of this name already."""

    code, title = "ALREADY_EXISTS", "Already exists"


class KeyInUseError(SapheneiaError):
    """The first call with this idempotency key still runs."""

    code, status, title = "IDEMPOTENCY_IN_PROGRESS", 409, "Still being answered"


class TooLargeError(SapheneiaError):
    """The body or the file exceeds a limit."""

    code, status, title = "TOO_LARGE", 413, "Too large"


class MediaTypeError(SapheneiaError):
    """The body is of a kind that is not read here."""

    code, status, title = "UNSUPPORTED_MEDIA_TYPE", 415, "Unsupported media type"


class AbandonedError(SapheneiaError):
    """The caller went away before the answer was ready."""

    code, status, title = "CALLER_GONE", 499, "Caller gone"


class RateLimitError(SapheneiaError):
    """The caller's quota for this minute or day is used up."""

    code, status, title = "RATE_LIMITED", 429, "Too many requests"


class ModelError(SapheneiaError):
    """The model itself failed on valid input."""

    code, status, title = "MODEL_FAILED", 500, "Model failed"


class OverloadedError(SapheneiaError):
    """The queue is full, or too long for the caller's patience."""

    code, status, title = "OVERLOADED", 503, "Overloaded"


class LoadingError(SapheneiaError):
    """The model was still being loaded when the caller's patience ended."""

    code, status, title = "MODEL_LOADING", 503, "Model loading"


class QuotaStoreError(SapheneiaError):
    """The store in which quotas are counted does not answer."""

    code, status, title = "QUOTAS_UNAVAILABLE", 503, "Quotas unavailable"


class DatabaseUnavailableError(SapheneiaError):
    """The database of history, jobs and forecasts does not answer."""

    code, status, title = "DATABASE_UNAVAILABLE", 503, "Database unavailable"


class IssuerUnavailableError(SapheneiaError):
    """The keys that tokens are signed with cannot be fetched from their issuer."""

    code, status, title = "ISSUER_UNAVAILABLE", 503, "Issuer unavailable"


class BrokerUnavailableError(SapheneiaError):
    """The broker that hands jobs to workers does not answer."""

    code, status, title = "JOB_QUEUE_UNAVAILABLE", 503, "Job queue unavailable"


class ServiceUnavailableError(SapheneiaError):
    """The model runs in a service of its own, which cannot be reached."""

    code, status, title = "MODEL_SERVICE_UNAVAILABLE", 503, "Model service unavailable"


class ServiceLostError(ServiceUnavailableError):
    """The model's service ended before its answer; what was asked of it may have been done."""

    code, status, title = "MODEL_SERVICE_LOST", 502, "Model service lost"


class DeadlineError(SapheneiaError):
    """The deadline passed before the forecast was made."""

    code, status, title = "DEADLINE_EXCEEDED", 504, "Deadline exceeded"
