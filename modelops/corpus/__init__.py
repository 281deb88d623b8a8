"""Read, clean, split, version; owns the record and the protocols a blueprint implements."""
