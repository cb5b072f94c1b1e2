"""What is said of the ledger and of how it is asked."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        "days_reversed": sentence("The first day, %(first)s, is after the last, %(last)s. Change one of the two."),
        "days_too_many": sentence("From %(first)s to %(last)s is more than %(most)s days. Ask for fewer at once."),
        "unknown_usage_group": sentence("Usage is not summed up by %(value)s. Choose one of: %(known)s."),
        # Storage
        "storage_full": sentence(
            "The team stores %(used)s and may store %(allowed)s, which leaves no room for %(asked)s more."
        ),
        "ask_for_storage": sentence("Or ask an administrator for more."),
    }
)
message = CATALOGUE.message
