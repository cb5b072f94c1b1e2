"""What compute says of Runs: why they wait, how they ended, and what cannot be asked of them."""

from wording import Catalogue, plural, sentence

CATALOGUE = Catalogue(
    {
        "away_too_long": sentence(
            "An external service that this needs, such as object storage, did not respond for too long. Its "
            "accelerators were released."
        ),
        "host_restarted": sentence("The host was restarted in the meantime."),
        "invalid_accelerators": sentence("A run needs at least 1 accelerator, not %(accelerators)s."),
        "invalid_quota": sentence("A quota is a whole number from 0 to %(most)d, or none for the whole pool."),
        "no_such_run": sentence("Nothing that waits is called %(run)s."),
        "runs_no_longer": sentence("This does not run, or is being stopped already, so it cannot be preempted."),
        "is_preempted_by_hand": sentence(
            "An administrator preempts this. It saves a checkpoint and waits again in its own place in line."
        ),
        "saves_a_checkpoint_and_waits": sentence(
            "It saves a checkpoint, gives its accelerators back and waits again in its own place in line."
        ),
        "stops_answering_and_waits": sentence(
            "It answers nobody from then on, and waits for accelerators again in its own place in line."
        ),
        "its_model_will_sleep": sentence("Its model sleeps until somebody asks it again."),
        "starts_again_at_once": sentence("It starts again at once: nothing that waits comes before it."),
        "moved_to_front": sentence("An administrator moved this to the front of its priority."),
        "moved_to_back": sentence("An administrator moved this to the back of its priority."),
        "priority_was_set": sentence("An administrator set the priority to %(priority)s."),
        "computes_nothing": plural(
            "This has computed nothing for %(minutes)s minute: no step, no processor core and no GPU in use. Its log "
            "may say what it waits for.",
            "This has computed nothing for %(minutes)s minutes: no step, no processor core and no GPU in use. Its log "
            "may say what it waits for.",
            by="minutes",
        ),
        "no_such_node": sentence("There is no node %(node)s."),
        "pool_name_invalid": sentence(
            "The name of a pool has letters, digits, hyphens and underscores alone. Choose another one."
        ),
        "pool_name_too_long": sentence("The name of a pool has at most %(most)s characters, its title %(title)s."),
        "pool_name_taken": sentence("There is a pool %(pool)s already. Choose another name."),
        "default_pool_stays": sentence("Nodes and work that name no pool belong to %(pool)s, so it cannot be deleted."),
        "pool_has_nodes": plural(
            "%(count)s node belongs to %(pool)s: %(names)s. Move it to another pool first.",
            "%(count)s nodes belong to %(pool)s: %(names)s. Move them to another pool first.",
            by="count",
        ),
        "pool_has_quotas": plural(
            "%(count)s team has a quota in %(pool)s: %(names)s. Set its guarantee and its ceiling to 0 first.",
            "%(count)s teams have quotas in %(pool)s: %(names)s. Set their guarantees and ceilings to 0 first.",
            by="count",
        ),
        "pool_has_runs": plural(
            "%(count)s run waits or runs in %(pool)s. Cancel it, or delete the pool once it has ended.",
            "%(count)s runs wait or run in %(pool)s. Cancel them, or delete the pool once they have ended.",
            by="count",
        ),
        "pool_is_named": plural(
            "%(count)s job or deployment would go on in %(pool)s. Cancel it, or take it down, first.",
            "%(count)s jobs and deployments would go on in %(pool)s. Cancel them, or take them down, first.",
            by="count",
        ),
        "node_is_busy": plural(
            "%(count)s run is still on %(node)s. Drain the node, and move it once nothing runs there.",
            "%(count)s runs are still on %(node)s. Drain the node, and move it once nothing runs there.",
            by="count",
        ),
        "guarantees_beyond_what_is_left": sentence(
            "Without %(node)s the pool %(pool)s has %(total)s accelerators, and its teams are guaranteed "
            "%(guaranteed)s. Lower a guarantee, or let the pool promise more than it has."
        ),
        "pool_will_have": plural(
            "%(pool)s will have %(count)s accelerator.", "%(pool)s will have %(count)s accelerators.", by="count"
        ),
        "no_quota_in_pool": sentence(
            "Your team has no quota in the pool %(pool)s. Choose one of %(pools)s, or ask an administrator for a quota."
        ),
        "model_does_not_fit_pool": sentence(
            "The weights of %(model)s alone take %(needed)s GB, and the accelerators that it may have in the pool "
            "%(pool)s hold %(most)s GB. Choose another pool, more accelerators or a smaller model."
        ),
        "no_such_pool": sentence("There is no pool %(pool)s."),
        "no_such_maintenance": sentence("No maintenance %(maintenance)s is planned or going on."),
        "maintenance_of_one": sentence("Send node or pool, one of them: maintenance is of one node or a whole pool."),
        "maintenance_ends_too_early": sentence("Maintenance must end after it begins."),
        "maintenance_out_of_time": sentence("Maintenance is planned for a time between 1970 and 2105."),
        "maintenance_is_over": sentence("This window is over already. Choose one that ends later than now."),
        "runs_stop_for_maintenance": plural(
            "%(count)s run there should still run when it begins: it saves a checkpoint and keeps its place in line.",
            "%(count)s runs there should still run when it begins: they save checkpoints and keep their places.",
            by="count",
        ),
        "runs_wait_for_maintenance": plural(
            "%(count)s waiting run would not end before it, and starts after it.",
            "%(count)s waiting runs would not end before it, and start after it.",
            by="count",
        ),
        "maintenance_is_in_nobodys_way": sentence("Nothing that runs or waits now is in its way."),
        "no_node_action": sentence("A node cannot be asked for %(action)s, only for cordon, drain or uncordon."),
        "node_gone": sentence("The node %(node)s has stopped reporting."),
        "process_ended_silently": sentence(
            "The process ended without saying why. An administrator can find more in its log."
        ),
        "process_exited": sentence(
            "The process ended with exit status %(status)d. An administrator can find more in its log."
        ),
        "process_killed": sentence("The process was killed by signal %(signal)d (%(name)s)."),
        "process_not_bound": sentence("The process cannot be bound to the cores %(cores)s: %(reason)s."),
        "process_not_started": sentence("The process could not be started: %(reason)s."),
        "process_out_of_memory": sentence(
            "The process ran out of memory and the system killed it. Use a smaller batch or a smaller model."
        ),
        "guaranteed_beyond_ceiling": sentence(
            "A team cannot be guaranteed %(guaranteed)s accelerators and hold only %(ceiling)s. Raise the ceiling, or "
            "lower the guarantee."
        ),
        "guarantees_beyond_pool": sentence(
            "All teams together would be guaranteed %(guaranteed)s accelerators, and the pool has %(total)s. Lower a "
            "guarantee, or let the pool promise more than it has."
        ),
        "one_way_to_say_it": sentence(
            "accelerators is a ceiling without a guarantee. Send it alone, or guaranteed and ceiling."
        ),
        "nothing_to_change": sentence("Send at least one field to change."),
        "waiting_runs_can_start": plural(
            "%(count)s waiting run can start.", "%(count)s waiting runs can start.", by="count"
        ),
        "borrowers_are_preempted": plural(
            "%(count)s borrower will be preempted.", "%(count)s borrowers will be preempted.", by="count"
        ),
        "too_long_runs_are_paused": plural(
            "%(count)s run has lasted longer than that and will be paused.",
            "%(count)s runs have lasted longer than that and will be paused.",
            by="count",
        ),
        "nothing_changes_now": sentence("Nothing that waits or runs now would change."),
        "gpus": plural("%(count)s GPU", "%(count)s GPUs", by="count"),
        "cpu_cores": plural("%(count)s CPU core", "%(count)s CPU cores", by="count"),
        "run_should_end": sentence('"%(label)s" should end at %(time)s.'),
        "another_team": sentence("another team"),
        "would_start_now": sentence("would start now"),
        "would_start_between": sentence("would start between %(low)s and %(high)s"),
        "helps_with_fewer": sentence("With %(fewer)s instead of %(asked)s it %(when)s."),
        "helps_with_priority": sentence("With priority %(priority)s it %(when)s."),
        "helps_by_pausing": sentence('If the deployment "%(name)s" (idle for %(idle)s) is paused, it %(when)s.'),
        "minutes": plural("%(count)s minute", "%(count)s minutes", by="count"),
        "hours": plural("%(count)s hour", "%(count)s hours", by="count"),
        "days": plural("%(count)s day", "%(count)s days", by="count"),
        "priority_low": sentence("low"),
        "priority_normal": sentence("normal"),
        "priority_high": sentence("high"),
        "priority_urgent": sentence("urgent"),
        "waits_no_longer": sentence("This work is no longer waiting, so it cannot be changed."),
        "waits_in_the_queue": sentence("Waiting in the queue. It starts automatically."),
        "waits_for_its_quota": sentence("Waiting: your team uses %(used)s of its %(quota)s."),
        "waits_beyond_its_quota": sentence(
            "Waiting: this asks for %(asked)s, but your team may hold only %(quota)s at once. "
            "Ask for fewer, or ask an administrator for a larger quota."
        ),
        "waits_without_a_quota": sentence("Waiting: your team's quota is 0. Ask an administrator for a larger one."),
        "hours_mark_crossed": sentence(
            "%(percent)d %% of the %(hours)s accelerator-hours of this month in the pool %(pool)s are used."
        ),
        "waits_for_hours": sentence(
            "Waiting: your team has used all of its %(hours)s accelerator-hours of this month. New ones begin on "
            "%(resets_on)s. Until then an administrator can raise the limit."
        ),
        "waits_behind_its_team": sentence("Waiting: earlier work of your team comes first."),
        "waits_for_its_person": sentence(
            "Waiting: its owner uses %(used)s of the %(quota)s that one person of your team may hold at once."
        ),
        "waits_beyond_its_person": sentence(
            "Waiting: this asks for %(asked)s, but one person of your team may hold only %(quota)s at once. Ask for "
            "fewer."
        ),
        "waits_behind_its_person": sentence("Waiting: earlier work of the same person comes first."),
        "waits_for_its_guarantee": sentence(
            "Waiting: other work is saving a checkpoint and returning accelerators that your team is guaranteed."
        ),
        "waits_for_a_larger_node": sentence(
            "Waiting: this asks for %(asked)s, but the largest node has %(largest)s. Ask for fewer, or add a larger "
            "node."
        ),
        "waits_for_room": sentence(
            "Waiting for room: this needs %(asked)s, and %(free)s of %(total)s are free for it."
        ),
        "waits_for_an_idle_model": sentence(
            "Waiting: an idle model is being put to sleep to make room. This takes a few seconds."
        ),
        "waits_for_a_place_beside": sentence(
            "Waiting: as many models are awake on these cores as there are cores, and each of them is being asked."
        ),
        "waits_for_a_worker": sentence("Waiting: no worker is online. Ask an administrator to start one."),
        "waits_for_a_node": sentence(
            "Waiting: the nodes that are large enough are not accepting new work at the moment."
        ),
        "waits_for_the_end_of_maintenance": sentence("Waiting: its nodes are being maintained until %(ends_at)s."),
        "waits_rather_than_being_cut_off": sentence(
            "Waiting: it would not end before the maintenance that begins at %(begins_at)s. It can start after "
            "%(ends_at)s."
        ),
        "waits_for_its_model": sentence("Waiting: copying the model %(model)s to its node, %(percent)s %% so far."),
        "weights_being_verified": sentence("Starting: verifying the weights of %(model)s."),
        "unknown_kind": sentence("No kind of work is called '%(kind)s'. Known kinds: %(known)s."),
    }
)
message = CATALOGUE.message
