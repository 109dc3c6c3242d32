"""Text as whoever keeps it takes it."""


def clean(text: str) -> str:
    """Return text as every database takes it: halves of surrogate pairs and NULs stand there as U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\ufffd")
