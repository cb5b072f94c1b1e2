"""What evaluations say: why one is refused, why it failed, and what stands in the way of another."""

import serving.messages  # noqa: F401  # what the process says is put into words here
from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        # A request is refused
        "evaluation_not_found": sentence("There is no evaluation %(id)r."),
        "compare_number": sentence("Choose %(least)d to %(most)d jobs to compare."),
        "evaluation_needs_models": sentence("Name at least one model to evaluate."),
        "evaluation_too_many_models": sentence("At most %(most)d models are evaluated at once, their bases included."),
        "evaluation_model_twice": sentence("The model %(name)s is named twice."),
        "teaching_cancelled": sentence("Asking the teacher was cancelled, so there are no answers to learn from."),
        "teaching_failed": sentence("The teacher could not be asked."),
        "evaluation_needs_questions": sentence("Send either a file or prompts."),
        "evaluation_endpoint_unsupported": sentence(
            "%(name)s is an address. Other endpoints cannot be evaluated yet: name a base model, a tuned model, one of "
            "its checkpoints, or a deployment."
        ),
        "evaluation_file_empty": sentence("%(filename)s has no conversation that ends with an answer."),
        "evaluation_prompt_invalid": sentence('A prompt is a text, or {"prompt": "…", "reference": "…"}.'),
        "evaluation_prompt_empty": sentence("A prompt is empty."),
        "grader_judge_unsupported": sentence(
            "The grader %(name)s is of the type %(type)s and needs a model as judge, which no evaluation asks yet. Use "
            "string_check or text_similarity."
        ),
        "grader_run_too_long": sentence(
            "The graders' models have not answered within %(seconds)d seconds. Ask one that is deployed, or fewer."
        ),
        "ballot_not_found": sentence(
            "Question %(number)d has no two answers to choose between: both models must have answered, and not alike."
        ),
        "evaluation_finished": sentence("This evaluation has already ended, so there is nothing to cancel."),
        "evaluation_unfinished": sentence("This evaluation has not ended. Cancel it first."),
        "evaluation_of_unfinished_job": sentence("Only a job that has succeeded is evaluated."),
        "evaluation_model_gone": sentence("The model %(name)s was deleted."),
        "model_without_package": sentence("%(name)s has no adapter that can be packed with its card."),
        # OpenAI's evals
        "eval_not_found": sentence("There is no eval %(id)s."),
        "eval_run_not_found": sentence("The eval has no run %(id)s."),
        "eval_item_not_found": sentence("The run has no output item %(id)s."),
        "eval_has_runs": sentence("A run of this eval has not ended. Cancel it first."),
        "eval_source_unsupported": sentence(
            "The data source %(type)s is not offered: no requests are stored here. Use %(known)s."
        ),
        "eval_criterion_unsupported": sentence(
            "The testing criterion %(name)s is of the type %(type)s, which no eval asks here. Use string_check or "
            "text_similarity."
        ),
        "eval_threshold_missing": sentence("The testing criterion %(name)s has no pass_threshold."),
        "eval_schema_keyword": sentence("item_schema has the keyword %(name)s, which is not checked here. Omit it."),
        "eval_schema_invalid": sentence("item_schema is no JSON Schema: %(reason)s"),
        "eval_items_number": sentence("A run has 1 to %(most)d items."),
        "eval_item_unfit": sentence("Item %(number)d does not fit the eval's item_schema."),
        "eval_item_no_object": sentence('Line %(line)d is not {"item": {…}}.'),
        "eval_item_with_sample": sentence(
            "Item %(number)d has an answer (sample) of its own. Omit it: a model answers."
        ),
        "eval_file_purpose": sentence("%(filename)s was uploaded for %(purpose)s. Upload it with the purpose evals."),
        "eval_template_empty": sentence("input_messages has no message that can be sent: %(reason)s"),
        "eval_content_unsupported": sentence("Messages of an eval hold text alone, no %(type)s."),
        "eval_sampling_unsupported": sentence(
            "Evaluations always take the likeliest word, so %(name)s would change nothing. Omit it."
        ),
        "eval_option_unsupported": sentence("%(name)s is not offered in an eval's run. Omit it."),
        # Why one failed
        "evaluation_file_deleted": sentence("The file with the questions was deleted."),
        "evaluation_base_gone": sentence("The base model %(model)s is not in the catalogue's storage any more."),
        "evaluation_lost": sentence("The evaluation ended %(times)d times in a row without an answer."),
        "evaluation_not_scored": sentence("The answers cannot be scored: %(reason)s"),
        # What waits for one
        "file_needed_by_evaluation": sentence(
            "The evaluation %(name)s still needs %(filename)s. Cancel it or wait until it ends."
        ),
    }
)
message = CATALOGUE.message
