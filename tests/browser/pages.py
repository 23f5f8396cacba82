"""Every page, and the states that pages get into: who looks, where, and what they do there first."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.world import PASSWORD

NOBODY = ""


@dataclass(frozen=True)
class Example:
    """A page as `who` sees it at `path` after `act`."""

    name: str
    who: str
    path: str
    act: Callable[[Page], object] | None = None


# Answers that are no pages, and `/`, which leads to one of the others.
NOT_PAGES = {
    "static",
    "health.healthz",
    "health.metrics",
    "health.readyz",
    "health.security_txt",
    "account.home",
    "account.change_password",
    "account.password_link",
    "audit.download",
    "receipts.receive",
}

SETTINGS = "/projects/{shop}/settings"
SMS = "/projects/{shop}/notifiers/sms"
MESSAGES = "/projects/{shop}/messages"
ALERTS = "/projects/{shop}/alerts"
TESTS = "/projects/{shop}/limits/test-recipients"

# One example at least of every endpoint that shows a page: its view's name, who looks, where.
PAGES = {
    "account.account": [("admin", "/account"), ("long", "/account")],
    "account.confirm": [("admin", "/account/confirm?next=/tokens/new"), ("careful", "/account/confirm")],
    "account.end_other_sessions": [("admin", "/account/sessions/end-others")],
    "account.sessions": [("admin", "/account/sessions")],
    "account.set_password": [(NOBODY, "/password/{link}")],
    "account.sign_in": [(NOBODY, "/sign-in")],
    "account.second_step": [(NOBODY, "/sign-in/second-step")],
    "alerts.page": [("editor", ALERTS), ("reader", ALERTS), ("admin", "/projects/fresh/alerts")],
    "audit.index": [("admin", "/audit?action=settings_changed")],
    "deliveries.index": [
        ("admin", "/projects/{shop}/deliveries"),
        ("gateways", "/projects/{shop}/deliveries"),
        ("admin", "/projects/{shop}/deliveries?status=undelivered"),
    ],
    "apidocs.page": [(NOBODY, "/api/docs")],
    "events.confirm_delete": [("admin", "/projects/{shop}/events/{endpoint}/delete")],
    "events.confirm_rotate": [("admin", "/projects/{shop}/events/{endpoint}/rotate")],
    "events.edit": [("admin", "/projects/{shop}/events/{endpoint}/edit")],
    "events.index": [("admin", "/projects/{shop}/events"), ("admin", "/projects/fresh/events")],
    "events.new": [("admin", "/projects/{shop}/events/new")],
    "events.secret": [("admin", "/projects/{shop}/events/{endpoint}/secret")],
    "events.show": [
        ("admin", "/projects/{shop}/events/{endpoint}"),
        ("admin", "/projects/{shop}/events/{quiet_endpoint}"),
    ],
    "notifiers.choose": [("admin", f"{SMS}/new")],
    "notifiers.confirm_delete": [
        ("admin", f"{SMS}/{{sms_unused}}/delete"),
        ("admin", f"{SMS}/{{sms_in_use}}/delete"),
    ],
    "notifiers.edit": [
        ("admin", f"{SMS}/{{sms_in_use}}"),
        ("admin", "/projects/{shop}/notifiers/email/{email_in_use}"),
        ("gateways", f"{SMS}/{{sms_in_use}}"),
        ("editor", f"{SMS}/{{sms_in_use}}"),
        ("admin", f"{SMS}/{{sms_abroad}}"),
        ("gateways", f"{SMS}/{{sms_abroad}}"),
    ],
    "notifiers.index": [("admin", "/projects/{shop}/notifiers"), ("gateways", "/projects/{shop}/notifiers")],
    "notifiers.new": [("admin", f"{SMS}/new/twilio"), ("admin", "/projects/{shop}/notifiers/email/new/smtp")],
    "notifiers.outbox": [("admin", "/projects/{shop}/notifiers/outbox")],
    "otp.confirm_remove_test_recipient": [("admin", f"{TESTS}/{{test_recipient}}/remove")],
    "otp.limits": [("admin", "/projects/{shop}/limits")],
    "otp.new_test_recipient": [("admin", f"{TESTS}/new")],
    "otp.test_recipients": [("admin", TESTS), ("admin", "/projects/fresh/limits/test-recipients")],
    "otp.try_code": [
        ("editor", "/projects/{shop}/try/{challenge}"),
        ("editor", "/projects/{shop}/try/{delivered_challenge}"),
        ("editor", "/projects/{shop}/try/{undelivered_challenge}"),
    ],
    "otp.try_form": [("editor", "/projects/{shop}/try"), ("admin", "/projects/fresh/try")],
    "projects.confirm_archive": [("admin", "/projects/{shop}/archive")],
    "projects.confirm_restore": [("admin", "/projects/old-shop/restore")],
    "projects.index": [("admin", "/projects"), ("reader", "/projects")],
    "projects.new": [("admin", "/projects/new")],
    "projects.overview": [
        ("admin", "/projects/{shop}"),
        ("editor", "/projects/{shop}"),
        ("plain", "/projects/{shop}"),
        ("long", "/projects/{long_project}"),
        ("admin", "/projects/old-shop"),
    ],
    "projects.rename_form": [("admin", "/projects/{shop}/rename")],
    "second_factor.codes": [("careful", "/account/two-step/recovery-codes")],
    "second_factor.index": [("careful", "/account/two-step"), ("reader", "/account/two-step")],
    "second_factor.new_app": [("reader", "/account/two-step/apps/new")],
    "second_factor.new_passkey": [("reader", "/account/two-step/passkeys/new")],
    "second_factor.remove": [
        ("careful", "/account/two-step/passkey/{passkey}/remove"),
        ("careful", "/account/two-step/app/{app}/remove"),
    ],
    "second_factor.renew_codes": [("careful", "/account/two-step/recovery-codes/new")],
    "second_factor.reset": [("admin", "/users/{careful}/reset-second-factor")],
    "settings.confirm_restore": [("editor", f"{SETTINGS}/history/1/restore")],
    "settings.history": [("editor", f"{SETTINGS}/history"), ("long", "/projects/{long_project}/settings/history")],
    "message_templates.confirm_restore": [("editor", f"{MESSAGES}/sms/history/1/restore")],
    "message_templates.history": [("editor", f"{MESSAGES}/sms/history")],
    "message_templates.page": [("editor", MESSAGES), ("reader", MESSAGES), ("admin", "/projects/fresh/messages")],
    "standby.page": [("admin", SETTINGS + "/standby"), ("long", "/projects/{long_project}/settings/standby")],
    "settings.page": [
        ("editor", SETTINGS),
        ("reader", SETTINGS),
        ("long", "/projects/{long_project}/settings"),
        ("admin", "/projects/old-shop/settings"),
    ],
    "timeline.ask": [
        ("admin", "/projects/{shop}/timeline"),
        ("admin", "/projects/{shop}/timeline?delivery={delivery}"),
    ],
    "tokens.confirm_revoke": [("admin", "/tokens/{token}/revoke"), ("admin", "/tokens/{long_token}/revoke")],
    "tokens.created": [("admin", "/tokens/{token}/created")],
    "tokens.index": [("admin", "/tokens?project={shop}")],
    "tokens.new": [("admin", "/tokens/new")],
    "traffic.edit": [("admin", "/projects/{shop}/limits/project")],
    "users.choose_project": [("admin", "/users/{reader}/memberships?q=s")],
    "users.create": [("admin", "/users/new")],
    "users.deactivate": [("admin", "/users/{editor}/deactivate")],
    "users.edit": [("admin", "/users/{editor}"), ("admin", "/users/{long}"), ("admin", "/users/{left}")],
    "users.index": [("admin", "/users")],
    "users.choose_user": [
        ("admin", "/projects/{shop}/members/add"),
        ("admin", "/projects/{shop}/members/add?q=nobody-of-this-name"),
    ],
    "users.members": [
        ("admin", "/projects/{shop}/members"),
        ("admin", "/projects/{long_project}/members"),
        ("admin", "/projects/fresh/members"),
    ],
    "users.membership": [
        ("admin", "/users/{editor}/memberships/{shop}"),
        ("admin", "/users/{long}/memberships/{long_project}"),
    ],
    "users.password_link": [("admin", "/users/{editor}/password-link")],
    "users.reactivate": [("admin", "/users/{left}/reactivate")],
    "users.sessions": [("admin", "/users/{editor}/sessions"), ("admin", "/users/{left}/sessions")],
    "users.show_link": [("admin", "/users/{editor}/password-link/new")],
    "users.remove_membership": [("admin", "/users/{editor}/memberships/{shop}/remove")],
}

EXAMPLES = [
    Example(f"{endpoint}-{number}", who, path)
    for endpoint, seen in PAGES.items()
    for number, (who, path) in enumerate(seen, start=1)
]


def state(who: str, path: str) -> Callable[[Callable[[Page], object]], None]:
    """Add what the decorated function makes of a page to the examples."""

    def add(act: Callable[[Page], object]) -> None:
        EXAMPLES.append(Example(act.__name__, who, path, act))

    return add


def look(name: str, who: str, path: str) -> None:
    """Add what is to be seen without doing anything."""
    EXAMPLES.append(Example(name, who, path))


def press(page: Page, name: str) -> None:
    """Press the button of this name in the page's own part."""
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()


look("nothing_by_that_name", "admin", "/no/such/page")
look("nothing_by_that_name_signed_out", NOBODY, "/password/no-such-link")
look("another_project", "stranger", "/projects/{shop}")
look("settings_forbidden", "plain", SETTINGS)
look("admins_alone", "editor", "/users")
look("member_of_nothing", "stranger", "/projects")
look("no_change_yet", "admin", "/projects/fresh")
look("no_history_yet", "admin", "/projects/fresh/settings/history")
look("no_notifier_yet", "admin", "/projects/fresh/notifiers")
look("no_notifier_to_choose", "admin", "/projects/fresh/settings")
look("no_message_yet", "admin", "/projects/fresh/notifiers/outbox")
look("no_delivery_yet", "admin", "/projects/fresh/deliveries")
look("nobody_stopped", "admin", "/projects/fresh/limits")
look("no_project_found", "admin", "/projects?q=nowhere")
look("no_user_found", "admin", "/users?q=nobody")
look("no_token_found", "admin", "/tokens?q=nothing")
look("no_project_to_add", "admin", "/users/{reader}/memberships?q=nowhere")
look("no_event_found", "admin", "/audit?actor=nobody")
look("audit_filters_refused", "admin", "/audit?since=2026-02-02&until=2026-01-01")
look("oldest_changes", "editor", f"{SETTINGS}/history?before=3")
look("restoring_changes_nothing", "admin", "/projects/fresh/settings/history/0/restore")


@state(NOBODY, "/sign-in")
def sign_in_refused(page: Page) -> None:
    page.get_by_label("Email address").fill("omid@example.com")
    page.get_by_label("Password").fill("not the password")
    press(page, "Sign in")


@state(NOBODY, "/sign-in")
def second_step(page: Page) -> None:
    page.get_by_label("Email address").fill("nima@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Sign in")
    page.get_by_label("Code", exact=False).first.fill("000000")
    press(page, "Sign in")
    page.get_by_text("Use a recovery code").click()
    page.get_by_label("Recovery code").wait_for()


@state("reader", "/account/two-step/apps/new")
def app_refused(page: Page) -> None:
    page.get_by_text("Type the key").click()
    press(page, "Add app")


@state("careful", "/account/two-step/recovery-codes/new")
def recovery_codes_made(page: Page) -> None:
    press(page, "Make new codes")


@state(NOBODY, "/password/{link}")
def new_password_refused(page: Page) -> None:
    page.get_by_label("New password", exact=False).first.fill("short")
    page.get_by_label("Repeat the new password").fill("other")
    press(page, "Set password")


@state("reader", "/account")
def name_refused(page: Page) -> None:
    page.get_by_label("Name").fill("")
    press(page, "Save profile")


@state("reader", "/account")
def password_refused(page: Page) -> None:
    page.get_by_label("Current password").fill("wrong")
    press(page, "Change password")


@state("editor", SETTINGS)
def settings_refused(page: Page) -> None:
    page.get_by_label("Code length").fill("99")
    page.get_by_label("Code lifetime").fill("")
    press(page, "Save settings")


@state("editor", SETTINGS)
def settings_meaning_as_typed(page: Page) -> None:
    page.get_by_text("NIST SP 800-63B-4 and OWASP").click()
    page.get_by_label("Code length").fill("4")
    page.locator("#meaning").get_by_text("at most 1 in 200.").wait_for()


@state("editor", SETTINGS)
def settings_saved(page: Page) -> None:
    page.get_by_label("Code length").fill("8")
    press(page, "Save settings")


@state("editor", SETTINGS)
def settings_asked(page: Page) -> None:
    page.get_by_label("SMS notifier").select_option(label="None")
    page.get_by_label("Email notifier").select_option(label="None")
    page.get_by_label("Code length").fill("4")
    page.get_by_label("Code lifetime").fill("60")
    press(page, "Save settings")
    page.get_by_role("heading", name="What will happen").wait_for()


@state("editor", SETTINGS)
def settings_typed_again(page: Page) -> None:
    page.get_by_label("Code length").fill("4")
    press(page, "Save settings")
    press(page, "Go back")
    page.get_by_label("Code length").wait_for()


@state("editor", SETTINGS)
def trial_refused(page: Page) -> None:
    press(page, "Switch for 15 minutes")


@state("editor", SETTINGS)
def trial_started(page: Page) -> None:
    page.get_by_label("Code lifetime").fill("777")  # a longer one is asked nothing about
    page.get_by_label("How long to try it").select_option(label="24 hours")
    press(page, "Switch for 24 hours")
    page.get_by_role("button", name="Go back now").wait_for()


look("trial_on_the_overview", "admin", "/projects/{shop}")
look("trial_for_readers", "reader", SETTINGS)


@state("editor", "/projects/{shop}")
def trial_ended(page: Page) -> None:
    press(page, "Go back now")


@state("editor", SETTINGS)
def settings_changed_meanwhile(page: Page) -> None:
    page.locator("[name=version]").evaluate("field => field.value = '15'")
    page.get_by_label("Code lifetime").fill("90")
    press(page, "Save settings")


@state("admin", "/projects/new")
def project_refused(page: Page) -> None:
    page.get_by_label("Name").fill("Shop")
    page.get_by_label("Address").fill("Two Words!")
    press(page, "Create project")


@state("admin", "/users/new")
def user_refused(page: Page) -> None:
    page.get_by_label("Email address").fill("nobody")
    press(page, "Create user")


@state("admin", "/users/new")
def user_created(page: Page) -> None:
    page.get_by_label("Name").fill("Ida Holm")
    page.get_by_label("Email address").fill("ida@example.com")
    press(page, "Create user")


@state("admin", "/users/{newcomer}/password-link")
def link_made(page: Page) -> None:
    press(page, "Make a link")


@state("admin", "/tokens/new")
def token_refused(page: Page) -> None:
    page.get_by_label("Owner's email").fill("nobody@example.com")
    page.get_by_label("Expires in").fill("99999")
    press(page, "Create token")


@state("admin", "/tokens/new?owner=omid@example.com&project=corner-shop")
def token_created(page: Page) -> None:
    page.get_by_label("Name").fill("Mobile app")
    press(page, "Create token")


@state("admin", "/projects/{shop}/events/new")
def endpoint_refused(page: Page) -> None:
    page.get_by_label("Address").fill("http://shop.example.com/events")
    press(page, "Create endpoint")


@state("admin", "/projects/{shop}/events/new")
def endpoint_created(page: Page) -> None:
    page.get_by_label("Address").fill("https://shop.example.com/new-events")
    page.get_by_label("code.approved").check()
    press(page, "Create endpoint")


@state("admin", "/projects/{shop}/events/{endpoint}")
def test_event_queued(page: Page) -> None:
    press(page, "Send a test event")


@state("editor", ALERTS)
def alerts_refused(page: Page) -> None:
    page.get_by_label("Email addresses").fill("nobody")
    page.get_by_label("Balance lasts for less than").fill("0")
    press(page, "Save")


@state("editor", ALERTS)
def alerts_told_by_one_notifier(page: Page) -> None:
    page.get_by_label("Email addresses").fill("omid@example.com")
    press(page, "Save")


@state("admin", "/projects/{shop}/notifiers/email/new/smtp")
def notifier_refused(page: Page) -> None:
    page.get_by_label("Port").fill("99999")
    press(page, "Create notifier")


@state("admin", "/projects/{shop}/notifiers/email/{email_in_use}")
def notifier_without_its_secret(page: Page) -> None:
    page.get_by_label("Host").fill("mail.example.com")
    press(page, "Save notifier")


@state("admin", f"{SMS}/{{sms_in_use}}")
def notifier_edit_asked(page: Page) -> None:
    page.get_by_label("API key").fill("another secret")
    page.get_by_label("Sender number").fill("+983000506")
    press(page, "Save notifier")
    page.get_by_role("heading", name="What will happen").wait_for()


@state("admin", f"{SMS}/{{sms_in_use}}")
def notifier_disabling_asked(page: Page) -> None:
    press(page, "Disable")
    page.get_by_role("heading", name="What will happen").wait_for()


@state("admin", f"{SMS}/{{sms_in_use}}")
def gateway_asked(page: Page) -> None:
    press(page, "Ask the gateway")


@state("admin", f"{SMS}/{{sms_in_use}}")
def pattern_chosen(page: Page) -> None:
    press(page, "Ask the gateway")
    press(page, "Use pattern Login")


@state("admin", f"{SMS}/new/ippanel")
def gateway_asked_without_a_key(page: Page) -> None:
    press(page, "Ask the gateway")


@state("admin", f"{SMS}/{{sms_abroad}}")
def receipts_without_their_token(page: Page) -> None:
    page.get_by_label("Have receipts pushed, with an API key").check()
    press(page, "Save notifier")


@state("admin", "/projects/fresh/notifiers/sms/new/console")
def code_that_proves_refused(page: Page) -> None:
    page.get_by_label("Name").fill("outbox")
    page.get_by_label("Send it to").fill("+989121234567")
    press(page, "Prove it")
    page.get_by_label("Code", exact=True).fill("123456")
    press(page, "Check the code")


@state("admin", f"{SMS}/{{sms_unused}}")
def address_for_receipts_renewed(page: Page) -> None:
    press(page, "Renew the address")


@state("admin", "/projects/fresh/notifiers/sms/new/console")
def notifier_created(page: Page) -> None:
    page.get_by_label("Name").fill("outbox")
    press(page, "Create notifier")


@state("admin", "/projects/old-shop/notifiers/sms/new/console")
def archived(page: Page) -> None:
    page.get_by_label("Name").fill("outbox")
    press(page, "Create notifier")


@state("editor", MESSAGES)
def message_refused(page: Page) -> None:
    page.get_by_label("Message").first.fill("no code in it")
    press(page, "Save SMS message")


@state("editor", MESSAGES)
def message_changed_meanwhile(page: Page) -> None:
    page.locator("[name=sms-version]").evaluate("field => field.value = '1'")
    page.get_by_label("Message").first.fill("{code} is the code. {minutes} minutes.")
    press(page, "Save SMS message")


@state("editor", MESSAGES)
def one_message_saved_and_the_other_kept(page: Page) -> None:
    page.get_by_label("Subject").fill("کد شما برای {project}")
    page.get_by_label("Autofill host").first.fill("shop.example.com")
    press(page, "Save SMS message")


@state("admin", "/projects/{shop}/limits")
def limits_refused(page: Page) -> None:
    page.get_by_label("Codes per hour").fill("0")
    press(page, "Save limits")


@state("admin", "/projects/{shop}/limits")
def unblock_asked(page: Page) -> None:
    page.get_by_role("checkbox", name="Select +98").check()
    press(page, "Unblock selected…")


@state("admin", f"{TESTS}/new")
def test_recipient_refused(page: Page) -> None:
    page.get_by_label("Phone number or email address").fill("nobody")
    page.get_by_label("Code").fill("1")
    press(page, "Add test recipient")


@state("admin", "/projects/{shop}/limits/project")
def project_limits_refused(page: Page) -> None:
    page.get_by_label("Countries").fill("Atlantis")
    page.get_by_label("Codes of the project per hour").fill("0")
    press(page, "Save limits")


@state("editor", "/projects/{shop}/try")
def recipient_refused(page: Page) -> None:
    page.get_by_label("Phone number or email address").fill("nobody")
    press(page, "Send code")


@state("editor", "/projects/{shop}/try/{challenge}")
def wrong_code(page: Page) -> None:
    page.get_by_label("Code").fill("000")
    page.get_by_role("main").get_by_role("button").first.click()


@state("editor", SETTINGS)
def account_menu_open(page: Page) -> None:
    page.get_by_role("banner").get_by_role("button", name=re.compile("Omid")).click()


@state("editor", "/api/docs")
def answers_open(page: Page) -> None:
    page.evaluate("document.querySelectorAll('main details').forEach(part => { part.open = true })")
