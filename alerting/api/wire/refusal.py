"""What a request is refused with: a status and a body in one of Alertmanager's two shapes."""

from __future__ import annotations

from typing import Any


class RequestRefusedError(Exception):
    """The request cannot be obeyed.

    Args:
        status: of HTTP.
        body: what is sent as JSON: a text, or ``{"code", "message"}``.
    """

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


def refused(status: int, message: str) -> RequestRefusedError:
    """In the shape of Alertmanager's own handlers: a text."""
    return RequestRefusedError(status, message)


def malformed(status: int, message: str, code: int | None = None) -> RequestRefusedError:
    """In the shape of the framework around them: a code and a message."""
    return RequestRefusedError(status, {"code": status if code is None else code, "message": message})


#: Codes of go-openapi: a value of a wrong form, a value that is missing, a list that is too long or too short.
WRONG_FORM, REQUIRED, TOO_MANY_ITEMS, TOO_FEW = 601, 602, 611, 612


def required(name: str) -> RequestRefusedError:
    """A part of the body is missing."""
    return malformed(422, f"{name} in body is required", REQUIRED)
