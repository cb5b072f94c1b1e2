"""What tools/house.py counts."""

from tools import house


def test_floors_are_those_of_the_longest_chain_of_imports() -> None:
    app = {
        "app/top.py": "from app import middle\nimport app.bottom\n",
        "app/middle.py": "from app.bottom import thing\n",
        "app/bottom.py": "import os\n",
        "app/beside.py": "def late():\n    import app.top\n",
    }
    assert house.floors(app) == 3


def test_modules_in_a_circle_share_a_floor() -> None:
    app = {"app/one.py": "import app.two\n", "app/two.py": "import app.one\nimport app.base\n", "app/base.py": ""}
    assert house.floors(app) == 2


def test_a_function_ends_with_its_last_line() -> None:
    assert list(
        house.function_lengths("def one():\n    return (\n        1\n    )\n\n\nclass A:\n    def two(self): ...\n")
    ) == [4, 1]


def test_hops_are_numbered_and_modules_count_once() -> None:
    drawn = " 1 jobs/api.py   post\n   jobs/form.py\n 2 jobs/api.py   again\n10 trainer/train.py"
    assert list(house.tours(f"## Tour 1: x\n\n```\n{drawn}\n```\n")) == ["3, 3"]
