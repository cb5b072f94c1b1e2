"""What batches say: why one is refused, what is wrong with a line, and why a request has no answer."""

from wording import Catalogue, plural, sentence

CATALOGUE = Catalogue(
    {
        # A request is refused
        "batch_not_found": sentence("There is no batch %(id)s."),
        "batch_file_not_found": sentence("The file %(file)s does not exist, or belongs to another team."),
        "batch_file_purpose": sentence(
            "%(filename)s was uploaded for %(purpose)s. Upload the requests with the purpose batch."
        ),
        "batch_endpoint_unsupported": sentence(
            "A batch cannot ask %(endpoint)s here. Use /v1/chat/completions or /v1/completions."
        ),
        "batch_embeddings_unsupported": sentence(
            "A batch cannot ask /v1/embeddings: no model here makes embeddings. Use /v1/chat/completions or "
            "/v1/completions."
        ),
        "batch_window_unsupported": sentence("The completion window %(window)s is not offered. Use 24h."),
        "batch_finished": sentence("This batch has already ended, so there is nothing to cancel."),
        "batch_unfinished": sentence("This batch has not ended. Cancel it first."),
        "batch_result_missing": sentence("This batch has no such file, or it was deleted."),
        "file_needed_by_batch": sentence(
            "The batch %(batch)s still needs %(filename)s. Cancel it or wait until it ends."
        ),
        "too_many_batches": plural(
            "Your team already has %(most)s batch that has not ended. Wait until it ends, or cancel it.",
            "Your team already has %(most)s batches that have not ended. Wait until one ends, or cancel it.",
            by="most",
        ),
        # What is wrong with the file
        "batch_file_unreadable": sentence("The file of requests cannot be read: %(reason)s"),
        "batch_file_deleted": sentence("The file of requests was deleted."),
        "batch_file_empty": sentence("The file has no request."),
        "batch_file_too_large": sentence("The file is larger than %(size)s. Split it into several batches."),
        "batch_too_many_lines": sentence("The file has more than %(most)s requests. Split it into several batches."),
        "batch_check_failed": sentence(
            "Reading the file ended %(times)d times without a result. Split it, and try each part."
        ),
        "batch_line_no_json": sentence("This line is not one JSON object."),
        "batch_line_too_long": sentence("This line is longer than %(size)s."),
        "batch_line_without": sentence("This line has no %(name)s."),
        "batch_line_unknown": sentence("This line has the unknown field %(name)s. Known: %(known)s."),
        "batch_line_id": sentence("custom_id must be a text of 1 to %(most)d characters."),
        "batch_line_id_twice": sentence("The custom_id %(custom_id)s is that of an earlier line, too."),
        "batch_line_method": sentence("The method must be POST."),
        "batch_line_url": sentence("The url must be that of the batch, %(endpoint)s."),
        "batch_line_body": sentence("The body must be a JSON object."),
        "batch_line_stream": sentence("A batch does not stream. Omit stream."),
        "batch_line_other_model": sentence(
            "All requests of a batch ask one model, here %(model)s. Put those for others into a batch of their own."
        ),
        # Why a request has no answer
        "batch_expired": sentence("The batch's time was over before this request was asked."),
        "batch_replica_lost": sentence("The model stopped %(times)d times at this request."),
        # What a batch waits for
        "batch_waits_for_limit": sentence(
            "Half of your team's tokens of this minute or day are used. The rest is left to interactive requests, so "
            "this batch waits."
        ),
    }
)
message = CATALOGUE.message
