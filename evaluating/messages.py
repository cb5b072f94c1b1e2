"""What an evaluation's process says. No torch and no Django: the processes that show these sentences import them."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        "evaluation_begins": sentence("%(models)s models are evaluated with %(questions)s questions on %(device)s."),
        "evaluation_loads": sentence("Loading %(model)s."),
        "evaluation_measured": sentence("The held-out rows were shown to %(model)s."),
        "evaluation_answered": sentence("%(model)s answered question %(number)s."),
        "evaluation_done": sentence("Every question has been answered."),
        "evaluation_stopped": sentence("The evaluation was stopped."),
        "evaluation_out_of_memory": sentence(
            "Memory ran out during the evaluation. Evaluate fewer models at once, or on a device with more memory."
        ),
        "evaluation_failed_unexpectedly": sentence("The evaluation ended with an error; its log has the details."),
        "evaluation_engine_failed": sentence("The engine failed while it answered: %(reason)s"),
        "evaluation_questions_unreadable": sentence("%(file)s cannot be read as questions."),
        "evaluation_prompt_too_long": sentence("The question has %(tokens)s tokens; the model takes %(most)s in all."),
    }
)
message = CATALOGUE.message
