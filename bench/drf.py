"""What a team would write instead: the same endpoint in Django REST Framework the usual way, on the same tables.

Also what the tests compare notifapp with, request by request (tests/contract/).
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator


def database(url: str) -> dict[str, Any]:
    """Django's description of the database at a SQLAlchemy URL."""
    if url.startswith("sqlite:///"):
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON; PRAGMA busy_timeout=15000"
        options = {"transaction_mode": "IMMEDIATE", "init_command": pragmas}
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.removeprefix("sqlite:///"),
            "OPTIONS": options,
            "CONN_MAX_AGE": None,
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.removeprefix("/"),
        "USER": parts.username,
        "HOST": parts.hostname or parse_qs(parts.query)["host"][0],
        "CONN_MAX_AGE": None,
    }


settings.configure(
    DATABASES={"default": database(os.environ["NOTIFAPP_DATABASE_URL"])},
    INSTALLED_APPS=["rest_framework"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="a key for measurements and tests alone",
    USE_TZ=True,
    DATA_UPLOAD_MAX_MEMORY_SIZE=64 * 1024,
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_AUTHENTICATION_CLASSES": [],  # the view names its own, which stand below
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup(set_prefix=False)

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models, transaction  # noqa: E402
from django.urls import re_path  # noqa: E402
from rest_framework import authentication, exceptions, generics, permissions, serializers  # noqa: E402


class Table(models.Model):
    """A table that notifapp's migrations made."""

    class Meta:
        abstract = True
        app_label = "bench"
        managed = False


class Project(Table):
    archived_at = models.DateTimeField(null=True)

    class Meta(Table.Meta):
        db_table = "project"


class User(Table):
    email = models.EmailField()
    is_admin = models.BooleanField()
    is_active = models.BooleanField()
    is_authenticated = True

    class Meta(Table.Meta):
        db_table = "user_account"


class MembershipPermission(Table):
    pk = models.CompositePrimaryKey("user_id", "project_id", "code")
    user = models.ForeignKey(User, models.CASCADE)
    project = models.ForeignKey(Project, models.CASCADE)
    code = models.IntegerField()

    class Meta(Table.Meta):
        db_table = "membership_permission"


class ApiToken(Table):
    user = models.ForeignKey(User, models.CASCADE)
    project = models.ForeignKey(Project, models.CASCADE)
    digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta(Table.Meta):
        db_table = "api_token"


class Notifier(Table):
    project = models.ForeignKey(Project, models.CASCADE)
    channel = models.CharField(max_length=5)
    name = models.CharField(max_length=120)
    is_enabled = models.BooleanField()

    class Meta(Table.Meta):
        db_table = "notifier"


class NotificationSettings(Table):
    project = models.OneToOneField(Project, models.CASCADE, primary_key=True)
    version = models.IntegerField()
    notifications_sms_notifier = models.ForeignKey(
        Notifier, models.PROTECT, null=True, related_name="+", db_column="sms_notifier_id"
    )
    notifications_email_notifier = models.ForeignKey(
        Notifier, models.PROTECT, null=True, related_name="+", db_column="email_notifier_id"
    )
    notifications_otp_code_len = models.IntegerField(
        db_column="otp_code_len", validators=[MinValueValidator(4), MaxValueValidator(10)]
    )
    notifications_otp_ttl = models.IntegerField(
        db_column="otp_ttl", validators=[MinValueValidator(30), MaxValueValidator(3600)]
    )

    class Meta(Table.Meta):
        db_table = "notification_settings"


class SettingsRevision(Table):
    pk = models.CompositePrimaryKey("project_id", "version")
    project = models.ForeignKey(Project, models.CASCADE)
    version = models.IntegerField()
    sms_notifier_id = models.IntegerField(null=True)
    sms_notifier_name = models.CharField(max_length=120, null=True)
    email_notifier_id = models.IntegerField(null=True)
    email_notifier_name = models.CharField(max_length=120, null=True)
    otp_code_len = models.IntegerField()
    otp_ttl = models.IntegerField()
    created_at = models.DateTimeField()
    actor_id = models.IntegerField()
    actor = models.CharField(max_length=254)
    source = models.CharField(max_length=4)

    class Meta(Table.Meta):
        db_table = "settings_revision"


class AuditEvent(Table):
    at = models.DateTimeField()
    action = models.CharField(max_length=40)
    actor_id = models.IntegerField()
    actor = models.CharField(max_length=254)
    source = models.CharField(max_length=4)
    address = models.CharField(max_length=45, null=True)
    token_id = models.IntegerField()
    project_id = models.IntegerField()
    subject = models.CharField(max_length=254)
    detail = models.JSONField()

    class Meta(Table.Meta):
        db_table = "audit_event"


class ProjectTokenAuthentication(authentication.TokenAuthentication):
    """DRF's own, except that the tokens are ours."""

    def authenticate_credentials(self, key: str) -> tuple[User, ApiToken]:
        tokens = ApiToken.objects.select_related("user", "project")
        token = tokens.filter(digest=sha256(key.encode()).hexdigest()).first()
        if token is None or token.revoked_at or token.project.archived_at:
            raise exceptions.AuthenticationFailed("Invalid token.")
        if token.expires_at and token.expires_at <= datetime.now(UTC):
            raise exceptions.AuthenticationFailed("Invalid token.")
        if not token.user.is_active:
            raise exceptions.AuthenticationFailed("User inactive or deleted.")
        return token.user, token


class HoldsCode(permissions.BasePermission):
    """The code that the view asks of this method; admins need none."""

    def has_permission(self, request: Any, view: Any) -> bool:
        if request.auth is None:
            return False
        held = MembershipPermission.objects.filter(user=request.user, project=request.auth.project)
        code = view.codes.get(request.method)
        return request.user.is_admin or held.filter(code__in=[code] if code else view.codes.values()).exists()


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
        if not changes:
            return
        row = serializer.save(version=row.version + 1)
        sms, email = row.notifications_sms_notifier, row.notifications_email_notifier
        by = {"actor_id": self.request.user.id, "actor": self.request.user.email, "source": "api"}
        now = datetime.now(UTC)
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


urlpatterns = [re_path(r"^api/settings/notifications/?$", SettingsView.as_view())]
app = get_wsgi_application()
