"""Who may see the page, and what a browser may do with it."""

import secrets
from hashlib import sha256
from hmac import compare_digest
from hmac import new as sign
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import CSRFProtect
from werkzeug.exceptions import SecurityError

from ui.attempts import Attempts
from ui.errors import PasswordError, PatienceError
from ui.settings import LOOPBACK, Settings

_OPEN = ("static", "visit.enter", "visit.show_login", "visit.read_health")
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Plotly makes an empty style element, by this sum, and adds its rules from the script.
        "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
        # Plotly places its labels by style attributes.
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def protect(app: Flask, settings: Settings) -> None:
    """Guard an app: signed sessions, a token in every form, a password where one is set, strict headers."""
    app.secret_key = read_secret(settings)
    app.config.update(
        SESSION_COOKIE_NAME="sapheneia",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )

    @app.before_request
    def refuse_foreign_names() -> None:
        if isinstance(request.routing_exception, SecurityError):
            raise request.routing_exception
        # A foreign name that points to this host must not read the page in a visitor's browser.
        if settings.is_local and urlsplit(f"//{request.host}").hostname not in LOOPBACK:
            raise SecurityError("This page answers under the names of this host alone.")

    @app.before_request
    def ask_for_password() -> ResponseReturnValue | None:
        if request.endpoint in _OPEN or has_entered(settings):
            return None
        if request.method == "GET" and "HX-Request" not in request.headers:
            return redirect(url_for("visit.show_login", next=request.full_path))
        raise PasswordError("Give the password first, then try again.")

    CSRFProtect(app)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.endpoint != "static":
            response.headers.setdefault("Cache-Control", "no-store")
        return response


def visitor() -> str:
    """Return the ID of this visitor, which the signed session keeps."""
    if "visitor" not in session:
        session["visitor"] = secrets.token_hex(16)
    return str(session["visitor"])


def check_password(given: str, settings: Settings, attempts: Attempts) -> None:
    """Let a visitor in who gives the password; raise PasswordError otherwise, PatienceError after many."""
    address = request.remote_addr or ""
    if seconds := attempts.count(address):
        raise PatienceError(seconds)
    expected = "" if settings.password is None else settings.password.get_secret_value()
    if not compare_digest(given.encode(), expected.encode()):
        raise PasswordError("This is not the password.")
    attempts.forget(address)
    session["entered"] = _proof(expected)


def has_entered(settings: Settings) -> bool:
    """Return whether this visitor gave the password that is set now, or none is asked for."""
    if settings.password is None:
        return True
    return compare_digest(str(session.get("entered", "")), _proof(settings.password.get_secret_value()))


def _proof(password: str) -> str:
    """Return what a session keeps of a password: its visitor can read it, and learns nothing."""
    return sign(str(current_app.secret_key).encode(), password.encode(), sha256).hexdigest()


def safe_target(target: str) -> str:
    """Return an address of this page, the start where it is another's."""
    # Browsers drop tabs and line ends, and take a backslash for a slash.
    plain = target.isprintable() and "\\" not in target and " " not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else "/"


def read_secret(settings: Settings) -> str:
    """Return what sessions are signed with: as set, else made once and kept for its owner only."""
    if settings.secret is not None:
        return settings.secret.get_secret_value()
    kept = settings.state_dir / "secret"
    if not kept.is_file():
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        draft = kept.with_name(f"{secrets.token_hex(8)}.draft")
        draft.touch(0o600)
        draft.write_text(secrets.token_urlsafe(32), "ascii")
        draft.replace(kept)
    return kept.read_text("ascii")
