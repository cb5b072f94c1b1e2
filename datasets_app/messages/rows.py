"""What is said about rows and what they mean: the sentence of each code."""

from wording import Sentence, sentence

ROWS: dict[str, Sentence] = {
    # What rows are called
    "shape_messages": sentence("conversations as OpenAI writes them (messages)"),
    "shape_conversations": sentence("conversations as ShareGPT writes them (from, value)"),
    "shape_listed_messages": sentence("conversations as lists of messages under another name"),
    "shape_paired_turns": sentence("conversations in pairs of question and answer"),
    "shape_alpaca": sentence("instructions as Alpaca writes them (instruction, input, output)"),
    "shape_query_response": sentence("queries and responses, with their history"),
    "shape_prompt_completion": sentence("prompts and completions, OpenAI's older form"),
    "shape_pair": sentence("questions from %(question)s, answers from %(answer)s"),
    "shape_columns": sentence("questions and answers from the columns that you chose"),
    "shape_text": sentence("plain text"),
    "shape_preference": sentence("preference data (DPO): two answers to one prompt"),
    "shape_chosen_rejected": sentence("preference data (DPO): a chosen and a rejected answer"),
    "shape_kto": sentence("preference data (KTO): answers with a label"),
    "shape_reinforcement_items": sentence("data for reinforcement learning, without answers to learn from"),
    "shape_reinforcement": sentence("data for reinforcement learning"),
    "shape_batch_requests": sentence("a batch of requests, not examples"),
    "shape_gemini": sentence("conversations as Gemini writes them (contents, parts)"),
    "shape_yandexgpt": sentence("requests and responses as YandexGPT writes them"),
    "shape_moss": sentence("conversations as MOSS writes them"),
    "shape_chatgpt": sentence("conversations as ChatGPT exports them (mapping)"),
    "shape_prompt_messages": sentence("lists of messages with the answer to them"),
    "shape_lone_message": sentence("one message a row, not a conversation"),
    # What a row is not
    "not_for_supervised": sentence("This is %(shape)s, which cannot be used for supervised fine-tuning."),
    "to_train_write_messages": sentence(
        'To train on it, write {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}.'
    ),
    "row_of_another_kind": sentence("The row is of a different kind (%(shape)s) from those before it (%(before)s)."),
    "write_it_as_the_others": sentence("Write it like the others, or put it into a separate file."),
    "row_not_as_named": sentence("The row is not of the kind that you named: %(shape)s."),
    "leave_kind_or_name_another": sentence("Let the kind be detected, or name another."),
    "column_missing": sentence("The row has no column %(name)s."),
    "choose_columns_again": sentence("Choose the columns again."),
    "columns_unknown": sentence(
        "The row has the columns %(names)s, and it is not clear which is the question and which the answer."
    ),
    "none_at_all": sentence("none"),
    "say_which_column": sentence(
        "Say which column holds the question and which the answer, or name them prompt and completion."
    ),
    # What a row lacks, and what deserves a look
    "empty_text": sentence("The row has no text."),
    "write_it_or_remove_row": sentence("Write it or remove the row."),
    "mend_the_row": sentence("Correct the row or remove it, and upload the file again."),
    "several_answers": sentence("%(key)s has %(answers)d answers to one question, but only one can be trained on."),
    "keep_the_best": sentence("Keep the best."),
    "lists_differ": sentence(
        "%(question)s has %(questions)d texts and %(answer)s has %(answers)d, but every question needs its answer."
    ),
    "give_both_as_many": sentence("Give both the same number."),
    "columns_as_lists": sentence(
        "%(question)s and %(answer)s have %(texts)d texts each, which are columns rather than rounds of one "
        "conversation."
    ),
    "write_a_row_for_each": sentence("Write a row for each question."),
    "unfilled_placeholders": sentence("The text contains %(name)s, a placeholder that has not been filled in."),
    "fill_it_in": sentence("Fill it in, or the model will learn to say it."),
    "personal_data": sentence(
        "The text contains personal data or a key: an e-mail address, a phone, identity or card number, or a secret."
    ),
    "mask_it": sentence("Mask it with a repair, or the model may tell it to anyone."),
    "template_marks": sentence("The text contains %(mark)s, a chat template marker."),
    "take_it_out": sentence("Remove it, unless the model should learn to write it."),
    "chat_template": sentence("The text is written in another model's chat template: it contains %(mark)s."),
    "turn_it_into_turns": sentence(
        "Convert it to turns with a repair, or the model will learn to write such markers itself."
    ),
}
