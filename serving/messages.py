"""What the engine says to people: to those who ask it, and to those who read why it does not answer.

No torch and no Django: the processes that show these sentences import them.
"""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        # Requests
        "model_parameter_missing": sentence("you must provide a model parameter"),
        "replica_key_wrong": sentence("Incorrect API key provided."),
        "replica_stopping": sentence("The server is stopping."),
        "replica_error": sentence("The server failed; its log says why."),
        "replica_body_too_large": sentence("The request body is larger than %(bytes)d bytes."),
        "replica_body_too_deep": sentence("The request body is nested more than %(levels)d levels deep."),
        "replica_body_not_json": sentence("The request body is not valid JSON: %(reason)s."),
        "replica_body_not_an_object": sentence("The request body must be one JSON object."),
        "adapter_body_invalid": sentence("The body must be an object with name and path, both strings."),
        "messages_missing": sentence("messages must be a non-empty list."),
        "prompt_empty": sentence("The prompt is empty."),
        "prompt_invalid": sentence("prompt must be a string or a list of strings."),
        "too_many_prompts": sentence("prompts times n may be at most %(choices)d."),
        "context_length_exceeded": sentence(
            "This model's maximum context length is %(most)d tokens. However, you requested %(tokens)d tokens "
            "(%(prompt)d in the prompt, %(completion)d in the completion). Please reduce one of them."
        ),
        "replica_template_without_tools": sentence("The chat template of %(model)s has no place for tools."),
        "argument_unknown": sentence("Unrecognized request argument supplied: %(name)s"),
        "text_option_unsupported": sentence("%(name)s is not supported on /v1/completions by this server."),
        "echo_unsupported": sentence("echo is not supported by this server: send the prompt and the answer together."),
        "best_of_unsupported": sentence("best_of is not supported by this server; n gives several answers."),
        "store_unsupported": sentence("store is not supported: this server keeps no answers."),
        "service_tier_unsupported": sentence('service_tier may only be "auto" or "default": this server has one tier.'),
        "modalities_unsupported": sentence('modalities may only be ["text"].'),
        "tool_choice_unsupported": sentence(
            "This model's chat template writes calls of functions in no form that this server knows, so that neither "
            "a call nor its arguments can be guaranteed. Leave out tool_choice, strict and parallel_tool_calls."
        ),
        "tool_choice_without_tools": sentence("'tool_choice' is only allowed when 'tools' are specified."),
        "tool_choice_invalid": sentence(
            'tool_choice must be "none", "auto", "required" or {"type": "function", "function": {"name": …}}.'
        ),
        "tool_choice_unknown": sentence("Tool choice %(name)s is not among the functions that are offered."),
        "functions_beside_tools": sentence("%(name)s cannot stand beside functions and function_call."),
        "functions_invalid": sentence('functions must be a non-empty list of {"name": …, "parameters": …}.'),
        "function_call_invalid": sentence('function_call must be "none", "auto" or {"name": …}.'),
        "function_schema_refused": sentence("Invalid schema for function '%(name)s': %(reason)s"),
        "obfuscation_unsupported": sentence("include_obfuscation is not supported by this server."),
        "tools_invalid": sentence('tools must be a list of {"type": "function", "function": {"name": …}}.'),
        "top_logprobs_without_logprobs": sentence("top_logprobs needs logprobs to be true."),
        "stop_invalid": sentence("stop must be a string or a list of up to %(most)d non-empty strings."),
        "logit_bias_invalid": sentence("logit_bias must be an object of up to 1,024 token ids and numbers."),
        "logit_bias_entry_invalid": sentence(
            "logit_bias[%(token)s] is %(amount)s; keys must be token ids, values -100 to 100."
        ),
        "logit_bias_token_unknown": sentence("logit_bias names token %(token)d; the model has %(size)d."),
        "stream_options_without_stream": sentence("stream_options is only allowed when stream is true."),
        "stream_options_invalid": sentence("stream_options may only hold include_usage."),
        "not_a_flag": sentence("%(name)s is %(value)s; it must be true or false."),
        "number_out_of_range": sentence("%(name)s is %(value)s; it must be a number from %(least)s to %(most)s."),
        "whole_number_out_of_range": sentence(
            "%(name)s is %(value)s; it must be a whole number from %(least)d to %(most)d."
        ),
        "model_unknown_to_replica": sentence("The model `%(model)s` does not exist on this server."),
        "adapter_unknown": sentence("No adapter is served as %(name)s."),
        "adapter_name_taken": sentence("The name %(name)s already answers for %(folder)s. Release it first."),
        # The form of an answer
        "response_format_not_an_object": sentence('response_format must be an object such as {"type": "json_object"}.'),
        "response_format_unknown": sentence(
            "Invalid value: %(value)s. Supported values are: 'json_object', 'json_schema', and 'text'."
        ),
        "parameter_missing": sentence("Missing required parameter: '%(name)s'."),
        "not_a_text": sentence("%(name)s must be a text."),
        "schema_name_invalid": sentence("%(name)s must be 1 to 64 letters, digits, underscores and dashes."),
        "json_not_mentioned": sentence(
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        ),
        "response_format_schema_refused": sentence("Invalid schema for response_format '%(name)s': %(reason)s"),
        "schema_fault_at": sentence("In context=%(place)s, %(reason)s"),
        "schema_not_an_object": sentence("the schema must be a JSON object."),
        "schema_root_not_an_object": sentence(
            "schema must be a JSON Schema of 'type: \"object\"', got 'type: %(type)s'."
        ),
        "schema_part_not_a_schema": sentence("a schema must be a JSON object."),
        "schema_keyword_not_permitted": sentence("'%(keyword)s' is not permitted."),
        "schema_keyword_malformed": sentence("'%(keyword)s' has a value of the wrong kind."),
        "schema_reference_elsewhere": sentence("reference %(target)s leads out of the schema, which is not permitted."),
        "schema_without_type": sentence("schema must have a 'type' key."),
        "schema_open_object": sentence("'additionalProperties' is required to be supplied and to be false."),
        "schema_property_not_required": sentence(
            "'required' is required to be supplied and to be an array including every key in properties. "
            "Missing '%(name)s'."
        ),
        "schema_extra_required": sentence("Extra required key '%(name)s' supplied."),
        "schema_too_many_properties": sentence("the schema has %(number)d properties; %(most)d are permitted."),
        "schema_too_many_values": sentence("the schema has %(number)d enum values; %(most)d are permitted."),
        "schema_too_long": sentence("the schema has %(number)d characters; %(most)d are permitted."),
        "schema_fits_nothing": sentence("no answer can fit the schema, or it is too complex to follow."),
        "tokenizer_holds_no_forms": sentence("this model's tokenizer cannot be held to a form."),
        # Answers that end too early
        "answer_form_lost": sentence("The answer could not be held to its form any further: it is too complex."),
        "answer_cut_off": sentence("The server is stopping, so this answer is incomplete."),
        "answer_undrawn": sentence("No next token could be drawn for this answer; the log says why."),
        "answer_model_released": sentence("The model was released while this answer was being made."),
        "answer_out_of_memory": sentence("Memory ran out."),
        "answer_engine_failed": sentence("The engine failed; its log says why."),
        # The life of a replica
        "replica_loading": sentence("Loading %(model)s on %(device)s in %(dtype)s."),
        "replica_ready": sentence("Answering on %(host)s:%(port)d."),
        "replica_stopped": sentence("The replica has stopped."),
        "replica_out_of_memory": sentence("Memory ran out. Serve a smaller model, or fewer and shorter sequences."),
        "replica_failed_unexpectedly": sentence(
            "The replica failed unexpectedly. An administrator can find more in its log."
        ),
        "port_unavailable": sentence("%(address)s cannot be used: %(reason)s. Choose another port."),
        "adapter_proven": sentence("%(name)s answers as trained."),
        "adapter_without_probes": sentence("%(name)s is a checkpoint: it is served without having proven itself."),
        "adapter_not_served": sentence("%(name)s is not served."),
        "adapter_released": sentence("%(name)s is no longer served."),
        # Models that cannot be served
        "model_cannot_be_loaded": sentence(
            "The model in %(folder)s cannot be loaded. An administrator can find more in its log."
        ),
        "model_config_missing": sentence("%(folder)s has no config.json, so it is not a model folder."),
        "model_config_unreadable": sentence("config.json in %(folder)s cannot be read."),
        "model_config_not_an_object": sentence("config.json in %(folder)s must contain one JSON object."),
        "model_first_generation_qwen": sentence(
            "%(folder)s contains a first-generation Qwen model in its original form, which needs code from "
            "the model's folder. Import it through the catalogue, which converts it."
        ),
        "served_model_needs_code": sentence(
            "%(folder)s is of the type %(type)s, which needs code from the model's folder. Such code is never run "
            "here. Choose a model of an architecture that Transformers knows."
        ),
        "model_without_safetensors": sentence(
            "%(folder)s contains no *.safetensors file. Other weight formats are not read."
        ),
        "model_computed_otherwise": sentence(
            "The embedded engine does not compute models of type %(type)s as Transformers does: %(reason)s."
        ),
        "attention_unknown": sentence("its attention uses %(part)s"),
        "pass_ends_in_an_error": sentence("a pass of it ends in an error"),
        "logits_differ": sentence("logits differ by %(difference).3g of their scale"),
        "chat_files_unusable": sentence("The tokenizer and chat template in %(folder)s cannot be used."),
        "chat_files_unusable_because": sentence(
            "The tokenizer and chat template in %(folder)s cannot be used: %(reason)s"
        ),
        # Adapters that cannot be served
        "adapter_config_missing": sentence("%(folder)s has no adapter_config.json, so it is not a PEFT adapter."),
        "adapter_config_unreadable": sentence("adapter_config.json in %(folder)s cannot be read."),
        "adapter_kind_unsupported": sentence(
            "The adapter in %(folder)s is of type %(type)s. The embedded engine serves LORA only."
        ),
        "adapter_part_unsupported": sentence(
            "The adapter in %(folder)s uses %(part)s, which the embedded engine does not serve."
        ),
        "adapter_biases_unsupported": sentence(
            "The adapter in %(folder)s trains biases (bias=%(bias)s), which the embedded engine does not serve."
        ),
        "adapter_weights_missing": sentence(
            "%(folder)s has no adapter_model.safetensors. Save the adapter in that format."
        ),
        "adapter_weights_damaged": sentence("%(file)s in %(folder)s is damaged or incomplete."),
        "adapter_tensor_unknown": sentence(
            "The adapter in %(folder)s contains the tensor %(tensor)s, which is not plain LoRA."
        ),
        "adapter_empty": sentence("The adapter in %(folder)s contains no LoRA weights."),
        "adapter_layer_unknown": sentence(
            "The adapter in %(folder)s changes %(layer)s, but the base has no linear layer of that name. It was "
            "trained on another model."
        ),
        "adapter_update_incomplete": sentence(
            "The adapter in %(folder)s has %(parts)s of the update of %(layer)s where its configuration says A and B."
        ),
        "adapter_dora_update_incomplete": sentence(
            "The adapter in %(folder)s has %(parts)s of the update of %(layer)s where its configuration says A, B and "
            "magnitude_vector."
        ),
        "adapter_shapes_differ": sentence(
            "The adapter's update of %(layer)s has the shapes %(a)s and %(b)s, but the base's layer maps %(inputs)d to "
            "%(outputs)d. It was trained on another model."
        ),
        "adapter_magnitudes_differ": sentence(
            "The adapter's magnitudes of %(layer)s have the shape %(shape)s, but the base's layer has %(outputs)d "
            "outputs. The adapter in %(folder)s was trained on another model."
        ),
        # The same-answer check
        "probes_missing": sentence("%(model)s lacks %(file)s, so the model cannot prove that it answers as trained."),
        "probes_unreadable": sentence("The probes of %(model)s cannot be read. Train or export the model again."),
        "probes_empty": sentence(
            "%(model)s has no probe prompts, so the model cannot prove that it answers as trained."
        ),
        "probes_not_run": sentence("The probe prompts could not be run: %(reason)s"),
        "base_differs": sentence(
            "The base here is not the one that the model was trained on: its logits differ from the stored ones by "
            "%(difference).3g of their scale, %(tolerance)g is allowed."
        ),
        "adapter_changes_nothing": sentence(
            "The adapter changes nothing: its answers differ from the base's by only %(difference).3g of the logits' "
            "scale, and more than %(tolerance)g is needed to tell them apart."
        ),
        "answers_differ": sentence(
            "The model does not answer here as it did in training: its logits differ from the stored ones by "
            "%(difference).3g of their scale, %(tolerance)g is allowed."
        ),
        "template_differs": sentence(
            "The chat template or tokenizer is not the one of the training: probe prompt %(number)d has %(here)d "
            "tokens here and %(there)d there, and they part at token %(at)d."
        ),
        "vocabulary_differs": sentence(
            "The base here is not the one that the model was trained on: it has a vocabulary of %(here)d tokens, the "
            "training's had %(there)d."
        ),
    }
)
message = CATALOGUE.message


def finite(value: float) -> float:
    """Return a number that strict JSON can hold."""
    return value if abs(value) < 1e9 else 1e9
