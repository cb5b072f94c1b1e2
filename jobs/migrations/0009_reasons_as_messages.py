"""Reasons of automatic values become messages: {"code", numbers…} is {"code", "params"} from now on."""

from django.db import migrations

RENAMED = {
    'batch': 'steps_suit_rows',
    'rounds': 'rounds_make_steps',
    'as_training': 'batch_as_training',
    'warmup': 'warmup_tenth',
    'save': 'save_tenth',
    'seed': 'same_seed',
    'alpha': 'alpha_for_every_rank',
    'dropout': 'no_dropout',
    'cosine': 'cosine_schedule',
    'clip': 'usual_clip',
    'multiplier': 'rate_multiplied',
    'openai_batch': 'batch_as_asked',
    'ladder': 'memory_ran_out_without',
    'device_fit': 'fitted_to_devices',
    'validation_file': 'validation_by_file',
}
BACK = {new: old for old, new in RENAMED.items()}
AT_ONCE = 500


def to_messages(apps, schema_editor):
    def renewed(reason):
        code = RENAMED.get(reason['code'], reason['code'])
        params = {name: value for name, value in reason.items() if name != 'code'}
        if code.startswith('rate_') and code != 'rate_large':
            params.pop('hidden_size', None)
        return {'code': code, 'params': params}

    _change(apps, renewed)


def to_flat(apps, schema_editor):
    _change(apps, lambda reason: {'code': BACK.get(reason['code'], reason['code']), **reason['params']})


def _change(apps, renewed):
    FineTuningJob = apps.get_model('jobs', 'FineTuningJob')
    changed = []
    for job in FineTuningJob.objects.exclude(reasons={}).only('reasons').iterator(chunk_size=AT_ONCE):
        job.reasons = {name: renewed(reason) for name, reason in job.reasons.items()}
        changed.append(job)
        if len(changed) == AT_ONCE:
            FineTuningJob.objects.bulk_update(changed, ['reasons'])
            changed = []
    FineTuningJob.objects.bulk_update(changed, ['reasons'])


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0008_method_is_gone'),
    ]

    operations = [
        migrations.RunPython(to_messages, to_flat),
    ]
