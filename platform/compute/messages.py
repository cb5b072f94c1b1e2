"""What compute says of Runs: how they ended, and what cannot be asked of them."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        "away_too_long": sentence(
            "What this needs from outside, such as object storage, did not answer for too long. Its accelerators were "
            "given back."
        ),
        "host_restarted": sentence("The host was restarted meanwhile."),
        "invalid_accelerators": sentence("A run needs at least 1 accelerator, not %(accelerators)s."),
        "invalid_quota": sentence("A quota is a whole number from 0 to %(most)d, or none for the whole pool."),
        "node_gone": sentence("The node %(node)s has not been heard from any more."),
        "process_ended_silently": sentence(
            "The process ended without saying why. An administrator finds more in its log."
        ),
        "process_exited": sentence(
            "The process ended with exit status %(status)d. An administrator finds more in its log."
        ),
        "process_killed": sentence("The process was killed by signal %(signal)d (%(name)s)."),
        "process_not_bound": sentence("The process cannot be bound to the cores %(cores)s: %(reason)s."),
        "process_not_started": sentence("The process could not be started: %(reason)s."),
        "process_out_of_memory": sentence(
            "The process ran out of memory and the system killed it. Use a smaller batch or a smaller model."
        ),
        "quota_is_no_number": sentence("A quota is a whole number, or empty for the whole pool."),
        "unknown_kind": sentence("No kind of work is called '%(kind)s'. Known kinds: %(known)s."),
    }
)
message = CATALOGUE.message
