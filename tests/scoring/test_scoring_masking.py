"""Personal data and keys are taken out of a text, and nothing else of it changes."""

import time

import pytest

from scoring.detectors.masking import holds_personal_data, masked

BODY = "\n".join(["MIIEowIBAAKCAQEA7bq9" + "Ab0/" * 11] * 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to Ada.Lovelace+x@Mail.Example.org, please.", "Write to [EMAIL], please."),
        ("手机１３８１２３４５６７８，谢谢①", "手机[PHONE]，谢谢①"),
        ("+86 138-1234-5678 或 010-12345678", "[PHONE] 或 [PHONE]"),
        ("ﬁle +1 1 22 33", "ﬁle [PHONE]"),
        ("身份证号11010519491231002X。", "身份证号[ID]。"),
        ("card 4111 1111 1111 1111, order 4111 1111 1111 1112", "card [CARD], order 4111 1111 1111 1112"),
        ("token sk-" + "a1B2" * 6 + ".", "token [KEY]."),
        (
            f"k: -----BEGIN RSA PRIVATE KEY-----\n{BODY}\n-----END RSA PRIVATE KEY----- end",
            "k: [KEY] end",
        ),
        (f"k: -----BEGIN PRIVATE KEY-----\n{BODY}\nThat was it", "k: [KEY]\nThat was it"),
        ("At 2026-11-28 09:14:23, １，２ and user@host", "At 2026-11-28 09:14:23, １，２ and user@host"),
    ],
)
def test_each_kind_goes_and_the_rest_stays(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert holds_personal_data(text) == (text != expected)
    assert masked(expected) == expected


@pytest.mark.timed
@pytest.mark.parametrize("piece", ["a.b@c.de ", "-----BEGIN PRIVATE KEY-----\nAb0/", "13812345678１ ", "1-", "eyJ"])
def test_a_text_made_to_be_slow_is_not(piece: str) -> None:
    started = time.process_time()
    masked(piece * (2**19 // len(piece)))
    assert time.process_time() - started < 8
