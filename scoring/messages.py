"""What this package says: why something cannot be scored, and what was found about a model."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        # Measures
        "measure_unknown": sentence("There is no measure %(name)s. Choose from %(known)s."),
        "measure_needs_schema": sentence("The measure json_schema needs a JSON Schema."),
        "schema_invalid": sentence("The JSON Schema is not valid: %(reason)s"),
        "nothing_to_score": sentence("There is no answer to score."),
        "answers_not_paired": sentence(
            "There are %(answers)s answers for %(references)s expected ones. Each row needs one of both."
        ),
        "references_missing": sentence("The measure %(name)s needs the expected answer of each row."),
        "too_many_labels": sentence(
            "The expected answers hold %(labels)s different texts, more than %(most)s. They are no labels."
        ),
    }
)
message = CATALOGUE.message
