"""manage.py check_ledger"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from compute.hours.proving import prove_ledger


class Command(BaseCommand):
    help = "Work the ledger's charges out from the allocations once more and compare; exit status 1 where they differ."

    def handle(self, *args: Any, **options: Any) -> None:
        days = settings.KEEP_DAYS["ledger"]
        proof = prove_ledger(since=timezone.now() - timedelta(days=days - 1) if days else None)
        self.stdout.write(
            f"{proof.num_entries:,} entries. {proof.num_runs:,} runs were charged for {proof.charged:,.3f} "
            f"device-seconds ({proof.charged / 3600:,.2f} accelerator-hours)."
        )
        if (wrong := proof.difference) is not None:
            raise CommandError(
                f"{wrong.run} was given devices for {wrong.expected:,.3f} seconds, but charged for {wrong.booked:,.3f}."
            )
        if (wrong := proof.unsettled) is not None:
            raise CommandError(
                f"{wrong.run} is over and {wrong.expected:,.3f} seconds of its hold were not taken, but "
                f"{wrong.booked:,.3f} were released."
            )
        self.stdout.write("The charges are equal to the allocations.")
