"""Edit distance in Axon tokens, for how much of an answer an engineer would have to change."""

from modelops.blueprints.netlang.grammar import tokens


def relative_edit_distance(text: str, reference: str) -> float:
    """Insertions, deletions and replacements of tokens from `text` to `reference`, per token.

    Divided by the length of `reference` (at least 1), so an empty text is at distance 1 and a
    rambling one beyond. Levenshtein (1966), bit-parallel: linear time for short references.
    """
    from rapidfuzz.distance import Levenshtein

    wanted = tokens(reference)
    return Levenshtein.distance(tokens(text), wanted) / max(len(wanted), 1)
