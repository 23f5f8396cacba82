"""The tables that notifapp's migrations made, as Django models."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class Table(models.Model):
    """A table that notifapp's migrations made."""

    class Meta:
        abstract = True
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
