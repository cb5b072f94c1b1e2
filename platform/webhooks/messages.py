"""What webhooks say: why one is refused, why a delivery has not arrived, and why one was switched off."""

from wording import Catalogue, sentence

CATALOGUE = Catalogue(
    {
        "webhook_not_found": sentence("There is no webhook %(id)r. It may have been deleted."),
        "delivery_not_found": sentence("There is no delivery %(id)r of this webhook. Old ones are deleted."),
        "too_many_webhooks": sentence("The team has %(most)d webhooks already. Delete one that is no longer needed."),
        "webhook_is_off": sentence("This webhook is switched off. Switch it on first."),
        "delivery_under_way": sentence("This delivery has not ended: it is tried again by itself."),
        # Why a delivery has not arrived, yet or ever
        "webhook_answered": sentence(
            "It answered with HTTP %(status)d. A status from 200 to 299 says that it arrived."
        ),
        "webhook_redirects": sentence(
            "It answered with HTTP %(status)d, a redirect, which is not followed. Enter the address that it leads to."
        ),
        "webhook_call_failed": sentence("It could not be sent. The server's log says why."),
        "webhook_was_off": sentence("The webhook was switched off before this was sent."),
        "chat_refused": sentence("The group chat refused it with code %(code)s: %(said)s"),
        "chat_makes_its_secret": sentence(
            "The secret of a group chat's bot is made there. Enter it under “Change this webhook” once it has changed."
        ),
        "webhook_takes_no_secret": sentence(
            "Only bots of Feishu and DingTalk have a signing secret to enter. A program's is made with its webhook."
        ),
        "webhook_takes_no_language": sentence("Only what is written into group chats has a language."),
        # Why a webhook was switched off
        "webhook_gone": sentence("It was switched off because it answered with HTTP 410, which means gone."),
        "webhook_failed_long": sentence(
            "It was switched off because nothing has arrived since %(since)s, although it was tried again and again."
        ),
    }
)
message = CATALOGUE.message
