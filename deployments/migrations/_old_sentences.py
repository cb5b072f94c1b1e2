"""What deployments stored as English sentences before they stored codes, and how such a sentence is read.

Frozen: it says what was written then, whatever the catalogues say now.
"""

import re

from wording import received

OLD = (
    ('answer_cut_off', 'The server is stopping, so this answer is incomplete.'),
    ('answer_undrawn', 'No next token could be drawn for this answer; the log says why.'),
    ('answer_model_released', 'The model was released while this answer was being made.'),
    ('answer_out_of_memory', 'Memory ran out.'),
    ('answer_engine_failed', 'The engine failed; its log says why.'),
    ('replica_out_of_memory', 'Memory ran out. Serve a smaller model, or fewer and shorter sequences.'),
    ('replica_failed_unexpectedly', 'The replica failed unexpectedly. An administrator finds more in its log.'),
    ('port_unavailable', '%(address)s cannot be used: %(reason)s. Choose another port.'),
    ('adapter_not_served', '%(name)s is not served.'),
    (
        'model_cannot_be_loaded',
        'The model in %(folder)s cannot be loaded. An administrator finds more in its log.',
    ),
    ('model_config_missing', '%(folder)s has no config.json, so it is no model folder.'),
    ('model_config_unreadable', 'config.json in %(folder)s cannot be read.'),
    ('model_config_not_an_object', 'config.json in %(folder)s must hold one JSON object.'),
    (
        'model_first_generation_qwen',
        '%(folder)s holds a first-generation Qwen model in its original form, which needs code '
        "from the model's folder. Import it through the catalogue, which converts it.",
    ),
    (
        'served_model_needs_code',
        "%(folder)s is of the type %(type)s, which needs code from the model's folder. Such code "
        'is never run here. Choose a model of an architecture that Transformers knows.',
    ),
    ('model_without_safetensors', '%(folder)s holds no *.safetensors file. Other weight formats are not read.'),
    (
        'model_computed_otherwise',
        'The embedded engine does not compute models of type %(type)s as Transformers does: '
        '%(reason)s.',
    ),
    ('attention_unknown', 'its attention uses %(part)s'),
    ('pass_ends_in_an_error', 'a pass of it ends in an error'),
    ('logits_differ', 'logits differ by %(difference).3g of their scale'),
    ('chat_files_unusable', 'The tokenizer and chat template in %(folder)s cannot be used.'),
    ('chat_files_unusable_because', 'The tokenizer and chat template in %(folder)s cannot be used: %(reason)s'),
    ('adapter_config_missing', '%(folder)s has no adapter_config.json, so it is no PEFT adapter.'),
    ('adapter_config_unreadable', 'adapter_config.json in %(folder)s cannot be read.'),
    (
        'adapter_kind_unsupported',
        'The adapter in %(folder)s is of type %(type)s. The embedded engine serves LORA only.',
    ),
    (
        'adapter_part_unsupported',
        'The adapter in %(folder)s uses %(part)s, which the embedded engine does not serve.',
    ),
    (
        'adapter_biases_unsupported',
        'The adapter in %(folder)s trains biases (bias=%(bias)s), which the embedded engine does '
        'not serve.',
    ),
    (
        'adapter_weights_missing',
        '%(folder)s has no adapter_model.safetensors. Save the adapter in that format.',
    ),
    ('adapter_weights_damaged', '%(file)s in %(folder)s is damaged or incomplete.'),
    (
        'adapter_tensor_unknown',
        'The adapter in %(folder)s holds the tensor %(tensor)s, which is not plain LoRA.',
    ),
    ('adapter_empty', 'The adapter in %(folder)s holds no LoRA weights.'),
    (
        'adapter_layer_unknown',
        'The adapter in %(folder)s changes %(layer)s, but the base has no linear layer of that '
        'name. It was trained on another model.',
    ),
    (
        'adapter_update_incomplete',
        'The adapter in %(folder)s has %(parts)s of the update of %(layer)s where its '
        'configuration says A and B.',
    ),
    (
        'adapter_dora_update_incomplete',
        'The adapter in %(folder)s has %(parts)s of the update of %(layer)s where its '
        'configuration says A, B and magnitude_vector.',
    ),
    (
        'adapter_shapes_differ',
        "The adapter's update of %(layer)s has the shapes %(a)s and %(b)s, but the base's layer "
        'maps %(inputs)d to %(outputs)d. It was trained on another model.',
    ),
    (
        'adapter_magnitudes_differ',
        "The adapter's magnitudes of %(layer)s have the shape %(shape)s, but the base's layer has "
        '%(outputs)d outputs. The adapter in %(folder)s was trained on another model.',
    ),
    ('probes_missing', '%(model)s lacks %(file)s, so the model cannot prove that it answers as trained.'),
    ('probes_unreadable', 'The probes of %(model)s cannot be read. Train or export the model again.'),
    ('probes_empty', '%(model)s holds no probe prompts, so the model cannot prove that it answers as trained.'),
    ('probes_not_run', 'The probe prompts could not be run: %(reason)s'),
    (
        'base_differs',
        'The base here is not the one that the model was trained on: its logits differ from the '
        'stored ones by %(difference).3g of their scale, %(tolerance)g is allowed.',
    ),
    (
        'adapter_changes_nothing',
        "The adapter changes nothing: its answers differ from the base's by only %(difference).3g "
        "of the logits' scale, and more than %(tolerance)g is needed to tell them apart.",
    ),
    (
        'answers_differ',
        'The model does not answer here as it did in training: its logits differ from the stored '
        'ones by %(difference).3g of their scale, %(tolerance)g is allowed.',
    ),
    (
        'template_differs',
        'The chat template or tokenizer is not the one of the training: probe prompt %(number)d '
        'has %(here)d tokens here and %(there)d there, and they part at token %(at)d.',
    ),
    (
        'vocabulary_differs',
        'The base here is not the one that the model was trained on: it has a vocabulary of '
        "%(here)d tokens, the training's had %(there)d.",
    ),
    (
        'base_model_gone',
        "%(model)s is not on this platform's disk any more. Download it from the catalogue first.",
    ),
    ('replica_failed', 'Its replica failed. An administrator finds more in its log.'),
    ('replica_run_stopped', 'Its Run was stopped. Change its accelerators, or take it down and deploy again.'),
    ('replica_false_starts', 'It ended %(times)d times before it could answer, the last time so: %(reason)s'),
    # What versions before said
    ('model_cannot_be_loaded', 'The model in %(folder)s cannot be loaded.'),
    ('replica_failed_unexpectedly', 'The replica failed unexpectedly; log.txt has the traceback.'),
    # What others said of a replica's Run
    ('adapter_files_differ', 'The files of %(name)s are not the ones that its training has written.'),
    ('adapter_not_loaded', '%(name)s cannot be loaded: %(reason)s'),
    ('model_was_deleted', 'The model %(name)s was deleted.'),
    (
        'storage_key_refused',
        "Object storage refuses this platform's credentials. An administrator must mend "
        'LUTHIER_S3_ACCESS_KEY and LUTHIER_S3_SECRET_KEY.',
    ),
    (
        'storage_bucket_missing',
        'The bucket of object storage does not exist. An administrator must make it, or mend LUTHIER_S3_BUCKET.',
    ),
    (
        'storage_files_refused',
        'The platform may not read or write its own files. An administrator must give its account the right to.',
    ),
    (
        'internal_error',
        'Something went wrong on the server. It has been logged; try again, or tell your administrator.',
    ),
    (
        'away_too_long',
        'What this needs from outside, such as object storage, did not answer for too long. Its '
        'accelerators were given back.',
    ),
    ('host_restarted', 'The host was restarted meanwhile.'),
    ('node_gone', 'The node %(node)s has not been heard from any more.'),
    ('process_ended_silently', 'The process ended without saying why. An administrator finds more in its log.'),
    (
        'process_exited',
        'The process ended with exit status %(status)d. An administrator finds more in its log.',
    ),
    ('process_killed', 'The process was killed by signal %(signal)d (%(name)s).'),
    (
        'process_out_of_memory',
        'The process ran out of memory and the system killed it. Use a smaller batch or a smaller model.',
    ),
)
NUMBERS = {'d': int, 'g': float, '.3g': float}
PARTS = {'s': '(.+?)', 'd': r'(-?\d+)', 'g': r'(\S+?)', '.3g': r'(\S+?)'}
PLACEHOLDER = re.compile(r'%\((\w+)\)(s|d|g|\.3g)')
NESTED = 'reason'
"""The parameter that is a sentence itself."""
THEN = {'adapter_not_served'}
"""Behind these another sentence stands."""


def message_of(text):
    """Return the stored form of a sentence; None of nothing."""
    if not text:
        return None
    return received(_known(text), english=text).stored()


def _known(text):
    for code, pattern, kinds in _PATTERNS:
        if (found := pattern.fullmatch(text)) is None:
            continue
        values = [_value(name, kind, part) for (name, kind), part in zip(kinds, found.groups())]
        message = {'code': code, 'params': {name: value for (name, _), value in zip(kinds, values)}}
        if code in THEN:
            message['then'] = [message_of(found[len(kinds) + 1])]
        return message
    return None


def _value(name, kind, part):
    if name == NESTED:
        return message_of(part)
    return NUMBERS.get(kind, str)(part)


def _pattern(code, english):
    pieces = PLACEHOLDER.split(english)
    kinds = list(zip(pieces[1::3], pieces[2::3]))
    regular = ''.join(
        re.escape(literal) + (PARTS[kind] if kind else '') for literal, kind in zip(pieces[::3], [*pieces[2::3], ''])
    )
    return code, re.compile(regular + (' (.+)' if code in THEN else ''), re.DOTALL), kinds


_PATTERNS = [_pattern(code, english) for code, english in OLD]
