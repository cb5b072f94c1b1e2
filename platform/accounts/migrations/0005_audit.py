"""The audit says by itself who, from where, by which key, and what was there before; it is only added to."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

NAMES = """
UPDATE accounts_auditevent SET
    actor_email = coalesce((SELECT email FROM accounts_user WHERE id = actor_id), ''),
    team_slug = coalesce((SELECT slug FROM accounts_team WHERE id = team_id), '');
UPDATE accounts_auditevent SET before = after WHERE action = 'file.deleted';
"""
APPEND_ONLY = """
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('luthier.audit_retention', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'The audit is append-only: event % stays as it is.', OLD.id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION audit_append_only();
"""
FREE = """
DROP TRIGGER audit_append_only ON accounts_auditevent;
DROP FUNCTION audit_append_only();
"""


def text(length: int) -> models.CharField:
    return models.CharField(blank=True, default="", max_length=length)


def kept(to: str, **options: object) -> models.ForeignKey:
    return models.ForeignKey(
        db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+", to=to, **options
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_team_storage")]

    operations = [
        migrations.AlterField("auditevent", "actor", kept(settings.AUTH_USER_MODEL)),
        migrations.AlterField("auditevent", "team", kept("accounts.team", db_index=False)),
        migrations.AddIndex("auditevent", models.Index(fields=["team", "-id"], name="audit_team")),
        migrations.RenameField("auditevent", "data", "after"),
        migrations.AddField("auditevent", "before", models.JSONField(null=True)),
        migrations.AddField("auditevent", "actor_email", text(254), preserve_default=False),
        migrations.AddField("auditevent", "key", text(40), preserve_default=False),
        migrations.AddField("auditevent", "address", text(60), preserve_default=False),
        migrations.AddField("auditevent", "request_id", text(64), preserve_default=False),
        migrations.AddField("auditevent", "team_slug", text(60), preserve_default=False),
        migrations.RunSQL(NAMES, migrations.RunSQL.noop),
        migrations.RunSQL(APPEND_ONLY, FREE),
    ]
