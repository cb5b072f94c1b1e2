"""OpenAI's routes that are not here: what scripts written for them are told to use."""

import re

from console.messages import message
from wording import Message

INSTEAD = (
    ("embeddings", "instead_of_embeddings"),
    ("responses|conversations", "instead_of_responses"),
    ("assistants|threads|chatkit", "instead_of_threads"),
    ("images|audio|videos|moderations|realtime", "instead_of_media"),
    ("fine_tuning/checkpoints/.+/permissions", "instead_of_permissions"),
    ("organization", "instead_of_organization"),
)
"""Beginnings of addresses below /v1/, as expressions, and the code of what helps."""


def openai_route(method: str, path: str) -> Message | None:
    """Return what to say of an address that OpenAI has and this platform has not; None for any other."""
    for beginning, code in INSTEAD:
        if re.match(rf"/v1/(?:{beginning})(?:/|$)", path):
            return message("openai_route_missing", method=method, path=path[:200]).followed_by(message(code))
    return None
