"""Stored sentences about the platform itself: nodes, processes, people, keys."""

from django.utils.translation import gettext_noop

SENTENCES: tuple[str, ...] = (
    # The web's edge
    gettext_noop("The body has more than {0} texts. Send less at once."),
    gettext_noop("The body has more lists, objects and values than are read at once. Send less."),
    gettext_noop("The body is larger than {0}. Upload large data by /v1/files."),
    gettext_noop("The path holds a character that no address here has."),
    gettext_noop("The address holds the character NUL, which no text here has."),
    gettext_noop("The charset {0} is not supported. Send UTF-8."),
    # Nodes and processes
    gettext_noop("The process ran out of memory and the system killed it."),
    gettext_noop("Use a smaller batch or a smaller model."),
    gettext_noop("The process ended without saying why."),
    gettext_noop("The last lines of its log may tell."),
    gettext_noop("The last lines of its log may tell why."),
    gettext_noop("The process was killed by signal {0} ({1})."),
    gettext_noop("The process ended with exit status {0}."),
    gettext_noop("The process could not be started: {0}."),
    gettext_noop("The process cannot be bound to the cores {0}: {1}."),
    gettext_noop("The node {0} has not been heard from any more."),
    gettext_noop("The host was restarted meanwhile."),
    gettext_noop("Something went wrong on the server."),
    gettext_noop("It has been logged; try again, or tell your administrator."),
    gettext_noop("It has been logged; try again."),
    gettext_noop("You may not do this."),
    gettext_noop("Not found."),
    gettext_noop("There is no team {0}."),
    gettext_noop("{0} is missing from object storage."),
    gettext_noop("Object storage did not give {0}: {1}"),
    gettext_noop("Object storage did not take {0}: {1}"),
    gettext_noop("Object storage did not delete {0}: {1}"),
    gettext_noop("Object storage did not take {0} of {1}: {2}"),
    gettext_noop("Object storage did not take the result of {0}: {1}"),
    gettext_noop("{0} has no manifest: it was never finished."),
    gettext_noop("The manifest of {0} cannot be read."),
    gettext_noop("{0} is missing from {1}."),
    gettext_noop("{0} in {1} has {2} bytes instead of {3}."),
    gettext_noop("The bytes of {0} in {1} are not the ones that were written."),
    # People and keys
    gettext_noop("{0} is not an email address."),
    gettext_noop("This API key does not exist."),
    gettext_noop("Only an administrator of the platform may do this."),
    gettext_noop("This API key is not known or was revoked."),
    gettext_noop("Incorrect API key provided."),
)
