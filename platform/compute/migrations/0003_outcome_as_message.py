"""How a Run ended becomes a message: {"code", "params"} instead of its English sentence."""

import re

import common.message_field
from django.db import migrations

from wording import Message

SENTENCES = {
    "away_too_long": r"What this needs from outside, such as object storage, did not answer for too long\. "
    r"Its accelerators were given back\.",
    "host_restarted": r"The host was restarted meanwhile\.",
    "node_gone": r"The node (?P<node>.*) has not been heard from any more\.",
    "process_ended_silently": r"The process ended without saying why\. .*",
    "process_exited": r"The process ended with exit status (?P<status>\d+)\. .*",
    "process_killed": r"The process was killed by signal (?P<signal>\d+) \((?P<name>\w+)\)\.",
    "process_not_bound": r"The process cannot be bound to the cores (?P<cores>[\d, ]+): (?P<reason>.*)\.",
    "process_not_started": r"The process could not be started: (?P<reason>.*)\.",
    "process_out_of_memory": r"The process ran out of memory and the system killed it\. .*",
    "internal_error": r"Something went wrong on the server\. It has been logged; try again, or tell your administrator\.",
    "storage_key_refused": r"Object storage refuses this platform's credentials\. [^.]*\.",
    "storage_bucket_missing": r"The bucket of object storage does not exist\. [^.]*\.",
    "storage_files_refused": r"The platform may not read or write its own files\. [^.]*\.",
}
NUMBERS = {"status", "signal"}


def to_messages(apps, schema_editor):
    Run = apps.get_model("compute", "Run")
    for run in Run.objects.exclude(old_message="").only("old_message").iterator():
        Run.objects.filter(pk=run.pk).update(outcome_message=_message(run.old_message))


def to_text(apps, schema_editor):
    Run = apps.get_model("compute", "Run")
    for run in Run.objects.exclude(outcome_message=None).only("outcome_message").iterator():
        Run.objects.filter(pk=run.pk).update(old_message=str(run.outcome_message))


def _message(text):
    for code, pattern in SENTENCES.items():
        if found := re.fullmatch(pattern, text, re.DOTALL):
            parts = found.groupdict().items()
            return Message(code, {name: int(part) if name in NUMBERS else part for name, part in parts})
    return Message("as_written", {"text": text})


class Migration(migrations.Migration):
    dependencies = [("compute", "0002_disk")]

    operations = [
        migrations.RenameField("run", "outcome_message", "old_message"),
        migrations.AddField("run", "outcome_message", common.message_field.MessageField(blank=True, null=True)),
        migrations.RunPython(to_messages, to_text),
        migrations.RemoveField("run", "old_message"),
    ]
