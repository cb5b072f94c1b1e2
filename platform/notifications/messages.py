"""What notifications say."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        "notice_not_found": sentence("There is no notification %(id)r for you. Old ones are deleted."),
        "mail_is_off": sentence("This platform sends no mail: an administrator has not set LUTHIER_MAIL_URL."),
    }
)
message = CATALOGUE.message
