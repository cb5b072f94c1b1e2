"""Questions pass Django's middleware by; what it does for every answer is done for theirs, too."""

import asyncio

import pytest
from django.test import AsyncRequestFactory

from console import questions

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("plain_static")]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/deployments/dep-none/chat"])
def test_an_answer_has_the_headers_of_every_other(path: str) -> None:
    request = AsyncRequestFactory().post(path, data=b"{}", content_type="application/json")
    answer = asyncio.run(questions.answer(request))
    assert answer.status_code in (400, 403)
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
