"""Email: the cases of every channel, the SMTP dialogue, threading, and headers that nothing breaks out of."""

from __future__ import annotations

import email
import email.policy
import re
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.email.email import EmailChannel, Smarthost
from driftbell.alerting.channels.email.message import PICTURE_ID, addresses, compose_letter, message_id, reserved
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import OutcomeReason, Retry
from driftbell.alerting.pictures.picture import PICTURES, Picture
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.state.records import Kind
from driftbell.fakes.faults import Fault
from driftbell.fakes.smtp import Smtp
from tests.alerting.channels.contract import Bench, ChannelContract
from tests.alerting.channels.deliveries import delivery, hostile_alert, hostile_texts
from tests.services.tls import Certificates

PASSWORD = "hunter2-SECRETPASSWORD"
SENDER = "Driftbell <driftbell@example.org>"
RECIPIENTS = ("ann@example.org", "bob@example.org")


@pytest.fixture
async def fake() -> AsyncIterator[Smtp]:
    async with Smtp(username="driftbell", password=PASSWORD) as started:
        yield started


@pytest.fixture
async def bench(fake: Smtp) -> Bench:
    def make(
        secret: SecretSource | None = None,
        template: Template | None = None,
        *,
        impatient: bool = False,
        headers: dict[str, Template] | None = None,
        **options: Any,
    ) -> Channel:
        smarthost = Smarthost(
            host="127.0.0.1",
            port=fake.port,
            require_tls=False,
            username="driftbell",
            password=secret or SecretSource("auth_password", PASSWORD),
            step_seconds=0.3 if impatient else 10,
            **options,
        )
        return EmailChannel(smarthost, SENDER, RECIPIENTS, headers=headers, text=template)

    return Bench(
        make=make,
        faults=fake.faults,
        accepted=lambda: [f"{mail.message['Subject']}\n{mail.text}" for mail in fake.mails],
        violations=lambda: fake.violations,
        secret=PASSWORD,
        stop=fake.stop,
    )


class TestEmail(ChannelContract):
    def check_harmless(self, accepted: str) -> None:
        # The subject is one line, so that no text makes a header; the body is plain text, where markup is none.
        subject = accepted.split("\n", 1)[0]
        assert not re.search(r"[\x00-\x1f\x7f\x85\u2028\u2029]", subject)

    def refusal(self) -> Fault:
        return Fault(status=554, body="5.6.0 content refused")

    def echo(self, secret: str) -> Fault:
        return Fault(status=451, body=f"cannot handle {secret}")

    @pytest.mark.parametrize(
        ("code", "reason", "retry"),
        [
            (421, OutcomeReason.SERVER_ERROR, Retry.YES),
            (450, OutcomeReason.SERVER_ERROR, Retry.YES),
            (451, OutcomeReason.SERVER_ERROR, Retry.YES),
            (452, OutcomeReason.SERVER_ERROR, Retry.YES),
            (550, OutcomeReason.CONTENT_REJECTED, Retry.NO),
            (552, OutcomeReason.CONTENT_REJECTED, Retry.NO),
            (554, OutcomeReason.CONTENT_REJECTED, Retry.NO),
        ],
    )
    async def test_only_250_after_the_data_is_acceptance(
        self, bench: Bench, fake: Smtp, code: int, reason: OutcomeReason, retry: Retry
    ) -> None:
        """Alertmanager 0.25 takes the mail for sent whatever the server says then."""
        bench.faults.add(Fault(status=code), times=2)
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == (reason, retry)
        assert fake.mails == []

    async def test_a_wrong_password_is_final(self, bench: Bench) -> None:
        outcome = await bench.make(secret=SecretSource("auth_password", "wrong-password")).send(delivery())

        assert (outcome.reason, outcome.retry) == (OutcomeReason.AUTH_ERROR, Retry.NO)
        assert "wrong-password" not in outcome.detail

    async def test_only_refused_recipients_are_tried_again(self, bench: Bench, fake: Smtp) -> None:
        fake.refuse = {"bob@example.org": "450 mailbox busy once"}
        first = await bench.make().send(delivery())
        assert (first.reason, first.retry) == (OutcomeReason.SERVER_ERROR, Retry.YES)
        assert "bob@example.org: 450" in first.detail
        second = await bench.make().send(delivery(handle=first.handle))

        assert second.ok
        assert [mail.recipients for mail in fake.mails] == [("ann@example.org",), ("bob@example.org",)]

    async def test_a_recipient_refused_for_good_does_not_keep_the_mail_from_the_others(
        self, bench: Bench, fake: Smtp
    ) -> None:
        fake.refuse = {"bob@example.org": "550 no such user"}
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == (OutcomeReason.DESTINATION_GONE, Retry.NO)
        assert [mail.recipients for mail in fake.mails] == [("ann@example.org",)]

    async def test_all_mails_of_an_incident_are_one_thread(self, bench: Bench, fake: Smtp) -> None:
        channel = bench.make()
        for number, kind in enumerate((Kind.TRIGGER, Kind.UPDATE, Kind.RESOLVE), 1):
            await channel.send(delivery(kind, number=number))
        await channel.send(delivery(number=1, incident="ffffffffffffffffffffffff"))

        threads = [mail.thread for mail in fake.mails]
        assert len(set(threads[:3])) == 1 and threads[3] != threads[0]
        assert len({str(mail.message["Message-ID"]) for mail in fake.mails}) == 4
        subjects = [str(mail.message["Subject"]).removeprefix("Re: ") for mail in fake.mails[:3]]
        assert len(set(subjects)) == 1
        assert [mail.message["X-Driftbell-Kind"] for mail in fake.mails[:3]] == ["trigger", "update", "resolve"]
        assert subjects[0].startswith("CRITICAL ")
        first = [mail.text.partition("\n")[0] for mail in fake.mails[:3]]
        assert first[0].startswith("firing, critical")
        assert (first[1].split()[0], first[2].split()[0]) == ("CRITICAL", "RESOLVED"), (
            "an old subject, so the body says it"
        )

    async def test_a_repeated_delivery_is_the_same_mail(self, bench: Bench, fake: Smtp) -> None:
        for _ in range(2):
            await bench.make().send(delivery())

        first, second = fake.mails
        for header in ("Message-ID", "Date", "Subject"):
            assert first.message[header] == second.message[header]

    async def test_it_says_that_a_machine_wrote_it(self, bench: Bench, fake: Smtp) -> None:
        await bench.make().send(delivery())

        assert fake.mails[0].message["Auto-Submitted"] == "auto-generated"

    async def test_the_html_part_is_escaped(self, bench: Bench, fake: Smtp) -> None:
        await bench.make().send(delivery(alerts=[hostile_alert('<script>alert(1)</script> " onmouseover="x')]))

        body = fake.mails[0].message.get_body(("html",))
        assert body is not None
        assert "<script>" not in body.get_content() and "&lt;script&gt;" in body.get_content()

    async def test_the_html_part_links_to_the_router(self, bench: Bench, fake: Smtp) -> None:
        await bench.make().send(delivery(external_url="https://driftbell.example.org/?a=1&b=2"))

        body = fake.mails[0].message.get_body(("html",))
        assert body is not None
        assert '<a href="https://driftbell.example.org/?a=1&amp;b=2">Router</a>' in body.get_content()

    async def test_subject_and_extra_headers_can_be_templates(self, bench: Bench, fake: Smtp) -> None:
        headers = {
            "Subject": Template("[{{ severity }}] {{ common_labels.model }}", "x"),
            "X-Team": Template("{{ common_labels.model }}\r\nBcc: evil@example.org", "x"),
        }
        await bench.make(headers=headers).send(delivery())

        message = fake.mails[0].message
        assert message["Subject"] == "[critical] fraud"
        assert "Bcc" not in message
        assert message["X-Team"] == "fraud Bcc: evil@example.org"


async def test_starttls_is_required_and_the_certificate_verified(certificates: Certificates) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.server_certificate, certificates.server_key)

    async with Smtp(tls=context, username="driftbell", password=PASSWORD) as fake:

        def smarthost(**options: Any) -> Smarthost:
            secret = SecretSource("auth_password", PASSWORD)
            return Smarthost("127.0.0.1", fake.port, username="driftbell", password=secret, **options)

        trusting = EmailChannel(smarthost(tls_ca_file=str(certificates.ca)), SENDER, RECIPIENTS)
        assert (await trusting.send(delivery())).ok
        strict = EmailChannel(smarthost(), SENDER, RECIPIENTS)
        outcome = await strict.send(delivery())

        assert outcome.reason is OutcomeReason.CONNECTION_FAILED
        assert "certificate" in outcome.detail.lower()
        assert len(fake.mails) == 1


async def test_a_server_without_starttls_gets_no_password_and_no_mail() -> None:
    async with Smtp(username="driftbell", password=PASSWORD) as fake:
        secret = SecretSource("auth_password", PASSWORD)
        host = Smarthost("127.0.0.1", fake.port, require_tls=True, username="driftbell", password=secret)
        outcome = await EmailChannel(host, SENDER, RECIPIENTS).send(delivery())

        assert outcome.reason is OutcomeReason.CONNECTION_FAILED
        assert fake.mails == []


async def test_a_password_is_not_sent_in_clear_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = SecretSource("auth_password", PASSWORD)
    async with Smtp(username="driftbell", password=PASSWORD) as fake:
        host = Smarthost("127.0.0.1", fake.port, require_tls=False, username="driftbell", password=secret)
        assert (await EmailChannel(host, SENDER, RECIPIENTS).send(delivery())).ok
        # As if 127.0.0.1 were somewhere else.
        monkeypatch.setattr("driftbell.alerting.channels.email.email._LOCAL", frozenset())
        outcome = await EmailChannel(host, SENDER, RECIPIENTS).send(delivery())

        assert (outcome.reason, outcome.retry) == (OutcomeReason.AUTH_ERROR, Retry.NO)
        assert "without TLS" in outcome.detail
        assert len(fake.mails) == 1


@pytest.mark.slow
@given(hostile_texts)
def test_no_text_adds_a_header_or_changes_a_recipient(text: str) -> None:
    letter = compose_letter(delivery(alerts=[hostile_alert(text)]), SENDER, RECIPIENTS, {}, None)
    parsed = email.message_from_bytes(letter.content, policy=email.policy.compat32)

    assert {name.lower() for name in parsed} == {
        "from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted", "mime-version",
        "x-driftbell-incident", "x-driftbell-kind", "x-driftbell-status", "content-type",
    }  # fmt: skip
    assert parsed["To"] == ", ".join(RECIPIENTS)
    assert all(len(line) <= 998 for line in letter.content.split(b"\r\n"))
    assert all(line.isascii() for line in letter.content.split(b"\r\n\r\n", 1)[0].split(b"\r\n"))


@pytest.mark.parametrize("domain", ["example.org", "a" * 60 + ".example.org", "münchen.example"])
def test_a_message_id_fits_where_the_standard_library_does_not_fold_it(domain: str) -> None:
    made = message_id("a" * 24 + "-12345", domain)

    assert len(made) <= 70
    assert re.fullmatch(r"<[!-~]+@[!-~]+>", made)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ann@example.org", ["ann@example.org"]),
        ("Ann <ann@example.org>, bob@example.org", ["ann@example.org", "bob@example.org"]),
    ],
)
def test_a_list_of_addresses_is_taken_apart(text: str, found: list[str]) -> None:
    assert addresses(text) == found


@pytest.mark.parametrize(
    "text", ["", "ann", "ann@", "@example.org", "ann@example.org\nBcc: x@y.z", "a b@example.org c"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        addresses(text)


def test_headers_that_driftbell_sets_cannot_be_configured() -> None:
    assert all(map(reserved, ("From", "to", "BCC", "Message-ID", "Content-Type", "MIME-Version", "Date")))
    assert not any(map(reserved, ("Subject", "Reply-To", "X-Team")))


async def test_the_picture_is_in_the_mail_and_called_by_its_html(
    bench: Bench, fake: Smtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drawn(given: Delivery) -> Picture:
        return Picture(b"\x89PNG picture", "error rate of <fraud>")

    monkeypatch.setattr(PICTURES, "of", drawn)
    assert (await bench.make().send(delivery())).reason is OutcomeReason.SENT
    parts = {part.get_content_type(): part for part in fake.mails[0].message.walk()}

    assert list(parts)[:2] == ["multipart/alternative", "text/plain"]
    html, picture = parts["text/html"], parts["image/png"]
    assert f'src="cid:{PICTURE_ID}" alt="error rate of &lt;fraud&gt;"' in html.get_content()
    assert picture["Content-ID"] == f"<{PICTURE_ID}>"
    assert picture.get_content_disposition() == "inline"
    assert picture.get_content() == b"\x89PNG picture"
    # The minimal mail, and one of the user's own text, have none.
    template = Template("mine", "test")
    assert (await bench.make(template=template).send(delivery())).ok
    assert [part.get_content_type() for part in fake.mails[1].message.walk()] == ["text/plain"]
