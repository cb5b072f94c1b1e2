"""Each language that pages offer has its catalogue, and each catalogue its language."""

from django.conf import settings
from django.utils.translation import get_language_info, to_locale

from tools import translations


def test_the_settings_and_the_catalogues_have_the_same_languages() -> None:
    codes = [code for code, _ in settings.LANGUAGES]
    assert [to_locale(code) for code in codes if code != settings.LANGUAGE_CODE] == list(translations.LANGUAGES)
    assert all(get_language_info(code)["name_local"] for code in codes)
