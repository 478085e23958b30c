"""Queue models as a user would write them, in a module so that other processes find them."""

import math


def three_powers(ahead, behind, cancelled):
    return ahead**3.0 / (ahead**3.0 + behind**3.0)


def half_power(ahead, behind, cancelled):
    return math.sqrt(ahead) / (math.sqrt(ahead) + math.sqrt(behind))


def nothing(ahead, behind, cancelled):
    return math.nan


def five(ahead, behind, cancelled):
    return 5.0
