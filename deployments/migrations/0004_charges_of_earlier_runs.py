"""Runs that ended before there was a ledger are charged for what they were given, and all learn what they are for."""

from django.db import migrations
from django.utils import timezone

MODELS = """
UPDATE compute_run SET model = job.base_model_id
FROM jobs_attempt attempt JOIN jobs_finetuningjob job ON job.id = attempt.job_id
WHERE attempt.run_id = compute_run.id;
UPDATE compute_run SET model = coalesce(deployment.model, tuned.name, replica.base_model_id)
FROM deployments_replica replica
LEFT JOIN deployments_deployment deployment ON deployment.id = replica.deployment_id
LEFT JOIN jobs_tunedmodel tuned ON tuned.id = replica.full_model_id
WHERE replica.run_id = compute_run.id;
"""
PEOPLE = """
UPDATE deployments_usage SET user_id = key.user_id
FROM accounts_apikey key WHERE key.id = deployments_usage.api_key_id;
"""
CHARGES = """
INSERT INTO ledger_entry (
    what, at, day, run, kind, team_id, team, "user", pool, model, accelerator_seconds,
    requests, prompt_tokens, completion_tokens
)
SELECT 'charge', now(), part.day, run.id, run.kind, team.id, team.slug,
       coalesce(trained.email, deployed.email, ''), 'default', run.model,
       sum(extract(epoch FROM least(allocation.released_at, part.until) - greatest(allocation.created_at, part.begin))),
       0, 0, 0
FROM compute_allocation allocation
JOIN compute_run run ON run.id = allocation.run_id
JOIN accounts_team team ON team.id = run.team_id
LEFT JOIN jobs_attempt attempt ON attempt.run_id = run.id
LEFT JOIN jobs_finetuningjob job ON job.id = attempt.job_id
LEFT JOIN accounts_user trained ON trained.id = job.created_by_id
LEFT JOIN deployments_replica replica ON replica.run_id = run.id
LEFT JOIN deployments_deployment deployment ON deployment.id = replica.deployment_id
LEFT JOIN accounts_user deployed ON deployed.id = deployment.created_by_id
CROSS JOIN LATERAL (
    SELECT day::date AS day, day AT TIME ZONE %(zone)s AS begin,
           (day + interval '1 day') AT TIME ZONE %(zone)s AS until
    FROM generate_series(
        date_trunc('day', allocation.created_at AT TIME ZONE %(zone)s), allocation.released_at AT TIME ZONE %(zone)s,
        interval '1 day'
    ) AS day
) AS part
WHERE allocation.released_at > allocation.created_at
  AND greatest(allocation.created_at, part.begin) < least(allocation.released_at, part.until)
GROUP BY part.day, run.id, run.kind, team.id, team.slug, trained.email, deployed.email, run.model
ON CONFLICT DO NOTHING  -- what was charged before the migration was turned back and done again
"""


def charge(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(CHARGES, {"zone": timezone.get_default_timezone_name()})


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_roles"),
        ("compute", "0004_what_a_run_is_for"),
        ("deployments", "0003_who_asked"),
        ("jobs", "0013_tuned_models"),
        ("ledger", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(MODELS, migrations.RunSQL.noop),
        migrations.RunSQL(PEOPLE, migrations.RunSQL.noop),
        migrations.RunPython(charge, migrations.RunPython.noop),
    ]
