from typing import Any

from django.db import migrations, models


def keep_an_owner(apps: Any, schema_editor: Any) -> None:
    """Make the first member of every team without an owner its owner: roles had no meaning until now."""
    memberships = apps.get_model("accounts", "Membership").objects
    owned = memberships.filter(role="owner").values("team_id")
    seen: set[int] = set()
    for membership in memberships.exclude(team_id__in=owned).order_by("pk"):
        if membership.team_id not in seen:
            seen.add(membership.team_id)
            membership.role = "owner"
            membership.save(update_fields=["role"])


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_admin_keys")]

    operations = [
        migrations.AlterField(
            model_name="membership",
            name="role",
            field=models.CharField(
                choices=[("viewer", "Viewer"), ("member", "Member"), ("owner", "Owner")], default="member", max_length=10
            ),
        ),
        migrations.RunPython(keep_an_owner, migrations.RunPython.noop),
    ]
