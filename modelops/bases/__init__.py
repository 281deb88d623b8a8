"""Base models, each pinned by digests: source, licence, tokenizer, chat template."""
