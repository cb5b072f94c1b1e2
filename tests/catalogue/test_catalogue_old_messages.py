"""Why a model could not be fetched was a sentence once; it is a message since, and a sentence on the way back."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from catalogue.messages import message
from catalogue.models import BaseModel
from common.messages import message as common_message
from wording import Message, as_written

BEFORE, AFTER = ("catalogue", "0002_defaults_are_gone"), ("catalogue", "0003_error_as_message")
SAID = (
    message("disk_too_small", needed=12.5, reserve=0.5, free=1.2),
    message("hub_token_needed", hub="Hugging Face", repo="owner/tiny"),
    message("hub_away", hub="Hugging Face").followed_by(message("hub_failed", hub="ModelScope", status=503)),
    message("storage_gave_no_model", model="tiny", reason="It broke off. Try later."),
    common_message("encryption_key_changed"),
    as_written("pip could not download x: ERROR"),
    None,
)


def make(number: int, said: Message | None) -> BaseModel:
    return BaseModel.objects.create(
        id=f"m{number}", display_name="Tiny", family="llama", parameters=1, context_length=64, hidden_size=8,
        num_layers=2, vocab_size=32, licence="none", template="own", error=said,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_sentences_become_messages_and_back() -> None:
    made = [make(number, said) for number, said in enumerate(SAID)]
    MigrationExecutor(connection).migrate([BEFORE])
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, error FROM catalogue_basemodel")
        kept = dict(cursor.fetchall())
    MigrationExecutor(connection).migrate([AFTER])
    assert [kept[base.pk] for base in made] == [str(said or "") for said in SAID]
    assert [BaseModel.objects.get(pk=base.pk).error for base in made] == list(SAID)
