"""What deployments and the gateway say to people."""

from serving import messages as engine
from wording import Catalogue, plural, sentence

__all__ = ["CATALOGUE", "engine", "message"]

CATALOGUE = Catalogue(
    {
        # Which model a name means
        "model_not_visible": sentence("The model `%(model)s` does not exist or you do not have access to it."),
        "named_model_deleted": sentence("The model `%(model)s` was deleted."),
        "model_deleted_with_checkpoints": sentence("The model `%(model)s` was deleted with its checkpoints."),
        "model_not_yours": sentence("The model `%(model)s` does not exist, or it is not yours to delete."),
        "model_not_there": sentence("This model does not exist."),
        "model_in_use": sentence("The deployment %(name)s serves this model. Take it down first."),
        # Deployments
        "deployment_not_found": sentence("No deployment has the id %(id)s."),
        "deployment_taken_down": sentence("The deployment %(id)s was taken down."),
        "deployment_name_invalid": sentence(
            "A name has up to 64 letters, digits, '.', '_' and '-', and begins with a letter or digit."
        ),
        "deployment_name_is_a_base": sentence("%(name)s is the name of a base model. Choose another one."),
        "deployment_name_taken": sentence(
            "Your team already has a deployment named %(name)s. Choose another name, or take that one down."
        ),
        "open_deployment_name_taken": sentence(
            "Another deployment named %(name)s already answers callers of this machine. Choose another name, "
            "or leave the switch off."
        ),
        "accelerators_invalid": sentence("Accelerators must be a whole number of at least 1, shared or auto."),
        "min_replicas_invalid": sentence("The least number of replicas is 0 or 1."),
        "min_replicas_of_a_name": sentence(
            "A deployment on the shared replica keeps nothing, so it has no least number of replicas. Ask for "
            "accelerators of its own, or leave the number out."
        ),
        "too_many_accelerators": plural(
            "A deployment answers on %(most)s GPU: more would be held for nothing. Ask for %(most)s, or auto.",
            "A deployment uses at most %(most)s GPUs: more would sit idle. Ask for %(most)s, or auto.",
            by="most",
        ),
        "deployment_starting": sentence("Starting: the model is loaded and proves that it answers as trained."),
        "deployment_answering": sentence("Answering."),
        "deployment_asleep": sentence("Asleep: the next request wakes it."),
        "deployment_asleep_wakes_in": plural(
            "Asleep: the next request wakes it in about %(seconds)s second.",
            "Asleep: the next request wakes it in about %(seconds)s seconds.",
            by="seconds",
        ),
        "deployment_was_paused": sentence("It was paused."),
        "deployment_gave_way": plural(
            "Nobody had asked it for %(minutes)s minute, so it gave its accelerators to work that waited.",
            "Nobody had asked it for %(minutes)s minutes, so it gave its accelerators to work that waited.",
            by="minutes",
        ),
        "nothing_to_pause": sentence("This deployment keeps no accelerators, so there is nothing to pause."),
        "deployment_beside_its_base": sentence("Asleep: the next request loads it beside its base, which is awake."),
        "deployment_unproven": sentence("It has yet to prove that it answers as trained, and does so when it wakes."),
        "deployment_has_failed": sentence("Failed: %(reason)s"),
        "deployment_stopped": sentence("Taken down."),
        # Replicas
        "base_model_gone": sentence(
            "%(model)s is no longer on this platform's disk. Download it from the catalogue first."
        ),
        "replica_failed": sentence("Its replica failed. An administrator can find more in its log."),
        "replica_run_stopped": sentence(
            "Its Run was stopped. Change its accelerators, or take it down and deploy again."
        ),
        "replica_false_starts": sentence(
            "It ended %(times)d times before it could answer, the last time so: %(reason)s"
        ),
        # What a question waits for, and why it is refused
        "model_not_deployed": sentence(
            "`%(model)s` is not deployed, and shared replicas are switched off here. Deploy it first."
        ),
        "deployment_failed": sentence("The deployment `%(name)s` failed: %(reason)s"),
        "named_deployment_taken_down": sentence("The deployment `%(name)s` was taken down."),
        "model_check_failed": sentence("`%(model)s` failed its same-answer check and is not served."),
        "model_not_started": sentence("`%(model)s` could not be started: %(reason)s"),
        "model_being_proven": sentence("`%(model)s` is being loaded and proves that it answers as trained."),
        "model_waits_for_accelerator": sentence("`%(model)s` waits for an accelerator."),
        "model_being_moved": sentence("`%(model)s` is being moved to a new replica."),
        "model_being_loaded": sentence("`%(model)s` is being loaded."),
        "model_not_ready": sentence("`%(model)s` is not ready yet."),
        # Who asks
        "question_without_key": sentence(
            "No API key was sent. Create one in the console, and send it as 'Authorization: Bearer sk-luthier-…'."
        ),
        "open_deployment_missing": sentence(
            "No API key was sent, and no deployment of this name answers without one. Create one in the "
            "console, and send it as 'Authorization: Bearer sk-luthier-…'."
        ),
        "too_many_wrong_keys": sentence("Too many wrong API keys came from this address."),
        "question_not_an_object": sentence("The body must be one JSON object."),
        "question_not_posted": sentence("This address accepts only POST requests."),
        "signed_out": sentence("Sign in again."),
        # Answers that do not come, or end too early
        "replica_lost": sentence("The replica of `%(model)s` stopped before it answered. Ask again in a moment."),
        "answer_lost": sentence("The replica stopped in the middle of this answer, so it is incomplete. Ask again."),
        "answer_key_revoked": sentence(
            "The API key was revoked or has expired, or its holder left the team, so this answer ends here."
        ),
        "access_ended": sentence("You are no longer in this team, so this answer ends here."),
        "refused_by_replica": sentence("The replica refused this request."),
    }
)
message = CATALOGUE.message
