"""Every form that people fill in, or that makes something, can be kept and is sent once."""

import ast
import re
from pathlib import Path

from django.conf import settings

BUTTONS = ("sign_out", "preferences", "choose_team", "delete_dataset", "undeploy", "revoke_key")
"""Forms of which nothing is lost, and that change the same when they are sent twice."""
BUTTONS += ("download_model", "change_member", "remove_member", "change_job", "delete_model")
BUTTONS += ("node_action", "queue_action", "cancel_maintenance", "move_node", "pause_deployment", "resume_deployment")
BUTTONS += ("map_model_name", "map_proposed_names", "unmap_model_name", "cancel_evaluation", "delete_evaluation")
BUTTONS += (
    "delete_share",
    "cancel_batch",
    "delete_batch",
    "name_job",
    "name_model",
    "rename_team",
    "password_link",
    "revoke_invitation",
)
BUTTONS += ("announce_shutdown",)
BUTTONS += (
    "delete_pool",
    "switch_webhook",
    "read_notifications",
    "delete_webhook",
    "vote",
)

SIGNED_OUT = ("sign_in.html", "invitation.html", "new_password.html")
"""Pages of people who are not signed in, and what is done there is done once by itself."""


def test_has_a_key() -> None:
    lacking = []
    for path in sorted((settings.BASE_DIR / "templates").rglob("*.html")):
        if path.name in SIGNED_OUT:
            continue
        for form in re.findall(r"<form\b.*?</form>", path.read_text(), re.DOTALL):
            opening = form[: form.index("{% csrf_token %}")] if "{% csrf_token %}" in form else form
            is_button = any(f"url '{name}'" in opening for name in BUTTONS) or re.search(
                r"{{ (action|help)\.url }}", opening
            )
            if 'method="post"' in opening and not is_button and "{% form_key %}" not in form:
                lacking.append(f"{path.name}: {opening[:100]}")
    assert not lacking


OF_EVERY_FORM = ("common/idempotency.py", "accounts/kept_forms.py", "console/middleware.py")
"""What does the same for all of them: answers once, keeps, refuses what no database takes."""


def test_what_is_posted_is_read_by_a_form() -> None:
    elsewhere, read = [], 0
    for path in Path(settings.BASE_DIR).rglob("*.py"):
        if {"tests", ".venv"} & set(path.parts) or str(path).endswith(OF_EVERY_FORM):
            continue
        tree = ast.parse(path.read_text())
        given = [
            inner
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and _is_form(call)
            for inner in _arguments(call)
        ]
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("request.POST", "request.FILES"):
                read += 1
                elsewhere += [] if node in given else [f"{path.name}:{node.lineno}"]
    assert read > 20
    assert elsewhere == []


def _is_form(call: ast.Call) -> bool:
    return any(part.lower().endswith("form") for part in ast.unparse(call.func).split("."))


def _arguments(call: ast.Call) -> list[ast.expr]:
    """Return the arguments, and both of `a if … else b`."""
    whole = [*call.args, *(word.value for word in call.keywords)]
    return [part for one in whole for part in ((one.body, one.orelse) if isinstance(one, ast.IfExp) else (one,))]
