"""A file that takes its checker with it is not tried for ever; storage that is away does not count."""

import pytest

from datasets_app.checking import recording
from datasets_app.models import TrainingFile
from tests.datasets_app import dataset_makers
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, rows

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """What ends a process without leaving it time for anything."""


@pytest.fixture
def file(alice: Member) -> TrainingFile:
    stored = dataset_makers.stored(alice.team, lines_of(*rows(12)), by=alice.user)
    TrainingFile.objects.filter(pk=stored.pk).update(status="uploaded", num_checks=0, heartbeat_at=None)
    return TrainingFile.objects.get(pk=stored.pk)


def check_again(file: TrainingFile) -> TrainingFile:
    TrainingFile.objects.filter(pk=file.pk).update(heartbeat_at=None)
    recording.check_file(file.pk)
    file.refresh_from_db()
    return file


def test_after_three_deaths_the_file_gets_its_verdict(file: TrainingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*args: object, **kwargs: object) -> None:
        raise Killed

    monkeypatch.setattr(recording, "check_file_content", killed)
    for _ in range(recording.MOST_CHECKS):
        with pytest.raises(Killed):
            check_again(file)
    assert check_again(file).status == "error"
    assert str(file.status_details).startswith("The check of the file ended 3 times without a result. Split the file")
    assert not TrainingFile.objects.unchecked().exists()


def test_storage_that_is_away_does_not_count(file: TrainingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise OSError("connection refused")

    with monkeypatch.context() as broken:
        broken.setattr(recording, "check_file_content", away)
        for _ in range(2 * recording.MOST_CHECKS):
            with pytest.raises(OSError, match="refused"):
                check_again(file)
    assert check_again(file).status == "processed"
