"""A seeded run of the core as one number; as a script: prints it, and whether the core ran compiled.

Usage: python replay_digest.py MODEL
"""

import hashlib
import random
import sys

import numba
from markets import STEP_BYTES, Decoder

from paper_bitmart.matching.matcher import Matcher
from paper_bitmart.matching.models import MODELS


def random_steps(seed, count, mid):
    """`count` random steps around `mid`, after a first empty book."""
    rng = random.Random(seed)
    return list(Decoder(mid).steps(rng.randbytes(STEP_BYTES) for _ in range(count)))


def digest(model):
    """Hash over every report of a short run."""
    matcher = Matcher(queue_model=MODELS[model], window_ticks=64, published_levels=5)
    seen = hashlib.sha256()
    for step in random_steps(seed=7, count=400, mid=3000):
        step.apply(matcher)
        seen.update(matcher.drain().tobytes())
    return seen.hexdigest()


if __name__ == "__main__":
    print("interpreted" if numba.config.DISABLE_JIT else "compiled", digest(sys.argv[1]))
