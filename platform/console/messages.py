"""What is said at the web's edge, before an app has seen the request."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        # Backups
        "backup_damaged": sentence("%(path)s is damaged or no backup of Luthier (%(what)s). Nothing was restored."),
        "backup_exists": sentence("%(path)s is there already. Choose another name, or remove it."),
        "backup_under_way": sentence(
            "%(path)s is there already: another backup writes it, or one broke off. Remove it if none is running."
        ),
        "backup_has_files": sentence(
            "This backup brings its own objects, but LUTHIER_S3_BUCKET names a bucket. Restore without it, or from a "
            "backup that was made with the bucket."
        ),
        "backup_is_newer": sentence(
            "This backup was made by another version of Luthier, which knows %(migration)s. Restore it with that one."
        ),
        "backup_of_another_format": sentence("%(path)s has a format that this version of Luthier does not read."),
        "bucket_lacks": sentence(
            "The bucket lacks '%(name)s', or has other bytes under that name. Restore the bucket first."
        ),
        "database_not_empty": sentence(
            "The database has tables already. A backup is restored into an empty one alone: name another in "
            "DATABASE_URL."
        ),
        "home_not_empty": sentence(
            "%(home)s is not empty: it has %(found)s. A backup is restored into an empty home alone: choose another "
            "LUTHIER_HOME."
        ),
        "storage_not_empty": sentence("%(place)s has files already. Empty it, or choose another LUTHIER_HOME."),
        # Addresses
        "bad_request": sentence("The request cannot be understood. Go back and try again."),
        "invalid_path": sentence("The path contains a character that is not allowed."),
        "invalid_query": sentence("The address contains the character NUL, which is not allowed."),
        "no_page": sentence("There is no page at this address."),
        "no_page_for_a_look": sentence(
            "There is no page at this address; it only accepts submitted forms. Go back and use the button."
        ),
        "unknown_host": sentence(
            "The platform does not recognise the host name in this address. Add it to LUTHIER_ALLOWED_HOSTS."
        ),
        "openai_route_missing": sentence("Luthier has no %(method)s %(path)s of OpenAI's API."),
        "instead_of_embeddings": sentence("Its models write texts and make no embeddings."),
        "instead_of_responses": sentence("Send the conversation as `messages` to POST /v1/chat/completions instead."),
        "instead_of_threads": sentence(
            "Keep the conversation in your program, and send all of it to POST /v1/chat/completions."
        ),
        "instead_of_media": sentence("Its models read and write texts alone."),
        "instead_of_permissions": sentence("A checkpoint belongs to the team that trained it, and to no other."),
        "instead_of_organization": sentence("Use /api/v1/teams, /api/v1/keys, /api/v1/usage and /api/v1/audit."),
        "unknown_url": sentence("There is no %(method)s %(path)s. Check the address and the method."),
        # Bodies
        "body_no_json": sentence("The body is not JSON: %(reason)s."),
        "body_no_utf8": sentence("The body is not UTF-8."),
        "body_too_deep": sentence("The body is nested deeper than %(levels)d levels."),
        "body_too_many_texts": sentence("The body has more than %(texts)s strings. Send less at once."),
        "body_too_many_values": sentence("The body has too many lists, objects and values. Send less at once."),
        "half_character": sentence(
            "The body contains half of a character (\\ud800 to \\udfff). Send whole characters."
        ),
        "half_character_in": sentence(
            "%(field)s contains half of a character (\\ud800 to \\udfff). Send whole characters."
        ),
        "number_too_long": sentence("The body contains a number with too many digits."),
        "request_too_large": sentence("The body is larger than %(size)s. Upload large data through /v1/files."),
        "unsupported_charset": sentence("The charset '%(charset)s' is not supported. Send UTF-8."),
        # Forms
        "form_from_elsewhere": sentence(
            "The form was sent from %(seen)s, which the platform does not recognise as its own address. Behind a "
            "proxy, set LUTHIER_PUBLIC_URL to the address that people use, and LUTHIER_BEHIND_PROXY to 1."
        ),
        "form_holds_nul": sentence("A form field contains a NUL character. Remove it and try again."),
        "form_too_old": sentence(
            "The form has expired, or the browser blocks cookies. Reload the page and submit the form again."
        ),
        "no_sample": sentence("The sample file is not included in this installation."),
    }
)
message = CATALOGUE.message
