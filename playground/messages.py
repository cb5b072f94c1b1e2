"""What the playground says: why a talk is not asked, shared or kept."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        "talk_broken": sentence("The conversation so far could not be read. Start a new one."),
        "talk_too_long": sentence(
            "A conversation here has at most %(turns)d questions and %(characters)s characters. Start a new one."
        ),
        "talk_empty": sentence("There is nothing to share yet: ask something first."),
        "talk_without_models": sentence("Choose at least one model to ask."),
        "parameters_refused": sentence("A field below cannot be used as it is."),
        "prompt_missing": sentence("Write a question first."),
        "asked_too_often": sentence("You have asked very often in the last minute. Wait a moment."),
        "no_answer_arrived": sentence("No answer arrived. Try again in a moment."),
        "share_not_found": sentence("There is no shared conversation %(id)r. It may have been deleted."),
        "too_many_shares": sentence(
            "The team shares %(most)d conversations already. Delete one that is no longer needed first."
        ),
        "answer_to_keep_missing": sentence("The answer that is to be kept is not in this conversation."),
        "kept_answer_empty": sentence("Write the answer that the model should have given."),
        "consent_missing": sentence("Say that the conversation may be stored in the data set."),
        "no_data_set_chosen": sentence("Choose a data set, or name a new one."),
    }
)
message = CATALOGUE.message
