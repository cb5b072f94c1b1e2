"""What the data page says: the sentence of each code."""

from chat import messages as of_conversations  # noqa: F401 - its codes are known with these
from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        "several_answers": sentence("%(key)s holds %(answers)d answers to one question, but only one can be learned."),
        "keep_the_best": sentence("Keep the best."),
        "lists_differ": sentence(
            "%(question)s holds %(questions)d texts and %(answer)s %(answers)d, but every question needs its answer."
        ),
        "give_both_as_many": sentence("Give both as many."),
        "columns_as_lists": sentence(
            "%(question)s and %(answer)s hold %(texts)d texts each, which are columns rather than rounds of one "
            "conversation."
        ),
        "write_a_row_for_each": sentence("Write a row for each question."),
    }
)
message = CATALOGUE.message
