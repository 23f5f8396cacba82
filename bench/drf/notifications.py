"""`/api/settings/notifications`."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from rest_framework import generics, serializers

from bench.drf.access import HoldsCode, ProjectTokenAuthentication
from bench.drf.models import AuditEvent, NotificationSettings, Notifier, SettingsRevision


class NotifierSerializer(serializers.ModelSerializer):
    class Meta:
        model = Notifier
        fields = ["id", "name"]


class SettingsSerializer(serializers.ModelSerializer):
    notifications_sms_notifier_data = NotifierSerializer(source="notifications_sms_notifier", read_only=True)
    notifications_email_notifier_data = NotifierSerializer(source="notifications_email_notifier", read_only=True)

    class Meta:
        model = NotificationSettings
        fields = [
            "notifications_sms_notifier",
            "notifications_sms_notifier_data",
            "notifications_email_notifier",
            "notifications_email_notifier_data",
            "notifications_otp_code_len",
            "notifications_otp_ttl",
        ]
        extra_kwargs = {
            "notifications_sms_notifier": {"write_only": True},
            "notifications_email_notifier": {"write_only": True},
            "notifications_otp_code_len": {"required": False},
            "notifications_otp_ttl": {"required": False},
        }

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        project = self.context["request"].auth.project
        for channel in ("sms", "email"):
            valid = Notifier.objects.filter(project=project, channel=channel, is_enabled=True)
            fields[f"notifications_{channel}_notifier"].queryset = valid
        return fields


class SettingsView(generics.RetrieveUpdateAPIView):
    authentication_classes = [ProjectTokenAuthentication]
    permission_classes = [HoldsCode]
    serializer_class = SettingsSerializer
    http_method_names = ["get", "patch", "head", "options"]
    codes = {"GET": 1036, "HEAD": 1036, "PATCH": 1037}

    def get_object(self) -> NotificationSettings:
        found = NotificationSettings.objects.select_related(
            "notifications_sms_notifier", "notifications_email_notifier"
        )
        if self.request.method == "PATCH":
            found = found.select_for_update(of=("self",))
        return found.get(project=self.request.auth.project)

    @transaction.atomic
    def patch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().patch(request, *args, **kwargs)

    def perform_update(self, serializer: SettingsSerializer) -> None:
        row = serializer.instance
        new = serializer.validated_data
        changes = [
            [name, str(getattr(row, name)), str(value)] for name, value in new.items() if getattr(row, name) != value
        ]
        if changes:
            self.record(serializer.save(version=row.version + 1), changes)

    def record(self, row: NotificationSettings, changes: list[list[str]]) -> None:
        """Keep a revision and an audit event of the change."""
        sms, email = row.notifications_sms_notifier, row.notifications_email_notifier
        by = {"actor_id": self.request.user.id, "actor": self.request.user.email, "source": "api"}
        now = timezone.now()
        SettingsRevision.objects.create(
            project_id=row.project_id,
            version=row.version,
            sms_notifier_id=sms and sms.id,
            sms_notifier_name=sms and sms.name,
            email_notifier_id=email and email.id,
            email_notifier_name=email and email.name,
            otp_code_len=row.notifications_otp_code_len,
            otp_ttl=row.notifications_otp_ttl,
            created_at=now,
            **by,
        )
        AuditEvent.objects.create(
            at=now,
            action="settings_changed",
            address=self.request.META.get("REMOTE_ADDR"),
            token_id=self.request.auth.id,
            project_id=row.project_id,
            subject=f"version {row.version}",
            detail={"version": row.version, "changes": changes},
            **by,
        )
