"""What stands in the place of a record's value where the record could not be read from Kafka's log."""

from __future__ import annotations

from typing import Self


class Unreadable(bytes):
    """The bytes of a record, or of a whole batch of records, that Kafka's client could not read.

    Attributes:
        detail: what is wrong with them, for people.
    """

    detail: str

    def __new__(cls, data: bytes, detail: str) -> Self:
        """See the class."""
        made = super().__new__(cls, data)
        made.detail = detail
        return made
