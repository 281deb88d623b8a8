"""Industries: each plugs in its sources and its verifier."""
