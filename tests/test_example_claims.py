"""Numbers in the texts of examples are told from those that are not printed.

`make doc` holds the examples of the gallery to their output in this way.
"""

from pathlib import Path

import pytest

from tests.test_doc_pages import load

ROOT = Path(__file__).parents[1]
example_claims = load("example_claims")

EXAMPLE = '''"""
Of 1,797 digits 97.1 % are found, in a 95 % interval of 0.5.
"""

# %%
# The error is 0.26, and the bound 1.50 nats.

share = 0.5
print(share)
'''
# As sphinx-gallery writes it.
PAGE = """
.. code-block:: Python

    print("0.26")

.. rst-class:: sphx-glr-script-out

 .. code-block:: none

    found     97.14 %

    error -1 0.2601




.. GENERATED FROM PYTHON SOURCE LINES 1-2

.. rst-class:: sphx-glr-script-out

 .. code-block:: none

    A b       1.00 -0.25
    C         0.50 3
"""
TABLE = """
.. csv-table:: What is kept
   :header: "", "one", "two"
   :widths: 40, 15, 15

   A b, 1.02, -0.25
   C, 0.50, 3
"""


def test_claims_are_decimals_shares_and_nats_that_the_code_does_not_have():
    assert list(example_claims.claims(EXAMPLE)) == ["97.1", "0.26", "1.50"]


def test_output_is_what_was_printed():
    printed = example_claims.output(PAGE)
    assert "print" not in printed
    assert "GENERATED" not in printed
    assert example_claims.numbers(printed) == {97.14, 1, 0.2601, 0.25, 0.5, 3}


def test_claims_are_printed_numbers_as_rounded():
    printed = example_claims.output(PAGE)
    assert list(example_claims.wrong_claims(EXAMPLE, printed)) == ["1.50"]
    assert list(example_claims.wrong_claims(EXAMPLE, "")) == ["97.1", "0.26", "1.50"]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (("", ""), []),
        (("C, 0.50, 3", "C, 0.50, 4"), ["C"]),
        (("A b, 1.02", "A b, 1.2"), ["A b"]),
        (("C, 0.50, 3", "C, 0.50"), ["C"]),
        (("   C, 0.50, 3\n", ""), ["all"]),
        (("A b", "A c"), ["all"]),
    ],
)
def test_rows_of_a_page_are_those_that_are_printed(change, wrong):
    printed = "".join(example_claims.OUTPUT.findall(PAGE)[1:])
    page = TABLE.replace(*change) if change[0] else TABLE
    assert list(example_claims.wrong_rows(page, printed)) == wrong


@pytest.mark.parametrize("name", example_claims.TABLES)
def test_pages_have_tables_to_compare(name):
    page = (ROOT / "doc" / example_claims.TABLES[name]).read_text(encoding="utf-8")
    assert len(example_claims.rows(page, example_claims.PAGE_ROW)) > 10
    assert list((ROOT / "examples").glob(f"*/{name}.py"))


def test_examples_claim_numbers():
    texts = [p.read_text(encoding="utf-8") for p in (ROOT / "examples").rglob("*.py")]
    assert sum(bool(list(example_claims.claims(text))) for text in texts) >= 10


def test_build_checks_the_examples():
    conf = (ROOT / "doc" / "conf.py").read_text(encoding="utf-8")
    assert '"example_claims"' in conf
