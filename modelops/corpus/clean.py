"""Unicode and newline normalisation of one text; changes its form, never its words."""

import unicodedata

_DROPPED = dict.fromkeys((0x0000, 0xFEFF))


def clean_text(text: str) -> str:
    r"""NFC, LF newlines, no BOM, no NUL, no whitespace at the end; idempotent.

    Indentation, blank lines and trailing blanks *inside* the text stay as they are: in
    code, configuration and Markdown they carry meaning.
    """
    if "\0" in text or "\ufeff" in text:
        text = text.translate(_DROPPED)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.rstrip()


def encodable(text: str) -> bool:
    """False for a text that holds half of a surrogate pair and so has no UTF-8 form."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
