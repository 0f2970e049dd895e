"""The buttons under a message: what they are called on the wire, and when they are shown.

Contract: docs.slack.dev/reference/block-kit/blocks/actions-block and block-elements/button-element. Who presses is answered by
``driftbell.alerting.inbound.slack_actions``.
"""

from __future__ import annotations

from typing import Any, Final

from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.rendering.message import NOBODYS
from driftbell.alerting.state.records import Kind

ACKNOWLEDGE: Final = "driftbell_acknowledge"
GIVE_BACK: Final = "driftbell_give_back"
SILENCE: Final = "driftbell_silence"

#: How long the button silences.
SILENCE_MS: Final = 2 * 3_600_000

_WORDS = {ACKNOWLEDGE: "Acknowledge", GIVE_BACK: "Give back", SILENCE: "Silence 2 h"}


def buttons(delivery: Delivery) -> list[dict[str, Any]]:
    """The block of buttons; none where there is nothing that a person could take on."""
    if delivery.kind is Kind.RESOLVE or delivery.notification.reason in NOBODYS:
        return []
    shown = [GIVE_BACK if delivery.notification.is_taken else ACKNOWLEDGE, SILENCE]
    elements = [
        {
            "type": "button",
            "action_id": name,
            "text": {"type": "plain_text", "text": _WORDS[name], "emoji": False},
            "value": delivery.key,
        }
        for name in shown
    ]
    return [{"type": "actions", "block_id": "driftbell", "elements": elements}]
