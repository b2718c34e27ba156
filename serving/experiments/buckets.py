"""Which bucket of an experiment a user belongs to: the same one everywhere, without anything stored."""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from typing import Annotated

from pydantic import Field, field_validator

from dimerec_tf.config_base import Section
from dimerec_tf.errors import DimeRecError

_RANGE = 2**64
_NAME = r"^[A-Za-z0-9_.-]{1,64}$"


class Bucket(Section):
    """A group of users; `weight` is its share relative to the other buckets' weights."""

    name: str = Field(pattern=_NAME)
    weight: float = Field(gt=0, allow_inf_nan=False)


class Experiment(Section):
    """Buckets, the first of which is the control, and a salt that makes this experiment's split its own.

    A user's place is the first 8 bytes of SHA-256 over `salt:user_id`, big-endian, on a circle of 2**64 places that the
    buckets share in their order. With two buckets a larger weight of one only moves users of the other.
    """

    salt: str = Field(pattern=_NAME)
    buckets: Annotated[tuple[Bucket, ...], Field(min_length=2)]

    @field_validator("buckets")
    @classmethod
    def _names_differ(cls, buckets: tuple[Bucket, ...]) -> tuple[Bucket, ...]:
        twice = [name for name, count in Counter(bucket.name for bucket in buckets).items() if count > 1]
        if twice:
            raise ValueError(f"each bucket needs a name of its own, {', '.join(twice)} was given twice")
        return buckets

    @cached_property
    def _ends(self) -> list[int]:
        sums = list(accumulate(bucket.weight for bucket in self.buckets))
        return [round(_RANGE * (end / sums[-1])) for end in sums[:-1]]

    def bucket_of(self, user_id: str) -> str:
        """The bucket of a user.

        Raises:
            DimeRecError: the id is empty, so all unknown users would share a bucket.
        """
        if not user_id:
            raise DimeRecError("A user id is empty. Give each user an id, or leave those without one out.")
        digest = hashlib.sha256(f"{self.salt}:{user_id}".encode()).digest()
        return self.buckets[bisect_right(self._ends, int.from_bytes(digest[:8], "big"))].name


def parse_buckets(texts: Sequence[str]) -> tuple[Bucket, ...]:
    """Reads `NAME=WEIGHT` of each bucket, the control first.

    Raises:
        DimeRecError: one is not of this form, or there are fewer than two.
    """
    buckets = []
    for text in texts:
        name, _, weight = text.partition("=")
        try:
            buckets.append(Bucket(name=name, weight=float(weight)))
        except ValueError as error:
            raise DimeRecError(
                f"A bucket must be NAME=WEIGHT, with a name of letters, digits, '_', '.' and '-' and a weight above 0, "
                f"got {text!r}. Example: control=0.9"
            ) from error
    if len({bucket.name for bucket in buckets}) < max(2, len(buckets)):
        raise DimeRecError(
            f"An experiment needs two buckets or more with different names, the control first, got {list(texts)}. "
            "Example: control=0.9 treatment=0.1"
        )
    return tuple(buckets)
