import pytest
from deployments_cast import Person, make_adapter, make_base, make_person


@pytest.fixture
def alice(db) -> Person:
    return make_person("Alice")


@pytest.fixture
def bob(db) -> Person:
    return make_person("Bob")


@pytest.fixture
def base(db):
    return make_base()


@pytest.fixture
def adapter(alice, base):
    """A tuned model of Alice's team."""
    return make_adapter(alice.team, base)
