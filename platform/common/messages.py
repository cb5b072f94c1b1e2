"""What the platform says whichever app is asked."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        "body_no_object": sentence("The body must be one JSON object."),
        "database_unavailable": sentence(
            "The database is not responding. In a few seconds, check whether your change was saved, then try again."
        ),
        "encryption_key_changed": sentence(
            "A stored secret cannot be decrypted with the current LUTHIER_ENCRYPTION_KEY. Restore the old "
            "key, or enter the secret again."
        ),
        "field_not_known": sentence("Unknown field. Known: %(known)s."),
        "forbidden": sentence("You are not allowed to do this."),
        "idempotency_key_reused": sentence(
            "This %(header)s was used for a different request within the last %(hours)s hours. Use a new key."
        ),
        "internal_error": sentence(
            "Something went wrong on the server. It has been logged; try again, or tell your administrator."
        ),
        "invalid_day": sentence("%(field)s is %(value)s, but a day is written as 2026-11-28."),
        "invalid_idempotency_key": sentence(
            "The %(header)s header is longer than %(characters)s characters or contains a NUL character."
        ),
        "not_found": sentence("Not found."),
        "outbound_answer_too_long": sentence("The answer is too long."),
        "outbound_broke_off": sentence("%(host)s broke the connection off, or did not answer by HTTP."),
        "outbound_credentials": sentence("The address must not contain a user name or password."),
        "outbound_name_unknown": sentence("%(host)s cannot be found. Check the host name."),
        "outbound_no_connection": sentence("%(host)s cannot be connected to. Check host, port and firewall."),
        "outbound_no_json": sentence("The answer is not JSON."),
        "outbound_no_url": sentence(
            "Enter an address such as https://example.com/path, of at most %(characters)s characters and without "
            "spaces."
        ),
        "outbound_private": sentence(
            "%(host)s is not on the public internet, so the platform does not call it. An administrator can allow its "
            "network by LUTHIER_OUTBOUND_ALLOW."
        ),
        "outbound_scheme": sentence("The address must begin with https:// or http://."),
        "outbound_timeout": sentence("There was no complete answer within %(seconds)s seconds."),
        "outbound_tls": sentence("%(host)s has no certificate for this name that the platform trusts."),
        "storage_bucket_missing": sentence(
            "The bucket of object storage does not exist. An administrator must create it or correct LUTHIER_S3_BUCKET."
        ),
        "storage_files_refused": sentence(
            "The platform may not read or write its own files. An administrator must give its account the right to."
        ),
        "storage_key_refused": sentence(
            "Object storage refuses this platform's credentials. An administrator must correct "
            "LUTHIER_S3_ACCESS_KEY and LUTHIER_S3_SECRET_KEY."
        ),
        "takes_no_fields": sentence("Unknown field: this request takes none."),
    }
)
message = CATALOGUE.message
