import django.contrib.postgres.fields
from django.db import migrations, models

SCOPES = [
    ("read", "Read everything the team has"),
    ("data", "Data sets: upload, check, repair, download, delete"),
    ("train", "Train and evaluate models"),
    ("serve", "Deploy models and ask them"),
    ("admin", "People, keys, quotas and, for administrators, the platform"),
]


def give_administrators_every_scope(apps, schema_editor):
    keys = apps.get_model("accounts", "ApiKey").objects.filter(is_admin=True)
    keys.update(scopes=[scope for scope, _ in SCOPES])


def mark_administrators(apps, schema_editor):
    apps.get_model("accounts", "ApiKey").objects.filter(scopes__contains=["admin"]).update(is_admin=True)


class Migration(migrations.Migration):
    """A key that is an administrator's has the scope "admin", beside all others; keys may expire, and be limited."""

    dependencies = [("accounts", "0006_links")]

    operations = [
        migrations.AddField(
            "apikey",
            "scopes",
            django.contrib.postgres.fields.ArrayField(
                models.CharField(choices=SCOPES, max_length=10), blank=True, default=list, size=None
            ),
        ),
        migrations.AddField("apikey", "expires_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("apikey", "limits", models.JSONField(blank=True, default=dict)),
        migrations.AddField("team", "limits", models.JSONField(blank=True, default=dict)),
        migrations.RunPython(give_administrators_every_scope, mark_administrators),
        migrations.RemoveField("apikey", "is_admin"),
    ]
