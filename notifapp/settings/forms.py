"""The settings form, which renders the fields and shows the service's errors."""

from __future__ import annotations

from collections.abc import Mapping

from wtforms import SelectField, StringField

from notifapp import countries, wording
from notifapp.channels import Channel
from notifapp.settings.models import (
    DEFAULT_OTP_CODE_LEN,
    DEFAULT_OTP_TTL,
    MAX_OTP_CODE_LEN,
    MAX_OTP_TTL,
    MIN_OTP_CODE_LEN,
    MIN_OTP_TTL,
)
from notifapp.settings.service import Choice
from notifapp.settings.trials.service import DEFAULT_MINUTES
from notifapp.settings.values import EMAIL_NOTIFIER, FIELDS, OTP_CODE_LEN, OTP_TTL, SMS_NOTIFIER, Settings
from notifapp.web.forms import DIGITS, Form
from notifapp.web.revisions import VersionedForm

TRIAL_MINUTES = (5, DEFAULT_MINUTES, 30, 60, 240, 1440)


def as_posted(settings: Settings) -> dict[str, str]:
    """The settings as an unchanged form would post them."""
    sms, email = settings.sms_notifier, settings.email_notifier
    return {
        SMS_NOTIFIER: str(sms.id) if sms else "",
        EMAIL_NOTIFIER: str(email.id) if email else "",
        OTP_CODE_LEN: str(settings.otp_code_len),
        OTP_TTL: str(settings.otp_ttl),
    }


def touched(posted: Mapping[str, str], shown: Settings) -> dict[str, str]:
    """The posted values that differ from those shown, because a form posts every field.

    So a chosen notifier that has since been disabled stays chosen, although it couldn't be chosen now.
    """
    return {name: value for name, value in posted.items() if value != as_posted(shown)[name]}


class PhoneRegionForm(Form):
    """The country of phone numbers without a country's code."""

    phone_region = SelectField(
        "Phone region",
        validate_choice=False,
        description="Numbers of this country can be given without the country code. With none, every number needs it.",
    )

    def __init__(self, **values: str | None) -> None:
        super().__init__(**values)
        self.phone_region.choices = [("", "None"), *countries.choices()]


class ProofForm(Form):
    """Which notifiers may be chosen."""

    requires_proof = SelectField(
        "Notifiers to choose from",
        validate_choice=False,
        description="A notifier in force stays in force until you choose another.",
    )

    def __init__(self, **values: str) -> None:
        super().__init__(**values)
        self.requires_proof.choices = [("", "All enabled ones"), ("yes", "Only proven ones")]


class SettingsForm(VersionedForm):
    """The four settings, a reason, how long to try them, and the version that was shown."""

    notifications_sms_notifier = SelectField(
        "SMS notifier", validate_choice=False, description="Sends codes and messages to phone numbers."
    )
    notifications_email_notifier = SelectField(
        "Email notifier", validate_choice=False, description="Sends codes and messages to email addresses."
    )
    notifications_otp_code_len = StringField(
        "Code length",
        render_kw=DIGITS,
        description=f"{MIN_OTP_CODE_LEN} to {MAX_OTP_CODE_LEN} digits. The default is {DEFAULT_OTP_CODE_LEN}.",
    )
    notifications_otp_ttl = StringField(
        "Code lifetime",
        render_kw=DIGITS,
        description=(
            f"{MIN_OTP_TTL} to {MAX_OTP_TTL} seconds. The default is {DEFAULT_OTP_TTL}, "
            f"which is {DEFAULT_OTP_TTL // 60} minutes."
        ),
    )
    reason = StringField("Reason", description="Optional. It is shown in the history.")
    minutes = SelectField(
        "How long to try it",
        validate_choice=False,
        default=str(DEFAULT_MINUTES),
    )

    def offer(self, choices: Mapping[Channel, list[Choice]]) -> None:
        """Fill the dropdowns."""
        for field, channel in ((self[SMS_NOTIFIER], Channel.SMS), (self[EMAIL_NOTIFIER], Channel.EMAIL)):
            field.choices = [("", "None"), *((str(choice.id), choice.label) for choice in choices[channel])]
        self.minutes.choices = [(str(minutes), wording.minutes(minutes)) for minutes in TRIAL_MINUTES]

    def show(self, values: Mapping[str, str], version: int) -> None:
        """Fill the fields with these values of `version`."""
        self.version.data = str(version)
        for name, value in values.items():
            self[name].data = value

    def posted(self) -> dict[str, str]:
        """The four settings as posted."""
        return {name: self[name].data or "" for name in FIELDS}
