"""What is wrong with a run directory: its spec.json, or a folder that its manifest does not fit."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        "manifest_missing": sentence("%(folder)s has no manifest: it was never finished."),
        "manifest_unreadable": sentence("The manifest of %(folder)s cannot be read."),
        "file_is_missing": sentence("%(file)s is missing from %(folder)s."),
        "file_has_other_size": sentence("%(file)s in %(folder)s has %(found)d bytes instead of %(expected)d."),
        "file_has_other_bytes": sentence("The bytes of %(file)s in %(folder)s are not the ones that were written."),
        "file_not_in_storage": sentence("%(name)s is missing from object storage."),
        "spec_missing": sentence("%(path)s does not exist. A run directory needs a spec.json."),
        "spec_is_no_json": sentence("%(path)s is not JSON: %(error)s."),
        "spec_is_no_object": sentence("%(path)s must contain one JSON object."),
        "spec_key_unknown": sentence("%(where)s has the unknown key %(key)r. Known keys: %(known)s."),
        "spec_key_missing": sentence("%(where)s lacks the key %(key)r."),
        "spec_value_refused": sentence("%(name)s is %(value)r; it must be %(accepted)s."),
    }
)
message = CATALOGUE.message
