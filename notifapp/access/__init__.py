"""Who is calling and what they may do."""

from notifapp.access.guard import (
    Access,
    NotAcceptable,
    admin_required,
    current_access,
    enter_project,
    is_api,
    may,
    member_required,
    notifier_permission_required,
    permission_required,
    principal,
    project_admin_required,
    public,
    require,
    sign_in_required,
)
from notifapp.access.permissions import NEEDS, NOTIFIER_PERMISSIONS, NOTIFIERS_READ, PRESETS, Permission, Preset
from notifapp.access.principal import Principal, ProjectArchived, ProjectRef, Source

__all__ = [
    "NEEDS",
    "NOTIFIERS_READ",
    "NOTIFIER_PERMISSIONS",
    "PRESETS",
    "Access",
    "NotAcceptable",
    "Permission",
    "Preset",
    "Principal",
    "ProjectArchived",
    "ProjectRef",
    "Source",
    "admin_required",
    "current_access",
    "enter_project",
    "is_api",
    "may",
    "member_required",
    "notifier_permission_required",
    "permission_required",
    "principal",
    "project_admin_required",
    "public",
    "require",
    "sign_in_required",
]
