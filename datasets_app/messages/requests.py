"""What is refused, and what is asked: the sentence of each code."""

from wording import Plural, Sentence, plural, sentence

REQUESTS: dict[str, Sentence | Plural] = {
    # Files
    "choose_a_file": sentence("Choose a file first."),
    "no_such_data_set": sentence("This data set does not exist."),
    "no_such_file": sentence("There is no file %(file)s."),
    "no_file_to_go_on_after": sentence("There is no file %(file)s to continue after."),
    "file_being_checked": sentence("%(filename)s (%(file)s) is still being checked. Try again in a moment."),
    "file_being_made": sentence("%(filename)s (%(file)s) is still being made. Try again in a moment."),
    "file_being_used": sentence("%(made)s (%(file)s) is being made from %(filename)s. Wait until it is there."),
    "file_content_missing": sentence(
        "The content of %(filename)s (%(file)s) is missing from storage. Upload the file again."
    ),
    "file_of_plain_text": sentence(
        "%(filename)s (%(file)s) contains plain text, not conversations. Supervised fine-tuning needs "
        'questions with their answers: {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}.'
    ),
    "no_data_set": sentence("%(filename)s is not a data set, so it has no versions. Upload the file as a new one."),
    "unsupported_purpose": sentence(
        "The purpose %(purpose)s is not supported here. Use 'fine-tune', 'batch' or 'evals'."
    ),
    "unused_of_no_data_set": sentence(
        "A file with the purpose %(purpose)s is not trained on, so nothing of it can be left out. Omit 'unused'."
    ),
    "expiry_anchor": sentence("%(name)s[anchor] must be 'created_at'."),
    "expiry_seconds": sentence("%(name)s[seconds] must be a whole number from 3600 (1 hour) to 2592000 (30 days)."),
    "no_such_row": sentence("%(filename)s has no row %(row)d."),
    "too_large_to_compare": sentence(
        "%(filename)s (%(file)s) is too large to be compared here: at most %(megabytes)d MB of text in each of the "
        "two. Download both and compare them on your computer."
    ),
    # Uploads
    "file_too_large": sentence("The file is larger than the limit of %(size)s. Split it into several files."),
    "body_too_large": sentence("The body has %(bytes)d bytes, more than the limit of %(most)d. Split the file."),
    "no_such_upload": sentence("There is no upload %(upload)s."),
    "no_mime_type": sentence("mime_type is %(type)s, which is not a MIME type. Send one such as text/jsonl."),
    "unsupported_mime_type": sentence(
        "mime_type is %(type)s, but a data set is text, a table, or an archive of them. Send such a file."
    ),
    "bytes_out_of_range": sentence("bytes is %(bytes)d, but a file has from 1 to %(most)d bytes."),
    "part_empty": sentence("The part is empty."),
    "parts_too_large": sentence("The parts of this upload already exceed its %(bytes)d bytes. Complete or cancel it."),
    "parts_gone": sentence("The parts of this file are no longer available. Upload the file again."),
    "part_missing": sentence("A part of the file (%(part)s) is missing from storage. Upload the file again."),
    "upload_not_pending": sentence("This upload is %(state)s, so nothing can be added to it. Begin a new one."),
    "upload_completed": sentence("completed"),
    "upload_cancelled": sentence("cancelled"),
    "upload_expired": sentence("expired"),
    "part_named_twice": sentence("part_ids names a part twice."),
    "no_such_part": sentence("This upload has no part %(part)s."),
    "wrong_size": sentence("The parts have %(bytes)d bytes together, but %(announced)d were announced."),
    "wrong_checksum": sentence("The joined parts have the MD5 %(found)s, not %(said)s. Upload the file again."),
    "delete_data_sets": sentence("Delete data sets, or versions of them, that are no longer needed."),
    "delete_results": sentence("Delete result files of trainings that are no longer needed."),
    # Forms
    "send_multipart": sentence("Send the file as multipart/form-data, as curl's -F does."),
    "malformed_form": sentence("The form cannot be read: %(reason)s."),
    "form_ends_early": sentence("it ends before its last boundary"),
    "form_part_without_name": sentence("a part has no name"),
    "form_without_file": sentence("The form has no file in the field %(field)s."),
    "form_of_many_parts": sentence("The form has more than %(most)d parts."),
    "form_with_two_files": sentence("The form has two files in the field %(field)s. Send one at a time."),
    "form_field_twice": sentence("The form has the field %(field)s twice."),
    "form_field_too_long": sentence("The field %(field)s is longer than %(most)d bytes."),
    "form_without_purpose": sentence("The form has no purpose. Send purpose=fine-tune, batch or evals."),
    "form_field_unknown": sentence("The field %(field)s is unknown."),
    "unused_before_read": sentence(
        "unused is %(said)s; before a file is read it can only be %(choice)s. Choose more once it has been checked."
    ),
    # How a file is read
    "unknown_reading": sentence("%(value)s is not a valid %(name)s. Known: %(known)s."),
    "name_the_columns": sentence(
        "Name the column of the question (prompt) and that of the answer (answer); system is optional."
    ),
    "say_how_to_read": sentence("Say how the file should be read: its format, shape, encoding or columns."),
    "say_reading_first": sentence("First say how the file is read; decide about unused keys once it has been checked."),
    "unanswered_question": sentence(
        "%(filename)s contains text or training masks that are not used (number of rows in parentheses): "
        "%(keys)s. Choose what to do with them on the file's page, or by POST /api/v1/files/%(file)s/reading "
        "with %(example)s."
    ),
    "name_a_key": sentence("Name at least one key, and what to do with it."),
    "no_unused_key": sentence("No key %(name)s is left unused in this file. Unused: %(unused)s."),
    "key_not_used_so": sentence("%(name)s cannot be used as %(use)s. Known: %(known)s."),
    "mask_not_read": plural(
        "%(name)s seems to mark what should not be trained on, in %(count)s row, but it is not used.",
        "%(name)s seems to mark what should not be trained on, in %(count)s rows, but it is not used.",
        by="count",
    ),
    "verdict_not_read": plural(
        "%(name)s seems to say whether an answer is good, in %(count)s row, but it is not used.",
        "%(name)s seems to say whether an answer is good, in %(count)s rows, but it is not used.",
        by="count",
    ),
    "text_not_read": plural(
        "%(name)s contains text, in %(count)s row, but it is not used.",
        "%(name)s contains text, in %(count)s rows, but it is not used.",
        by="count",
    ),
    # Versions
    "source_deleted": sentence("The file that this one was made from was deleted."),
    "named_source_deleted": sentence("%(name)s, which this file was made from, was deleted."),
    "nothing_to_repair": sentence("These repairs change nothing in this file."),
    "nothing_left": sentence("After these repairs no usable row would be left, so no version was made."),
    "unknown_repair": sentence("%(name)s is not a known repair. Known: %(known)s."),
    "no_repair_named": sentence("No repair was named. Known: %(known)s."),
    "empty_share": sentence(
        "With these shares no row would go to %(part)s. Give it a larger share, or use another seed."
    ),
    "bad_shares": sentence(
        "Give at least two of %(parts)s, each a share above 0, such as train 0.8 and validation 0.2."
    ),
    "empty_mixture": sentence("The combined data set would have no rows. Give larger weights."),
    "edits_to_make": sentence("Change or remove 1 to %(most)d rows."),
    "no_row_left": sentence("Every row would be removed. Delete the data set instead."),
    "rows_to_append": sentence("Send 1 to %(most)d rows."),
    "bad_weights": sentence("Name 1 to %(files)d files, each with a weight above 0 and up to %(most)s."),
    # Recipes
    "recipe_text_unfit": sentence(
        "The %(field)s must be 1 to %(most)d characters on one line, without spaces around it."
    ),
    "recipe_text_missing": sentence("The %(field)s is missing."),
    "recipe_languages": sentence("Choose at least one language of %(known)s."),
    "recipe_languages_not_a_list": sentence('languages must be a list, such as ["zh", "en"].'),
    "no_such_recipe": sentence("There is no recipe %(name)s. Known: %(known)s."),
    "recipe_no_table": sentence("Send a list of rows, each with %(columns)s."),
    "recipe_many_rows": sentence("There are more than %(most)d rows. Use fewer, or upload them as a data set."),
    "recipe_line_unfit": sentence("Line %(line)d does not consist of %(columns)s, parted by a tab or by =>."),
    "recipe_cell_long": sentence("Line %(line)d has more than %(most)d characters in %(column)s."),
    "recipe_table_unreadable": sentence("The table cannot be read: %(reason)s."),
    "recipe_table_large": sentence("The table has more than %(megabytes)d MB. Upload it as a data set instead."),
    "recipe_label_unfit": sentence("The label %(label)s must be at most %(most)d characters on one line."),
    "recipe_text_of_two_labels": sentence(
        "The same text has two labels, %(one)s and %(other)s: %(text)s Keep one of the two."
    ),
    "recipe_number_of_labels": sentence(
        "There are %(found)d labels. %(least)d to %(most)d can be learned. Check that each line ends with its label."
    ),
    "recipe_few_of_label": sentence(
        "The label %(label)s has %(found)d different examples. It needs at least %(least)d, some of which are kept for "
        "the test."
    ),
    "recipe_few_examples": sentence(
        "There are %(found)d different examples. At least %(least)d are needed, some of which are kept for the test."
    ),
    "recipe_form_unknown": sentence("The form must be one of %(known)s."),
    "recipe_output_no_object": sentence("The output of example %(number)d is no JSON object: %(output)s"),
    "recipe_objects_unlike": sentence("The outputs have no key in common. Give every output the same keys."),
    "recipe_template_unfit": sentence(
        "Write the fixed parts with what changes in braces, and something between two of these: Reason: {reason}."
    ),
    "recipe_output_without_form": sentence("The output of example %(number)d does not have the form: %(output)s"),
    "recipe_few_terms": sentence("There are %(found)d terms. At least %(least)d are needed."),
    "recipe_term_twice": sentence("The term %(term)s has two meanings. Keep one line for it."),
    "recipe_phrase_not_taught": sentence(
        "The meaning of %(term)s does not say the phrase %(phrase)s, so that it could not be learned."
    ),
    "recipe_phrase_taught": sentence("An answer says %(phrase)s, which must never be said: %(answer)s"),
    "recipe_marks_rare": sentence(
        "Only %(found)d of %(of)d answers have a phrase that marks the tone. Give phrases that nearly all have, "
        "or none."
    ),
    "recipe_number_of_prompts": sentence(
        "There are %(found)d different questions. %(least)d to %(most)d are needed, some of which are kept for the "
        "test."
    ),
    "recipe_teacher_says_little": sentence(
        "%(teacher)s answered %(found)d questions to an end. At least %(least)d answers are needed: shorten what the "
        "sentence asks for, or take another teacher."
    ),
    "recipe_tone": sentence("The tone must be one of %(known)s."),
    # Tokens
    "two_kinds_of_files": sentence(
        "%(training)s and %(validation)s are of two kinds: one contains conversations, the other plain text. "
        "Give a validation file of the same kind, or none."
    ),
    "training_learns_no_token": sentence("No token would be trained on."),
    "answers_beyond": sentence(
        "In %(rows)s rows (lines %(lines)s) the answer lies entirely beyond the first %(tokens)s tokens. "
        "Raise max_seq_len or shorten the prompts."
    ),
    "all_split_off": sentence("All rows were split off. Give data_split a larger first share, or hold out fewer rows."),
}
