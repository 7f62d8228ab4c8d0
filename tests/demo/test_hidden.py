"""The hidden test of the demo: what SymPy's own repair of its issue 14774 asserts, and its twin.

The agent never sees this file: it is copied into a fresh sandbox after the verdict, to grade it.
"""

from sympy import acsc, asec, asin, latex
from sympy.abc import x


def test_the_full_name_of_the_inverse_cosecant():
    assert latex(acsc(x), inv_trig_style="full") == r"\operatorname{arccsc}{\left (x \right )}"


def test_the_full_name_of_the_inverse_secant():
    assert latex(asec(x), inv_trig_style="full") == r"\operatorname{arcsec}{\left (x \right )}"


def test_names_that_were_right_before():
    assert latex(asin(x), inv_trig_style="full") == r"\arcsin{\left (x \right )}"
    assert latex(acsc(x)) == r"\operatorname{acsc}{\left (x \right )}"
