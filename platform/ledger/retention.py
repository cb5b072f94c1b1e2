"""The ledger's own rule of what is kept."""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from ledger.models import Entry


@transaction.atomic
def forget(before: datetime) -> None:
    """Delete entries of days before that of `before`; those of one Run go together, or a part would look like all."""
    day = before.astimezone(timezone.get_default_timezone()).date()
    later = Entry.objects.filter(run=OuterRef("run"), day__gte=day)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL luthier.ledger_retention = 'on'")  # else the entries' trigger refuses
        Entry.objects.filter(Q(run="") | ~Exists(later), day__lt=day).delete()
        cursor.execute("SET LOCAL luthier.ledger_retention = 'off'")
