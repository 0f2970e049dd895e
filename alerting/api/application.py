"""The API as an aiohttp application: its routes, who may ask, and how it refuses.

Others mount routes of theirs on the same server (``Mounted``): buttons, signed webhooks of vendors.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from aiohttp import web

from driftbell.alerting.api import alerts as alert_posts
from driftbell.alerting.api import silences, status
from driftbell.alerting.api.access import Access, AccessReason
from driftbell.alerting.api.alert_view import AlertView
from driftbell.alerting.api.port import ApiPort
from driftbell.alerting.api.wire.query import AlertQuery
from driftbell.alerting.api.wire.refusal import RequestRefusedError, malformed, refused
from driftbell.alerting.commands.asking import NoLeaderError
from driftbell.alerting.errors import RefusedError, RouterError

log = logging.getLogger(__name__)

PREFIX: Final = "/api/v2"

#: Seconds in which the body of a request must have come.
BODY_SECONDS = 10.0

#: What takes a request and answers it; the answer is JSON, or nothing.
_Answer = Callable[[web.Request], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Mounted:
    """Routes of somebody else on the API's server.

    Args:
        routes: as aiohttp has them.
        checks_access: they know by themselves who asks (a vendor's signature), so the API's token is not asked for.
    """

    routes: Sequence[web.RouteDef]
    checks_access: bool = False


def application(
    port: ApiPort,
    access: Access,
    mounted: Sequence[Mounted] = (),
    *,
    max_body_bytes: int = 10_000_000,
    count: Callable[[int], None] = lambda status: None,
) -> web.Application:
    """The application.

    Args:
        port: the router.
        access: who may ask.
        mounted: further routes.
        max_body_bytes: of a request.
        count: told of the status of every request that was answered.
    """
    app = web.Application(client_max_size=max_body_bytes)
    open_paths = {"/-/healthy", "/-/ready"}
    for each in mounted:
        app.router.add_routes(each.routes)
        if each.checks_access:
            open_paths |= {route.path for route in each.routes}
    for method, path, answer in _routes(port):
        for form in (path, f"{path}/") if path.startswith(PREFIX) else (path,):
            app.router.add_route(method, form, _handler(answer))
    app.middlewares.append(_counted(count))
    app.middlewares.append(_guarded(access, open_paths))
    app.middlewares.append(_refusing)
    app.on_response_prepare.append(_without_version)
    return app


async def _without_version(request: web.Request, response: web.StreamResponse) -> None:
    # aiohttp tells its version and Python's to everybody.
    response.headers.pop("Server", None)


def _routes(port: ApiPort) -> list[tuple[str, str, _Answer]]:
    async def alerts(request: web.Request) -> Any:
        query = await AlertQuery.of(_query(request))
        return await AlertView(await port.state(), port.rules, port.now_ms()).alerts(query)

    async def alerts_post(request: web.Request) -> Any:
        await alert_posts.post(port, await body(request))

    async def groups(request: web.Request) -> Any:
        query = await AlertQuery.of(_query(request))
        return await AlertView(await port.state(), port.rules, port.now_ms()).groups(query)

    async def silence_list(request: web.Request) -> Any:
        return await silences.listed(port, _query(request))

    async def silence_put(request: web.Request) -> Any:
        return await silences.put(port, await body(request))

    async def silence_read(request: web.Request) -> Any:
        return await silences.read(port, request.match_info["id"])

    async def silence_expire(request: web.Request) -> Any:
        await silences.expire(port, request.match_info["id"])

    async def receivers(request: web.Request) -> Any:
        return status.receivers(port.rules)

    async def state(request: web.Request) -> Any:
        return status.status(port)

    async def healthy(request: web.Request) -> Any:
        return web.Response(text="OK")

    async def ready(request: web.Request) -> Any:
        health = port.ready()
        return web.Response(text="OK" if health.ok else health.reason, status=200 if health.ok else 503)

    async def reload(request: web.Request) -> Any:
        try:
            await port.reload()
        except RefusedError as error:
            return web.Response(text=f"failed to reload config: {error}\n", status=500)
        return web.Response()

    return [
        ("GET", f"{PREFIX}/status", state),
        ("GET", f"{PREFIX}/receivers", receivers),
        ("GET", f"{PREFIX}/alerts", alerts),
        ("POST", f"{PREFIX}/alerts", alerts_post),
        ("GET", f"{PREFIX}/alerts/groups", groups),
        ("GET", f"{PREFIX}/silences", silence_list),
        ("POST", f"{PREFIX}/silences", silence_put),
        ("GET", f"{PREFIX}/silence/{{id}}", silence_read),
        ("DELETE", f"{PREFIX}/silence/{{id}}", silence_expire),
        ("*", "/-/healthy", _only(healthy, "GET", "HEAD")),
        ("*", "/-/ready", _only(ready, "GET", "HEAD")),
        ("*", "/-/reload", _only(reload, "POST")),
    ]


async def body(request: web.Request) -> bytes:
    """The body of a JSON request, in time and not too large.

    Raises:
        RequestRefusedError: it is neither.
    """
    if request.content_type != "application/json" and request.can_read_body:
        told = f'unsupported media type "{request.content_type}", only [application/json] are allowed'
        raise malformed(415, told)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise malformed(408, f"the body did not come within {BODY_SECONDS:.0f} s") from None
    except web.HTTPRequestEntityTooLarge as error:
        raise malformed(413, f"the body is larger than {request.client_max_size:,} bytes") from error


def _query(request: web.Request) -> str:
    # As it was sent: aiohttp's own reading changes bytes that are no UTF-8.
    return request.raw_path.partition("#")[0].partition("?")[2]


def _handler(answer: _Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        if request.method == "GET" and not _accepts_json(request.headers.getall("Accept", [])):
            raise malformed(406, "unsupported media type requested, only [application/json] are available")
        found = await answer(request)
        if isinstance(found, web.StreamResponse):
            return found
        return web.Response() if found is None else _json(200, found)

    return handle


def _only(answer: _Answer, *methods: str) -> _Answer:
    """For paths outside the API, where Alertmanager refuses a method in plain text."""

    async def handle(request: web.Request) -> Any:
        if request.method in methods:
            return await answer(request)
        allowed = ", ".join(sorted({*methods, "OPTIONS"}))
        return web.Response(status=405, text="Method Not Allowed\n", headers={"Allow": allowed})

    return handle


def _accepts_json(headers: Sequence[str]) -> bool:
    wanted = [part.partition(";")[0].strip().lower() for header in headers for part in header.split(",")]
    return not any(wanted) or not {"*/*", "application/*", "application/json"}.isdisjoint(wanted)


def _json(code: int, content: Any, headers: dict[str, str] | None = None) -> web.Response:
    data = msgspec.json.encode(content) + b"\n"
    return web.Response(body=data, status=code, content_type="application/json", headers=headers)


def _counted(count: Callable[[int], None]) -> Any:
    @web.middleware
    async def counted(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            count(error.status)
            raise
        count(response.status)
        return response

    return counted


def _guarded(access: Access, open_paths: set[str]) -> Any:
    @web.middleware
    async def guarded(request: web.Request, handler: Any) -> web.StreamResponse:
        resource = request.match_info.route.resource
        if resource is None or resource.canonical not in open_paths:
            reason = access.check(request.headers.get("Authorization"))
            if not reason.admits:
                # Without what was sent: a wrong password is often the right one of something else.
                log.warning("not let in", extra={"reason": reason.value, "peer": request.remote, "path": request.path})
                code = 503 if reason is AccessReason.SECRET_MISSING else 401
                return _json(
                    code,
                    {"code": code, "message": reason.value},
                    {"WWW-Authenticate": f'{access.scheme} realm="driftbell"'},
                )
        response: web.StreamResponse = await handler(request)
        return response

    return guarded


@web.middleware
async def _refusing(request: web.Request, handler: Any) -> web.StreamResponse:
    """Every refusal in Alertmanager's form; what nobody thought of is logged, and stops nothing."""
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except RequestRefusedError as error:
        return web.Response(status=error.status) if error.body is None else _json(error.status, error.body)
    except web.HTTPMethodNotAllowed as error:
        allowed = ",".join(sorted(error.allowed_methods))
        told = f"method {request.method} is not allowed, but [{allowed}] are"
        return _json(405, {"code": 405, "message": told}, {"Allow": allowed})
    except web.HTTPNotFound:
        if request.path.startswith(PREFIX):
            return _json(404, {"code": 404, "message": f"path {request.path} was not found"})
        return web.Response(status=404, text="404 page not found\n")
    except web.HTTPException:
        raise
    except NoLeaderError as error:
        return _json(503, f"no router leads: {error}")
    except RouterError as error:
        log.warning("a request cannot be answered", extra={"path": request.path, "error": str(error)})
        return _json(503, str(error))
    except Exception:
        log.exception("a request failed", extra={"path": request.path})
        failure = refused(500, "the router failed at it; its log says how")
        return _json(failure.status, failure.body)
