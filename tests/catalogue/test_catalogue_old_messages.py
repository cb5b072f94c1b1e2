"""Why a model could not be fetched was a sentence once; it is a message since, and a sentence on the way back."""

import pytest
from django.db import connection

from catalogue.messages import message
from catalogue.models import BaseModel
from common.messages import message as common_message
from tests.migrating import migrate
from wording import Message, as_written

BEFORE = ("catalogue", "0002_defaults_are_gone")
SAID = {
    "This model needs 12.5 GB and 0.5 GB of reserve, and the disk of LUTHIER_HOME has 1.2 GB free. Make room there, or "
    "set LUTHIER_HOME to a larger disk.": message("disk_too_small", needed=12.5, reserve=0.5, free=1.2),
    "Hugging Face does not give owner/tiny to this platform. Accept the model's licence on its page at Hugging Face "
    "and enter an access token of that account in the catalogue.": message(
        "hub_token_needed", hub="Hugging Face", repo="owner/tiny"
    ),
    "Hugging Face cannot be reached. Check the network, or HTTPS_PROXY. ModelScope answered with HTTP 503. Try again "
    "later.": message("hub_away", hub="Hugging Face").followed_by(message("hub_failed", hub="ModelScope", status=503)),
    "Object storage did not give tiny: It broke off. Try later.": message(
        "storage_gave_no_model", model="tiny", reason="It broke off. Try later."
    ),
    "A stored secret cannot be read with today's LUTHIER_ENCRYPTION_KEY. Restore the key, or enter the secret "
    "again.": common_message("encryption_key_changed"),
    "pip could not download x: ERROR": as_written("pip could not download x: ERROR"),
    "": None,
}


def make(number: int, said: Message | None) -> BaseModel:
    return BaseModel.objects.create(
        id=f"m{number}", display_name="Tiny", family="llama", parameters=1, context_length=64, hidden_size=8,
        num_layers=2, vocab_size=32, licence="none", template="own", error=said,
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_sentences_become_messages_and_back() -> None:
    made = {text: make(number, said) for number, (text, said) in enumerate(SAID.items())}
    migrate(BEFORE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, error FROM catalogue_basemodel")
        assert dict(cursor.fetchall()) == {base.pk: str(SAID[text] or "") for text, base in made.items()}
        cursor.executemany(
            "UPDATE catalogue_basemodel SET error = %s WHERE id = %s", [(text, base.pk) for text, base in made.items()]
        )
    migrate()
    assert {text: BaseModel.objects.get(pk=base.pk).error for text, base in made.items()} == SAID
