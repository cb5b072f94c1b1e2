"""What the routes of notifications read."""

from rest_framework import serializers

from common.reads import Body, Query
from webhooks.web.requests import EventTypes


class Read(Body):
    """Which to mark as read; without ids all of them."""

    ids = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=100)

    example = {"ids": ["notice-2SmXCLjBGSEQVJfdnNDnL1Jb"]}


class Chosen(Body):
    """What to hear about on pages and by mail: all of it at once, what is not named is off."""

    on_pages = EventTypes(may_be_empty=True)
    by_mail = EventTypes(may_be_empty=True)
    of_others = serializers.BooleanField()

    example = {"on_pages": ["fine_tuning.job.succeeded"], "by_mail": [], "of_others": False}


class NoticePage(Query):
    after = serializers.CharField(required=False, max_length=60)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)
    unread = serializers.BooleanField(required=False, default=False)
