"""What customers would receive under these settings."""

from __future__ import annotations

from collections.abc import Mapping

from notifapp.access import ProjectRef
from notifapp.messages.service import Preview, Template, get_templates, preview
from notifapp.notifiers.channels import Channel
from notifapp.settings.values import Settings


def previews(
    project: ProjectRef, settings: Settings, drafts: Mapping[Channel, Template] | None = None
) -> dict[Channel, Preview]:
    """The message of each channel at the settings' code length; a template in `drafts` stands for the saved one."""
    return {
        channel: preview(
            template, channel, length=settings.otp_code_len, ttl=settings.otp_ttl, project_name=project.name
        )
        for channel, template in (get_templates(project.id) | dict(drafts or {})).items()
    }
