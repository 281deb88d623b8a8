"""The stages in order: what exists is found by the digest of its inputs, the rest is built."""
