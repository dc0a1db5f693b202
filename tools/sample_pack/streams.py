"""Random streams that depend on a name alone, so that adding a clip changes no other clip."""

import hashlib

import numpy as np


def stream(*names: str) -> np.random.Generator:
    """A PCG64 generator seeded by the sha256 of the names."""
    digest = hashlib.sha256("/".join(names).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
