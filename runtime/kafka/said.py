"""What an error of Kafka's client says, as a sentence: its own text is ``KafkaError{code=_TRANSPORT,val=-195,str="..."}``."""

from __future__ import annotations


def said(error: BaseException) -> str:
    """The sentence in an error of librdkafka; of any other error its text, or its name where it has none."""
    inner = error.args[0] if error.args else error
    return str(inner.str() if hasattr(inner, "str") else error) or type(error).__name__
