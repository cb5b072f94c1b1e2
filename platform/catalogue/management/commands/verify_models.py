"""manage.py verify_models"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalogue.models import BaseModel
from catalogue.proving import DamagedModel, prove


class Command(BaseCommand):
    help = "Read the weights of every base model on this machine and compare their SHA-256 with the catalogue's."

    def handle(self, *args: Any, **options: Any) -> None:
        damaged = [base.id for base in BaseModel.objects.present() if not self._is_whole(base)]
        if damaged:
            raise CommandError(f"Damaged: {', '.join(damaged)}.")

    def _is_whole(self, base: BaseModel) -> bool:
        """Print the state of `base` here in one line; False when it is damaged."""
        if not base.path.is_dir():
            self.stdout.write(f"{base.id}: not on this machine")
            return True
        try:
            prove(base, anew=True)
        except DamagedModel as error:
            self.stdout.write(f"{base.id}: DAMAGED in {base.path}: {error.reason}")
            return False
        self.stdout.write(f"{base.id}: proven (SHA-256 {base.sha256})")
        return True
