"""Who is calling and what they may do."""

from notifapp.access.guard import (
    admin_required,
    may,
    member_required,
    permission_required,
    principal,
    public,
    require,
    sign_in_required,
)
from notifapp.access.permissions import Permission
from notifapp.access.principal import Principal, ProjectRef, Source

__all__ = [
    "Permission",
    "Principal",
    "ProjectRef",
    "Source",
    "admin_required",
    "may",
    "member_required",
    "permission_required",
    "principal",
    "public",
    "require",
    "sign_in_required",
]
