"""Dead letters: read by people, and sent again once what was wrong is fixed."""

from __future__ import annotations

from driftbell.dead_letters.letter import Letter, headers_to_resend, letter_of, summary
from driftbell.dead_letters.topics import DeadLetterTopics, From

__all__ = ["DeadLetterTopics", "From", "Letter", "headers_to_resend", "letter_of", "summary"]
