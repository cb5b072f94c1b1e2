"""What this package says about conversations, templates and caches: the sentence of each code."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        # What a JSON value is
        "json_true_or_false": sentence("true or false"),
        "json_text": sentence("text"),
        "json_list": sentence("a list"),
        "json_object": sentence("an object"),
        "json_number": sentence("a number"),
        # The row
        "row_not_an_object": sentence("The row is %(kind)s, not a JSON object."),
        "write_messages_or_conversations": sentence(
            'Write each example as {"messages": [...]} or {"conversations": [...]}.'
        ),
        "row_without_messages": sentence("The row has neither 'messages' nor 'conversations', but %(keys)s."),
        "no_keys_at_all": sentence("no keys at all"),
        "write_keys_of_messages": sentence(
            'Write each example as {"messages": [{"role", "content"}]} or {"conversations": [{"from", "value"}]}.'
        ),
        "two_system_prompts": sentence(
            "The row has two system prompts: '%(key)s', and the first message, which says something else."
        ),
        "keep_one": sentence("Keep one."),
        # Messages
        "not_a_list_of_messages": sentence("'%(where)s' is %(kind)s, not a list of messages."),
        "no_messages": sentence("'%(where)s' is empty."),
        "add_a_message": sentence("Add at least one message."),
        "key_missing": sentence("%(where)s has no '%(key)s'."),
        "use_known_roles": sentence("Use system, user, assistant (or human, gpt) and tool."),
        "message_not_an_object": sentence("%(where)s is %(kind)s, not an object with '%(role)s' and '%(content)s'."),
        "tool_calls_of_another": sentence(
            "%(where)s is on a %(role)s message, but only assistant messages may have tool_calls."
        ),
        "unknown_role": sentence("%(where)s is %(role)s, which is not a valid role."),
        "content_missing": sentence("%(where)s is missing."),
        "write_every_text": sentence("Every message needs its text."),
        "not_text": sentence("%(where)s is %(kind)s, not text."),
        "empty_answer": sentence("%(where)s is an empty assistant answer."),
        "write_the_answer": sentence("Write the answer or remove the message."),
        "half_a_character": sentence(
            "%(where)s contains half a character (a lone surrogate) at position %(position)d."
        ),
        "save_file_as_utf8": sentence("Save the file as UTF-8."),
        "part_not_text": sentence("%(where)s is of type %(type)s."),
        "only_text_is_taken": sentence("Only text can be trained on or answered here."),
        "not_a_text_part": sentence("%(where)s is not a text part."),
        "write_a_text_part": sentence('Write {"type": "text", "text": "..."}.'),
        # Weights
        "weights_differ": sentence(
            "%(where)s says in two ways whether it is trained on, and they contradict each other."
        ),
        "keep_one_of_them": sentence("Keep one of them."),
        "not_a_weight": sentence("%(where)s is %(value)s, but a weight is 0 (do not learn) or 1 (learn)."),
        "weight_of_another": sentence(
            "%(where)s is set on a %(role)s message, but only assistant messages are trained on."
        ),
        # Tools
        "not_a_list": sentence("%(where)s is %(kind)s, not a list."),
        "not_a_tool_call": sentence("%(where)s is not a tool call."),
        "write_a_tool_call": sentence('Write {"id", "type": "function", "function": {"name", "arguments"}}.'),
        "not_a_json_object": sentence("%(where)s is not a JSON object."),
        "not_a_tool": sentence("%(where)s is not a tool."),
        "write_a_tool": sentence('Write {"type": "function", "function": {"name": ...}}.'),
        "too_deep_or_not_json": sentence("%(where)s is nested too deeply or is not JSON."),
        "tools_too_deep": sentence("A tool's description or a call's arguments are nested too deeply."),
        # What cannot be learned from
        "empty_question": sentence("%(where)s is an empty user message."),
        "write_it_or_remove_line": sentence("Write it or remove the line."),
        "no_assistant_message": sentence("The conversation has no assistant message."),
        "add_one_or_remove_line": sentence("Add one or remove the line."),
        "last_not_assistant": sentence(
            "The last message is from the %(role)s, but a training example must end with the assistant's answer."
        ),
        "add_the_answer": sentence("Add the answer or remove the message."),
        "consecutive_assistant": sentence("Messages %(first)d and %(second)d are both from the assistant."),
        "join_the_answers": sentence("Join them or put a user message between them."),
        "no_trained_message": sentence("Every assistant message has weight 0, so there is nothing to learn."),
        "set_a_weight": sentence("Set one to 1 or remove the line."),
        "answer_without_question": sentence("The assistant speaks before the user does."),
        "add_the_question": sentence("Add the question, or give that answer the weight 0."),
        # Chat templates
        "template_without_tools": sentence("This model's chat template has no place for tools."),
        "template_without_tool_calls": sentence("This model's chat template has no place for tool calls."),
        "template_without_end_of_turn": sentence(
            "This model's chat template writes no end-of-turn token after the assistant's answer, so a model could not "
            "learn to stop."
        ),
        "choose_builtin_template": sentence("Choose a built-in template."),
        "template_rewrites_answers": sentence(
            "This model's chat template writes an earlier answer differently from how it asks for one, so it cannot be "
            "learned in place."
        ),
        "weight_0_or_builtin_template": sentence("Give that answer the weight 0 or choose a built-in template."),
        "no_stop_token": sentence(
            "Neither the model's configuration nor its chat template names a token that ends an answer."
        ),
        "template_missing": sentence(
            "The model has no chat template, and its vocabulary has the control tokens of none that is built in "
            "(%(names)s)."
        ),
        "give_a_template": sentence("Provide your own template."),
        "template_too_slow": sentence("The chat template ran longer than %(seconds)g seconds and was stopped."),
        "template_too_large": sentence("The chat template produces more than %(characters)d characters."),
        "use_another_template": sentence("Use another template."),
        "template_source_too_large": sentence(
            "The chat template has %(characters)d characters; at most %(most)d are accepted."
        ),
        "template_unreadable": sentence("The chat template cannot be read: %(reason)s."),
        "template_forbidden": sentence("The chat template does something that the sandbox forbids: %(reason)s."),
        "template_failed": sentence("The chat template cannot express this conversation: %(reason)s."),
        # Control tokens
        "control_token_in_system": sentence("The system prompt contains a control token of this model."),
        "control_token_in_text": sentence("The text %(text)s cannot be told apart from a control token of this model."),
        "remove_it": sentence("Remove it."),
        "noncharacters_used_up": sentence("The conversation uses up Unicode's noncharacters."),
        "remove_them": sentence("Remove them."),
        # A model's folder
        "tokenizer_missing": sentence("%(folder)s has no tokenizer.json."),
        "file_not_utf8": sentence("%(file)s is not UTF-8 text."),
        "file_not_json": sentence("%(file)s is not JSON."),
        "file_not_a_json_object": sentence("%(file)s does not contain a JSON object."),
        "tokenizer_not_json": sentence("tokenizer.json is not a tokenizer's JSON."),
        "tokenizer_unreadable": sentence("tokenizer.json cannot be read: %(reason)s."),
        # The system prompt's choice
        "unknown_system_choice": sentence("%(kind)s is not a valid system prompt choice."),
        "no_system_choice": sentence("This is not a valid system prompt choice."),
        "system_prompt_empty": sentence("Your own system prompt is empty."),
        "write_one_or_choose_none": sentence("Write one, or choose none."),
        "system_prompt_too_long": sentence(
            "The system prompt has %(characters)d characters; at most %(most)d are accepted."
        ),
        "system_prompt_half_a_character": sentence("The system prompt contains half a character."),
        "save_it_as_utf8": sentence("Save it as UTF-8."),
        "system_prompt_unsupported": sentence("This model's chat template cannot take your own system prompt."),
        "own_system_prompt_fixed": sentence(
            "This model's template puts its own system prompt before every conversation, and no equivalent "
            "template without it could be derived."
        ),
        "choose_another_system_prompt": sentence(
            "Choose the model's default, write a prompt of your own, or choose a built-in template."
        ),
        # Shares of the data
        "data_split_not_numbers": sentence("data_split is %(text)s, not numbers."),
        "data_split_not_three": sentence("data_split is %(text)s."),
        "empty_data_split": sentence(
            "data_split is %(text)s, so its first phase, the one that trains here, gets no data."
        ),
        "write_three_shares": sentence(
            "Write three shares such as 2,4,4: for supervised training, the reward model and reinforcement learning."
        ),
        # The token cache
        "cache_missing": sentence("There is no finished token cache in %(folder)s."),
        "cache_damaged": sentence("The token cache in %(folder)s is damaged: %(reason)s."),
        "tokenise_again": sentence("Tokenise the data again."),
        "cache_file_size": sentence("%(file)s should have %(size)d bytes and has %(found)d"),
        "cache_index_wrong": sentence("index.bin does not match the number of tokens"),
        "cache_meta_not_json": sentence("meta.json is not JSON"),
        "cache_meta_incomplete": sentence("meta.json lacks its counts"),
    }
)
message = CATALOGUE.message
