"""Every form that people fill in, or that makes something, can be kept and is sent once."""

import re

from django.conf import settings

BUTTONS = ("sign_out", "preferences", "choose_team", "delete_dataset", "undeploy", "revoke_key")
"""Forms of which nothing is lost, and that change the same when they are sent twice."""
BUTTONS += ("download_model", "change_member", "remove_member", "change_job", "delete_model")
BUTTONS += ("node_action", "queue_action", "cancel_maintenance", "pause_deployment", "resume_deployment")
BUTTONS += ("rename_team", "password_link", "revoke_invitation")

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
