"""Claims about normalising one text."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from modelops.corpus.clean import clean_text, encodable

PIECES = st.sampled_from(["\r", "\n", "\r\n", "\0", "\ufeff", " ", "e", "\u0301", "word"])
TEXTS = st.lists(PIECES | st.text(max_size=3)).map("".join)


@given(TEXTS)
def test_cleaning_twice_is_cleaning_once(text):
    assert clean_text(clean_text(text)) == clean_text(text)


@given(TEXTS)
def test_a_clean_text_is_nfc_with_lf_and_nothing_at_its_end(text):
    clean = clean_text(text)
    assert unicodedata.is_normalized("NFC", clean)
    assert clean == clean.rstrip()
    assert not set(clean) & {"\r", "\0", "\ufeff"}


@given(TEXTS)
def test_cleaning_keeps_every_word(text):
    dropped = text.replace("\0", "").replace("\ufeff", "")
    assert clean_text(text).split() == unicodedata.normalize("NFC", dropped).split()


def test_inner_white_space_stays():
    text = "  if a:\n\n\treturn  1  \n# end"
    assert clean_text(text + " \r\n") == text


def test_half_a_surrogate_pair_has_no_bytes():
    assert encodable("caf\u00e9 \U0001f600")
    assert not encodable("\ud83d")
