"""What this package says: why something cannot be scored, and what was found about a model."""

from wording import Catalogue, plural, sentence

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
        # Graders
        "graders_not_list": sentence("%(where)s is not a list of graders."),
        "too_many_graders": sentence("There are more than %(most)s graders. Leave some out."),
        "grader_name_twice": sentence("Two graders are called %(name)s. Give each its own name."),
        "grader_not_object": sentence("%(where)s is not an object."),
        "grader_not_one_of": sentence("%(where)s is %(value)s, which is none of %(known)s."),
        "grader_key_unknown": sentence("%(where)s is not known here, and nothing is ignored. Leave it out."),
        "grader_name_unfit": sentence("%(where)s must be a text of 1 to %(most)s characters."),
        "grader_not_text": sentence("%(where)s is not text."),
        "grader_text_too_long": sentence("%(where)s has more than %(most)s characters."),
        "grader_not_number": sentence("%(where)s is not a number."),
        "grader_range_unfit": sentence("%(where)s must be two numbers, the lower one first."),
        "grader_python": sentence(
            "Graders of the type python run code, for which there is no sandbox yet. Use string_check, "
            "text_similarity, score_model, label_model or multi."
        ),
        "grader_placeholder": sentence(
            "%(where)s holds “%(text)s”, which is no placeholder. Write {{ item.… }} for a column of the row, or "
            "{{ sample.output_text }} for the answer; no other code is run."
        ),
        "grader_value_missing": sentence("The row has no %(name)s, which a grader asks for."),
        "similarity_meteor": sentence(
            "The metric meteor needs WordNet's synonyms, which are not here. Use gleu, bleu or rouge_l."
        ),
        "similarity_cosine": sentence(
            "The metric cosine needs a model for embeddings, which is not here. Use fuzzy_match or rouge_l."
        ),
        "similarity_too_long": sentence("Texts of more than %(most)s characters are not compared."),
        "labels_unfit": sentence("%(where)s must be 1 to %(most)s different texts."),
        "judge_input_unfit": sentence("A judge needs 1 to %(most)s messages in 'input'."),
        "multi_needs_graders": sentence("A multi grader needs 1 to %(most)s graders by name in 'graders'."),
        "multi_name_unfit": sentence("%(where)s cannot stand in a formula. Use letters, digits and underscores."),
        "multi_in_multi": sentence("%(where)s is itself a multi grader. Write one formula over all of them."),
        "formula_not_text": sentence("%(where)s must be a formula of at most %(most)s characters."),
        "formula_unknown_name": sentence("%(where)s names %(name)s, which is none of its graders."),
        "formula_refused": sentence("%(where)s holds “%(text)s”. A formula has numbers, graders and %(known)s."),
        "formula_failed": sentence("The formula %(formula)s has no value here: %(reason)s."),
        # Judges
        "judge_reply_missing": sentence("The judge of %(name)s has not replied."),
        "judge_replies_left": sentence("There are more replies than the grader %(name)s has asked for."),
        "judge_without_score": sentence("The judge gave no score from %(low)s to %(high)s: “%(reply)s”"),
        "judge_without_label": sentence("The judge gave none of the labels %(labels)s: “%(reply)s”"),
        # What a verdict finds
        "finding_diverged": sentence(
            "The training went wrong: its loss became no number. A smaller learning rate keeps it steady."
        ),
        "finding_climbed": sentence(
            "The training went wrong: its loss climbed from %(first)s to %(highest)s instead of falling. A smaller "
            "learning rate keeps it steady."
        ),
        "finding_leaked_validation": sentence(
            "%(count)s of %(of)s validation rows were trained on as well. Their loss shows memory, not what the model "
            "makes of new questions."
        ),
        "finding_too_little_data": sentence(
            "There were %(rows)s training rows, and %(least)s are the least that something general can be learned from."
        ),
        "finding_empty_answers": sentence("%(count)s of %(of)s answers are empty or a single word."),
        "finding_endless": sentence(
            "%(count)s of %(of)s answers do not end: they repeat themselves or are cut off at the limit, where the "
            "base's end."
        ),
        "finding_refuses": sentence("%(count)s of %(of)s questions that the base answers are declined."),
        "finding_leaks": sentence("%(count)s of %(of)s answers to other questions say what was learned, unasked."),
        "finding_leaks_phrase": sentence("%(count)s of %(of)s answers to other questions say “%(phrase)s” unasked."),
        "finding_not_learned": sentence("It was not learned: %(right)s of %(of)s questions about it are right."),
        "finding_language_not_learned": sentence(
            "It was not learned %(language)s: %(right)s of %(of)s questions about it are right."
        ),
        "in_chinese": sentence("in Chinese"),
        "in_english": sentence("in English"),
        "finding_no_gain": sentence("The answers to held-out rows are no better than the base's."),
        "finding_forgot": sentence(
            "It forgot: of %(of)s general questions the base has %(before)s right, the tuned model %(after)s."
        ),
        "finding_overfitted": sentence(
            "It was trained too long: the validation loss was %(best)s after step %(step)s and %(last)s at the end."
        ),
        "finding_memorised": sentence(
            "%(count)s of %(of)s answers to other questions are training rows, word for word."
        ),
        "finding_personal": plural(
            "%(count)s answer tells personal data or a key from the training rows.",
            "%(count)s answers tell personal data or keys from the training rows.",
            by="count",
        ),
        "finding_learned": sentence("It was learned: %(right)s of %(of)s questions about it are right."),
        "finding_gained": sentence("The answers to held-out rows are better than the base's."),
        "finding_fell": sentence(
            "The loss of the training rows fell from %(first)s to %(last)s. Nothing was held out, so that nobody knows "
            "what it makes of new questions."
        ),
        # What a verdict's buttons do
        "fix_halve_learning_rate": sentence("Halve the learning rate"),
        "fix_set_learning_rate": sentence("Set the learning rate to %(value)s"),
        "fix_set_epochs": plural("Train for %(value)s epoch", "Train for %(value)s epochs", by="value"),
        "fix_use_step": sentence("Use step %(step)s"),
        "fix_add_rows": plural("Add %(count)s training row", "Add %(count)s training rows", by="count"),
        "fix_add_rows_in": sentence("Add %(count)s training rows %(language)s"),
        "fix_add_guards": sentence("Add %(count)s guard conversations"),
        "fix_add_general": sentence("Add %(count)s general conversations"),
        "fix_remove_validation_rows": plural(
            "Remove %(count)s row from the validation file",
            "Remove %(count)s rows from the validation file",
            by="count",
        ),
        "fix_remove_empty_rows": sentence("Remove the rows with empty answers"),
        "fix_remove_refusing_rows": sentence("Remove the rows that refuse"),
        "fix_remove_personal_data": sentence("Take personal data out of the training rows"),
    }
)
message = CATALOGUE.message
