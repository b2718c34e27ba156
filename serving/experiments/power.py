"""How many users an experiment needs, or what effect it can find with those it has.

Two-sided tests with normal approximations, as the report makes them: good from some hundred users in each arm.
"""

from dataclasses import dataclass
from math import ceil, sqrt

from scipy import optimize, stats

from dimerec_tf.errors import DimeRecError


@dataclass(frozen=True)
class Design:
    """What is fixed before the experiment.

    Attributes:
        significance: how often a difference is seen where there is none.
        power: how often the effect is seen where there is one.
        treatment_share: the treatment's part of all users; the control gets the rest.

    Raises:
        DimeRecError: one is not between 0 and 1, or the power is not above the significance.
    """

    significance: float = 0.05
    power: float = 0.8
    treatment_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("significance", "power", "treatment_share"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise DimeRecError(f"{name} must be between 0 and 1, got {value:g}.")
        if self.power <= self.significance:
            raise DimeRecError(f"power must be above significance, got {self.power:g} and {self.significance:g}.")

    @property
    def quantiles(self) -> tuple[float, float]:
        """Standard normal quantiles: of the two-sided test and of its power."""
        return float(stats.norm.isf(self.significance / 2)), float(stats.norm.ppf(self.power))


@dataclass(frozen=True)
class Arms:
    """Users in each arm."""

    control: int
    treatment: int


def users_for_proportions(baseline: float, effect: float, design: Design) -> Arms:
    """Users that find a difference of two rates.

    Args:
        baseline: the control's rate, between 0 and 1.
        effect: the treatment's rate less the control's.
        design: of the experiment.

    Raises:
        DimeRecError: a rate is not between 0 and 1, or the effect is 0.
    """
    _check_rate(baseline)
    if effect == 0 or not 0 < baseline + effect < 1:
        raise DimeRecError(
            f"The effect is added to the baseline and must lead to another rate between 0 and 1, got {baseline:g} and "
            f"{effect:g}."
        )
    return _arms(_total_for_proportions(baseline, effect, design), design)


def effect_for_proportions(baseline: float, users: int, design: Design) -> float:
    """The smallest increase of a rate that an experiment with so many users, both arms together, finds.

    Raises:
        DimeRecError: the baseline is not between 0 and 1, or no increase is large enough.
    """
    _check_rate(baseline)
    _check_users(users)
    low, high = 1e-9 * (1 - baseline), (1 - baseline) * (1 - 1e-9)
    if _total_for_proportions(baseline, high, design) > users:
        raise DimeRecError(f"{users} users cannot show any increase of a rate of {baseline:g}. More users are needed.")
    if _total_for_proportions(baseline, low, design) <= users:
        return low
    return float(optimize.brentq(lambda effect: _total_for_proportions(baseline, effect, design) - users, low, high))


def users_for_means(deviation: float, effect: float, design: Design) -> Arms:
    """Users that find a difference of two means.

    Args:
        deviation: standard deviation of a user's value, the same in both arms.
        effect: the treatment's mean less the control's.
        design: of the experiment.

    Raises:
        DimeRecError: the deviation is not above 0, or the effect is 0.
    """
    _check_deviation(deviation)
    if effect == 0:
        raise DimeRecError("The effect must not be 0: no number of users finds it.")
    return _arms((sum(design.quantiles) * deviation / effect) ** 2 * _spread(design), design)


def effect_for_means(deviation: float, users: int, design: Design) -> float:
    """The smallest difference of two means that an experiment with so many users, both arms together, finds.

    Raises:
        DimeRecError: the deviation is not above 0, or there are no users for each arm.
    """
    _check_deviation(deviation)
    _check_users(users)
    return sum(design.quantiles) * deviation * sqrt(_spread(design) / users)


def _total_for_proportions(baseline: float, effect: float, design: Design) -> float:
    share, treated = design.treatment_share, baseline + effect
    pooled = (1 - share) * baseline + share * treated
    under_null = sqrt(pooled * (1 - pooled) * _spread(design))
    under_effect = sqrt(baseline * (1 - baseline) / (1 - share) + treated * (1 - treated) / share)
    for_test, for_power = design.quantiles
    return ((for_test * under_null + for_power * under_effect) / effect) ** 2


def _spread(design: Design) -> float:
    """Variance of a difference of means times users, for values of variance 1."""
    return 1 / (1 - design.treatment_share) + 1 / design.treatment_share


def _arms(total: float, design: Design) -> Arms:
    return Arms(ceil(total * (1 - design.treatment_share)), ceil(total * design.treatment_share))


def _check_rate(baseline: float) -> None:
    if not 0 < baseline < 1:
        raise DimeRecError(f"The baseline rate must be between 0 and 1, got {baseline:g}.")


def _check_deviation(deviation: float) -> None:
    if not deviation > 0:
        raise DimeRecError(f"The standard deviation must be above 0, got {deviation:g}.")


def _check_users(users: int) -> None:
    if users < 2:
        raise DimeRecError(f"An experiment needs users in both arms, got {users} in all.")
