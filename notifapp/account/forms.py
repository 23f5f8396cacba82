"""The forms for signing in and for the user's own account."""

from __future__ import annotations

from wtforms import EmailField, HiddenField, PasswordField, SelectField, StringField
from wtforms.validators import EqualTo

from notifapp import clock
from notifapp.access import passwords
from notifapp.inputs import MAX_NAME_LENGTH
from notifapp.web.forms import AS_TYPED, DIGITS, Form, Hints


def _new_password() -> PasswordField:
    return PasswordField(
        "New password",
        validators=[Hints(required=True)],
        description=f"At least {passwords.MIN_LENGTH} characters. Four or more unrelated words make a good one.",
        render_kw={"autocomplete": "new-password"},
    )


def _repeated_password() -> PasswordField:
    return PasswordField(
        "Repeat the new password",
        validators=[Hints(required=True), EqualTo("new", message="This differs from the new password.")],
        render_kw={"autocomplete": "new-password"},
    )


class SignInForm(Form):
    """The email address and the password; `kept` is what was typed on another page before the session ended."""

    email = EmailField("Email address", validators=[Hints(required=True)], render_kw={"autocomplete": "username"})
    password = PasswordField(
        "Password", validators=[Hints(required=True)], render_kw={"autocomplete": "current-password"}
    )
    kept = HiddenField()


class ProfileForm(Form):
    """The user's own name and time zone."""

    name = StringField(
        "Name", validators=[Hints(required=True, maxlength=MAX_NAME_LENGTH)], render_kw={"autocomplete": "name"}
    )
    time_zone = SelectField(
        "Time zone", validate_choice=False, description="All times on these pages are shown in this zone."
    )

    def offer_time_zones(self) -> None:
        """Fill the dropdown, grouped by region."""
        choices: dict[str, list[tuple[str, str]]] = {"Default": [("", "My browser's time zone"), ("UTC", "UTC")]}
        for name in clock.zone_names():
            region, has_region, place = name.partition("/")
            if has_region:
                choices.setdefault(region, []).append((name, place.replace("_", " ")))
        self.time_zone.choices = choices


class NewPasswordForm(Form):
    """A new password, typed twice because it can't be seen."""

    new = _new_password()
    repeat = _repeated_password()


class ChangePasswordForm(Form):
    """The current password and a new one."""

    current = PasswordField(
        "Current password", validators=[Hints(required=True)], render_kw={"autocomplete": "current-password"}
    )
    new = _new_password()
    repeat = _repeated_password()


class SecondStepForm(Form):
    """The code of an authenticator app, or a recovery code; `kept` is as in `SignInForm`."""

    code = StringField(
        "Code",
        validators=[Hints(required=True)],
        description="The six digits that your authenticator app shows now.",
        render_kw={**DIGITS, "autocomplete": "one-time-code"},
    )
    recovery_code = StringField(
        "Recovery code",
        validators=[Hints(required=True)],
        description="One of the ten that you were given. Each works once.",
        render_kw=AS_TYPED,
    )
    kept = HiddenField()


class PasskeyForm(Form):
    """A passkey's response, as JSON; `kept` is as in `SignInForm`."""

    credential = HiddenField()
    kept = HiddenField()


class ConfirmForm(Form):
    """The password, once more."""

    password = PasswordField(
        "Your password", validators=[Hints(required=True)], render_kw={"autocomplete": "current-password"}
    )
