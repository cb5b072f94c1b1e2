"""What administrators alone see."""

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from accounts.requests import PageRequest


def require_admin(request: PageRequest) -> None:
    """Refuse a page to everybody but the platform's administrators."""
    if not request.user.is_staff:
        raise PermissionDenied(_("Only an administrator of the platform may do this."))
