"""The one way by which the platform calls addresses that people name: webhooks, notifications, judges elsewhere.

http and https alone; the name is resolved once, each address it has must be a public one (or in a network that an
administrator allows by LUTHIER_OUTBOUND_ALLOW), and the connection goes to the address that was looked at. No
redirect is followed, no proxy of the environment is asked, nothing is unpacked; time and answer are bounded.
"""

from common.outbound.addresses import AddressRefused, OutboundError, require_address
from common.outbound.sending import NoAnswer, Reply, send, send_async

__all__ = ["AddressRefused", "NoAnswer", "OutboundError", "Reply", "require_address", "send", "send_async"]
