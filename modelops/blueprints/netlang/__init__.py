"""netlang, the first blueprint: legacy router configurations rewritten in a private language."""
