"""What the data page says: the sentence of each code."""

from chat import messages as of_conversations  # noqa: F401 - its codes are known with these
from datasets_app.messages.checks import CHECKS
from datasets_app.messages.files import FILES
from datasets_app.messages.requests import REQUESTS
from datasets_app.messages.rows import ROWS
from wording import Catalogue

CATALOGUE = Catalogue({**FILES, **ROWS, **CHECKS, **REQUESTS})
message = CATALOGUE.message
