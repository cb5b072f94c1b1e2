"""What is said about checks of files, and what is done with them: the sentence of each code."""

from wording import Plural, Sentence, plural, sentence

CHECKS: dict[str, Sentence | Plural] = {
    # What a check found
    "on_line": sentence("Line %(line)d: %(message)s"),
    "rows_not_learned": sentence("%(faults)s of %(total)s rows cannot be used for training."),
    "no_row_learned": sentence("None of the %(total)s rows can be used for training, all for the same reason."),
    "and_more": sentence("And %(more)s more."),
    "no_rows": sentence("The file contains no examples, only blank space or an empty array."),
    "check_failed": sentence("The check of the file ended %(times)d times without a result."),
    "split_or_save_otherwise": sentence(
        "Split the file or save it in another format, then upload it again. Your administrator can find more "
        "in the log."
    ),
    "file_unusable": sentence("%(filename)s (%(file)s) cannot be used."),
    "in_line_of_file": sentence("Line %(line)d of %(where)s: %(reason)s"),
    "in_file": sentence("%(where)s: %(reason)s"),
    "repeated_row": sentence("The row is the same as the one on line %(first)d."),
    "remove_repeated_row": sentence("Remove it, unless it should count more."),
    "unused_key": plural(
        "%(name)s is not used: it appears in %(count)s row and is not trained on.",
        "%(name)s is not used: it appears in %(count)s rows and is not trained on.",
        by="count",
    ),
    "in_rows": plural("%(count)s row:", "%(count)s rows:", by="count"),
}
