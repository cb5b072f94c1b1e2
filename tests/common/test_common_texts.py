"""Folders of a machine do not reach its users; addresses and fractions are no folders."""

import pytest

from common.texts import without_folders


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("/var/lib/luthier/models/tiny holds no weights.", "tiny holds no weights."),
        ("The probes in '/srv/数据/a-1/probe' cannot be read.", "The probes in 'probe' cannot be read."),
        ("It lies in /srv/models/.", "It lies in models."),
        ("(/root/a b.txt)", "(a b.txt)"),
        ("POST /v1/fine_tuning/jobs again, or /api/v1/files.", "POST /v1/fine_tuning/jobs again, or /api/v1/files."),
        ("See https://example.org/a/b/c.", "See https://example.org/a/b/c."),
        ("4/5 of checkpoints/step-3/a and and/or/not.", "4/5 of checkpoints/step-3/a and and/or/not."),
    ],
)
def test_only_the_last_part_of_a_path_is_said(said: str, shown: str) -> None:
    assert without_folders(said) == shown
