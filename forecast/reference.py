"""The pages on which people read and try the API; whatever they load comes from the gateway itself."""

import re
from base64 import b64encode
from hashlib import sha256

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_ASSETS = "/docs/assets"
_POLICY = (
    "default-src 'none'",
    # Both pages set styles from their scripts.
    "style-src 'self' 'unsafe-inline'",
    # ReDoc would have its maker's logo from that maker's host, and does without it.
    "img-src 'self' data:",
    "connect-src 'self'",
    "worker-src blob:",  # ReDoc searches in one
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
_INLINE = re.compile(rb"<script>(.*?)</script>", re.DOTALL)

router = APIRouter(include_in_schema=False)
_files = StaticFiles(packages=[("fastapi_offline", "static")])


@router.get("/docs")
async def show_forms(request: Request) -> HTMLResponse:
    """Return every route as a form to try out."""
    root = _root(request)
    page = get_swagger_ui_html(
        openapi_url=f"{root}{request.app.openapi_url}",
        title=request.app.title,
        swagger_js_url=f"{root}{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{root}{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{root}{_ASSETS}/favicon.png",
    )
    return _guard(page)


@router.get("/redoc")
async def show_text(request: Request) -> HTMLResponse:
    """Return every route to read."""
    root = _root(request)
    page = get_redoc_html(
        openapi_url=f"{root}{request.app.openapi_url}",
        title=request.app.title,
        redoc_js_url=f"{root}{_ASSETS}/redoc.standalone.js",
        redoc_favicon_url=f"{root}{_ASSETS}/favicon.png",
        with_google_fonts=False,
    )
    return _guard(page)


@router.get(f"{_ASSETS}/{{name}}")
async def read_asset(request: Request, name: str) -> Response:
    """Return a script, style or picture of the two pages."""
    return await _files.get_response(name, request.scope)


def _root(request: Request) -> str:
    """Return the path below which a proxy shows the gateway."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def _guard(page: HTMLResponse) -> HTMLResponse:
    """Return a page that may load from the gateway only, and run no script but its own."""
    inline = (b64encode(sha256(script).digest()).decode() for script in _INLINE.findall(bytes(page.body)))
    scripts = " ".join(["script-src 'self'", *(f"'sha256-{digest}'" for digest in inline)])
    page.headers["Content-Security-Policy"] = "; ".join([*_POLICY, scripts])
    return page
