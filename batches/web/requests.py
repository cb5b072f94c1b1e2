"""What the routes of batches read."""

from rest_framework import serializers

from batches.running.lines import ENDPOINTS
from batches.services import COMPLETION_WINDOW
from common.fields import CheckedText, PairsField
from common.reads import Body, Query
from datasets_app.web.requests import ExpiresAfter
from jobs.services import LONGEST_KEY, LONGEST_VALUE, MOST_PAIRS


class NewBatch(Body):
    """A file of requests, uploaded with the purpose batch, and what they ask."""

    input_file_id = serializers.CharField(max_length=60)
    endpoint = CheckedText(serializers.ChoiceField(choices=ENDPOINTS), most=100)
    completion_window = CheckedText(serializers.ChoiceField(choices=[COMPLETION_WINDOW]), most=20)
    metadata = PairsField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=LONGEST_VALUE),
        most=MOST_PAIRS,
        longest_key=LONGEST_KEY,
        required=False,
        allow_null=True,
    )
    output_expires_after = ExpiresAfter(required=False, allow_null=True)
    """Of the files of answers, from when they are made."""

    example = {"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h"}


class BatchPage(Query):
    after = serializers.CharField(required=False, max_length=60)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)
