"""What the routes of webhooks read."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from common.outbound.addresses import MAX_URL_CHARACTERS
from common.reads import Body, Query
from webhooks import events
from webhooks.models import Webhook


class EventTypes(serializers.ListField):
    """Names of kinds of event, each known."""

    def __init__(self, *, may_be_empty: bool = False, **options: Any) -> None:
        known = [(kind.name, kind.label) for kind in events.kinds()]
        super().__init__(
            child=serializers.ChoiceField(known), allow_empty=may_be_empty, max_length=len(known) or 1, **options
        )


class NewWebhook(Body):
    """An address to call. Without a name it bears its host's, without kinds of event it hears about all of them.

    `form` is "standard" for a program; "feishu", "dingtalk", "wecom" and "slack" write a sentence, in `language`, into
    a group chat. Bots of Feishu and DingTalk may have a `signing_secret`, which is made there.
    """

    url = serializers.CharField(max_length=MAX_URL_CHARACTERS)
    name = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")
    event_types = EventTypes(required=False)
    form = serializers.ChoiceField(Webhook.Form.choices, required=False, default="standard")
    language = serializers.ChoiceField(settings.LANGUAGES, required=False)
    signing_secret = serializers.CharField(max_length=200, required=False)

    example = {
        "url": "https://example.com/luthier",
        "name": "nightly training",
        "event_types": ["fine_tuning.job.succeeded", "fine_tuning.job.failed"],
    }


class ChangedWebhook(Body):
    """What is to change; a webhook that is not enabled is told nothing."""

    url = serializers.CharField(max_length=MAX_URL_CHARACTERS, required=False)
    name = serializers.CharField(max_length=100, required=False)
    event_types = EventTypes(required=False)
    enabled = serializers.BooleanField(required=False)
    language = serializers.ChoiceField(settings.LANGUAGES, required=False)
    signing_secret = serializers.CharField(max_length=200, required=False, allow_blank=True)

    example = {"enabled": True}


class SecretRotation(Body):
    """Whether the old secret goes on signing beside the new one for a day."""

    keep_old_secret_active_for_24_hours = serializers.BooleanField(required=False, default=False)

    example = {"keep_old_secret_active_for_24_hours": True}


class SampleEvent(Body):
    """Which kind of event to send a sample of."""

    event_type = serializers.ChoiceField([(kind.name, kind.label) for kind in events.kinds()])

    example = {"event_type": "fine_tuning.job.succeeded"}


class WebhookPage(Query):
    after = serializers.CharField(required=False, max_length=60)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)


class DeliveryPage(Query):
    after = serializers.CharField(required=False, max_length=60)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)
    status = serializers.ChoiceField(["pending", "succeeded", "failed"], required=False)
