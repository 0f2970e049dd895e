"""A message as a mail: headers that nothing in an event can break out of, plain text and HTML.

Header injection: besides raw line breaks, an RFC 2047 encoded word in untrusted text (``=?utf-8?q?x=0d=0aBcc=3a...?=``)
becomes a real header on serialising in Python before 3.13 (CVE-2024-6923). So both are neutralised, and the finished
mail is parsed again and compared.
"""

from __future__ import annotations

import email
import email.errors
import email.policy
import email.utils
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage

from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.pictures.picture import Picture
from driftbell.alerting.rendering.message import Message, compose, minimal
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.rendering.text import clean, one_line, truncate, truncate_bytes, web_address
from driftbell.alerting.state.records import Kind

#: The line limit of RFC 5322 is 998, folded lines included; mail readers show about 80.
MAX_SUBJECT = 200
#: The stdlib folds a longer id in References into an encoded word, and the thread is lost (cpython gh-100991: 77).
MAX_ID = 70
#: Far below what any server takes, and more than anyone reads.
MAX_BODY_BYTES = 500_000

#: RFC 2392: the picture in the mail, by the name that its HTML calls it.
PICTURE_ID = "picture@driftbell.invalid"

_OURS = frozenset(
    {
        "from", "to", "date", "message-id", "in-reply-to", "references", "mime-version", "auto-submitted",
        "x-driftbell-incident", "x-driftbell-kind", "x-driftbell-status",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Letter:
    """An envelope sender and the serialised mail."""

    sender: str
    content: bytes


class HeaderInjectionError(ValueError):
    """The serialised mail has other headers than intended; it must not be sent."""


def addresses(text: str) -> list[str]:
    """The bare addresses of a list such as ``Ann <ann@example.org>, bob@example.org``.

    Raises:
        ValueError: one of them is not an address.
    """
    if not text.isprintable():
        raise ValueError(f"{text!r} has line breaks or control characters")
    found = [address for _, address in email.utils.getaddresses([text]) if address]
    for address in found:
        try:
            sound = bool(Address(addr_spec=address).domain)
        except (email.errors.MessageError, ValueError):
            sound = False
        if not sound:
            raise ValueError(f"{address!r} is not an address")
        if not address.isascii():
            # Servers need SMTPUTF8 (RFC 6531) for it, and refuse it without; a domain has an ASCII form that all take.
            raise ValueError(f"{address!r} is not ASCII: write the domain in its xn-- form")
    if not found:
        raise ValueError(f"{text!r} holds no address")
    return found


def reserved(header: str) -> bool:
    """Whether a configured header would take the place of one that driftbell sets itself."""
    return header.lower() in _OURS or header.lower().startswith("content-") or header.lower() in ("bcc", "cc")


def compose_letter(
    delivery: Delivery,
    sender: str,
    recipients: Sequence[str],
    headers: Mapping[str, Template],
    text: Template | None,
    picture: Picture | None = None,
) -> Letter:
    """The full mail.

    Raises:
        Exception: whatever a template raises; ``HeaderInjectionError``.
    """
    message = compose(delivery.notification, delivery.incident, delivery.kind)
    extra = {name: template.render(delivery) for name, template in headers.items()}
    subject = extra.pop("Subject", None) or _subject(delivery)
    if text is not None:
        return _letter(delivery, sender, recipients, subject, text.render(delivery), None, extra)
    lines = list(message.lines())
    if delivery.kind is not Kind.TRIGGER:
        # The subject stays that of the opening; what heads the incident now is said first.
        lines.insert(0, message.subject)
    return _letter(delivery, sender, recipients, subject, "\n".join(lines), _html(message, picture), extra, picture)


def compose_minimal(delivery: Delivery, sender: str, recipients: Sequence[str]) -> Letter:
    """The mail that always works: ASCII-safe subject, one paragraph."""
    message = minimal(delivery.notification, delivery.incident, delivery.kind)
    return _letter(delivery, sender, recipients, "driftbell alert", f"{message.subject}\n{message.state}\n", None, {})


def _letter(
    delivery: Delivery,
    sender: str,
    recipients: Sequence[str],
    subject: str,
    text: str,
    html_text: str | None,
    extra: Mapping[str, str],
    picture: Picture | None = None,
) -> Letter:
    sender_address = addresses(sender)[0]
    domain = sender_address.rpartition("@")[2]
    thread = message_id(delivery.incident.id, domain)
    headers = {
        "From": sender,
        "To": ", ".join(recipients),
        "Subject": _safe(subject, MAX_SUBJECT) or "driftbell alert",
        # The moment of the decision, so that a repeated delivery is the same mail.
        "Date": email.utils.formatdate(delivery.notification.decided_ms / 1000, usegmt=True),
        "Message-ID": message_id(delivery.id, domain),
        # The root is nobody's id: every mail of the incident refers to it, whichever arrives first.
        "In-Reply-To": thread,
        "References": thread,
        "Auto-Submitted": "auto-generated",
        "X-Driftbell-Incident": delivery.incident.id,
        "X-Driftbell-Kind": delivery.kind.value,
        "X-Driftbell-Status": delivery.notification.status,
        **{name: _safe(value, 900) for name, value in extra.items()},
    }
    message = EmailMessage(policy=email.policy.SMTP)
    for name, value in headers.items():
        message[name] = value
    message.set_content(truncate_bytes(clean(text), MAX_BODY_BYTES) + "\n")
    if html_text is not None:
        message.add_alternative(html_text, subtype="html")
        if picture is not None:
            part = message.get_payload()[-1]  # type: ignore[index]
            name = f"{delivery.incident.id}.png"
            part.add_related(  # type: ignore[union-attr]
                picture.png, "image", "png", cid=f"<{PICTURE_ID}>", disposition="inline", filename=name
            )
    content = message.as_bytes()
    _verify(content, set(headers))
    return Letter(sender_address, content)


def message_id(local: str, domain: str) -> str:
    """A message id that fits into one unfolded word."""
    room = MAX_ID - len(local) - len("<@>")
    return f"<{local}@{domain if len(domain) <= room and domain.isascii() else 'driftbell.invalid'}>"


def _subject(delivery: Delivery) -> str:
    # Mail readers thread by subject too, so it stays that of the opening mail whatever happens later.
    subject = delivery.incident.subject
    return subject if delivery.kind is Kind.TRIGGER else f"Re: {subject}"


def _safe(text: str, limit: int) -> str:
    return truncate(one_line(text).replace("=?", "= ?"), limit)


def _verify(content: bytes, intended: set[str]) -> None:
    parsed = email.message_from_bytes(content, policy=email.policy.compat32)
    unexpected = {name.lower() for name in parsed} - {name.lower() for name in intended}
    unexpected -= {"mime-version", "content-type", "content-transfer-encoding"}
    if unexpected or len(parsed.keys()) != len({name.lower() for name in parsed}):
        raise HeaderInjectionError(f"the mail would have unintended headers: {', '.join(sorted(unexpected))}")


def _html(message: Message, picture: Picture | None = None) -> str:
    color = "#2e7d32" if message.state.startswith("resolved") else "#c62828"
    parts = [
        '<!doctype html><html><body style="font-family:sans-serif;font-size:14px">',
        f'<h2 style="color:{color};font-size:18px">{html.escape(clean(message.subject))}</h2>',
        f"<p><b>{html.escape(message.state)}</b></p>",
    ]
    if picture is not None:
        told = html.escape(clean(picture.alternative))
        parts.append(f'<p><img src="cid:{PICTURE_ID}" alt="{told}" width="640"></p>')
    for item in message.items:
        parts.append(f'<h3 style="font-size:15px">{html.escape(clean(item.summary))}</h3><table>')
        for fact in item.facts:
            value = html.escape(truncate(clean(fact.value), 2000))
            href = web_address(fact.value) if fact.link else None
            shown = f'<a href="{html.escape(href)}">{value}</a>' if href else value
            parts.append(f'<tr><td valign="top"><b>{html.escape(fact.name)}</b></td><td>{shown}</td></tr>')
        parts.append("</table>")
    if message.more:
        parts.append(f"<p>and {message.more:,} more</p>")
    router = web_address(message.link)
    if router:
        parts.append(f'<p><a href="{html.escape(router)}">Router</a></p>')
    parts.append("</body></html>")
    return "\n".join(parts)
