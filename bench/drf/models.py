"""The tables that notifapp's migrations made, as Django models."""

from __future__ import annotations

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from bench.drf.fields import EncryptedJSONField, JSONField


class Table(models.Model):
    """A table that notifapp's migrations made."""

    class Meta:
        abstract = True
        managed = False


class Project(Table):
    name = models.CharField(max_length=120)
    archived_at = models.DateTimeField(null=True)
    phone_region = models.CharField(max_length=2, null=True)

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
    backend = models.CharField(max_length=30)
    name = models.CharField(max_length=120)
    is_enabled = models.BooleanField()
    settings = JSONField()
    secrets = models.TextField()  # decrypted by who sends: see fields.py

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


class MessageTemplate(Table):
    pk = models.CompositePrimaryKey("project_id", "channel")
    project = models.ForeignKey(Project, models.CASCADE)
    channel = models.CharField(max_length=5)
    subject = models.CharField(max_length=150)
    body = models.CharField(max_length=1000)
    autofill_host = models.CharField(max_length=253, null=True)

    class Meta(Table.Meta):
        db_table = "message_template"


class Delivery(Table):
    project = models.ForeignKey(Project, models.CASCADE)
    notifier = models.ForeignKey(Notifier, models.SET_NULL, null=True)
    notifier_name = models.CharField(max_length=120)
    backend = models.CharField(max_length=30)
    channel = models.CharField(max_length=5)
    recipient = models.CharField(max_length=254)
    purpose = models.CharField(max_length=4, default="otp")
    status = models.CharField(max_length=7, default="queued")
    attempts = models.IntegerField(default=0)
    payload: Any = EncryptedJSONField(null=True)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    provider_id = models.CharField(max_length=200, null=True)
    error_code = models.CharField(max_length=60, null=True)
    error_reason = models.CharField(max_length=300, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta(Table.Meta):
        db_table = "delivery"


class OtpLimits(Table):
    project = models.OneToOneField(Project, models.CASCADE, primary_key=True)
    max_attempts = models.IntegerField(default=5)
    resend_seconds = models.IntegerField(default=60)
    sends_per_hour = models.IntegerField(default=5)
    sends_per_day = models.IntegerField(default=10)
    max_failures = models.IntegerField(default=100)
    stop_hours = models.IntegerField(null=True, default=24)

    class Meta(Table.Meta):
        db_table = "otp_limits"


class OtpRecipient(Table):
    pk = models.CompositePrimaryKey("project_id", "channel", "digest")
    project = models.ForeignKey(Project, models.CASCADE)
    channel = models.CharField(max_length=5)
    digest = models.CharField(max_length=64)
    masked = models.CharField(max_length=254)
    failures = models.IntegerField(default=0)
    blocked_until = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)

    class Meta(Table.Meta):
        db_table = "otp_recipient"


class OtpChallenge(Table):
    id = models.CharField(max_length=32, primary_key=True)
    project = models.ForeignKey(Project, models.CASCADE)
    channel = models.CharField(max_length=5)
    recipient_digest = models.CharField(max_length=64)
    counted_as = models.CharField(max_length=64)
    recipient = models.CharField(max_length=254)
    settings_version = models.IntegerField()
    code_length = models.IntegerField()
    ttl = models.IntegerField()
    code_mac = models.CharField(max_length=64)
    status = models.CharField(max_length=8, default="pending")
    attempts_left = models.IntegerField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    resend_at = models.DateTimeField()
    unsettled = models.IntegerField()
    approved_at = models.DateTimeField(null=True)
    delivery = models.ForeignKey(Delivery, models.PROTECT, null=True)

    class Meta(Table.Meta):
        db_table = "otp_challenge"


class OtpTraffic(Table):
    pk = models.CompositePrimaryKey("project_id", "scope", "key", "hour")
    project = models.ForeignKey(Project, models.CASCADE)
    scope = models.CharField(max_length=8)
    key = models.CharField(max_length=64)
    hour = models.IntegerField()
    sent = models.IntegerField(default=0)
    verified = models.IntegerField(default=0)
    wrong = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)

    class Meta(Table.Meta):
        db_table = "otp_traffic"


class OtpTrafficLimits(Table):
    project = models.OneToOneField(Project, models.CASCADE, primary_key=True)
    codes_per_hour = models.IntegerField(default=2_000)
    codes_per_day = models.IntegerField(default=10_000)
    token_codes_per_hour = models.IntegerField(default=1_000)
    token_codes_per_day = models.IntegerField(default=5_000)
    wrong_percent = models.IntegerField(default=1)
    wrong_least = models.IntegerField(default=100)

    class Meta(Table.Meta):
        db_table = "otp_traffic_limits"
