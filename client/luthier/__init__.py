"""The client of Luthier: upload, train, compare, deploy, ask."""

from luthier.client import Luthier
from luthier.errors import ApiError, LuthierError, Unreachable
from luthier.generated import types

__version__ = "0.1.0"
__all__ = ["ApiError", "Luthier", "LuthierError", "Unreachable", "types"]
