"""Ranks against SciPy's."""

import numpy as np
import pytest
from scipy.stats import rankdata

from deepbench.statistics import ranks


@pytest.mark.parametrize("shape", [(0,), (1,), (50,), (3, 40), (0, 5), (4, 0)])
def test_ranks_are_those_of_scipy(shape, rng):
    values = rng.integers(0, 12, shape) / 4
    values[..., :1] = -np.inf
    np.testing.assert_array_equal(ranks.average(values), rankdata(values, axis=-1))


def test_a_row_with_a_nan_has_no_ranks():
    values = np.array([[3.0, np.nan, 1.0], [2.0, 2.0, 1.0]])
    nan = np.nan
    np.testing.assert_array_equal(ranks.average(values), [[nan, nan, nan], [2.5, 2.5, 1]])
