"""Places of an admin who looks after the house: people, invites, workers, models, files, the log."""

from datetime import timedelta

from playwright.sync_api import Page, expect

from app.models import DeliveryState, InviteUse, Role, RoundState
from app.services import events, invites
from tests import builders, scenes
from tests.browser.places.registry import place, unfold


@place("/admin/users", Role.ADMIN, unfold)
def everyone(session, artifacts, me):
    builders.user(session, is_guest=True)
    builders.user(session, disabled_at=builders.now())
    return "/admin/users"


@place("/admin/users/{user_id}", Role.ADMIN, unfold)
def someone(session, artifacts, me):
    return f"/admin/users/{builders.user(session).id}"


@place("/admin/payments", Role.ADMIN)
def payments_of_some_people(session, artifacts, me):
    round_ = builders.round_(session, state=RoundState.COMPLETE)
    invite, _ = invites.make(session, name="Panel", actor=me, study_id=round_.study_id)
    for number in range(3):
        person = builders.user(session, display_name=("Ada", "Grace", "A guest with a rather long name")[number])
        session.add(InviteUse(invite_id=invite.id, user_id=person.id, participant=f"5f1c9e2b7a6d4{number}" * 2))
        for answer in range(6 * number + 2):
            pair = builders.pair(session, round_id=round_.id)
            at = builders.now() - timedelta(hours=9 * number, seconds=8 * answer)
            lease = builders.lease(session, pair_id=pair.id, user_id=person.id, given_at=at)
            builders.choice(session, lease_id=lease.id, made_at=at - timedelta(days=answer % 2))
    week = f"since={builders.now() - timedelta(days=7):%Y-%m-%d}&until={builders.now():%Y-%m-%d}&zone=UTC"
    return f"/admin/payments?{week}&per_choice=0.05&per_hour=12.50"


@place("/admin/payments", Role.ADMIN)
def payments_of_nobody(session, artifacts, me):
    return "/admin/payments"


@place("/admin/invites", Role.ADMIN, unfold)
def all_invites(session, artifacts, me):
    invites.make(session, name="Friends", actor=me, study_id=builders.study(session).id)
    invites.revoke(session, invite_id=invites.make(session, name="Old", actor=me)[0].id, actor=me)
    return "/admin/invites"


@place("/admin/house", Role.ADMIN)
def the_house_at_work(session, artifacts, me):
    scenes.busy_house(session, artifacts)
    return "/admin/house"


@place("/admin/house", Role.ADMIN)
def an_empty_house(session, artifacts, me):
    return "/admin/house"


@place("/admin/models", Role.ADMIN, unfold)
def base_models_of_all_kinds(session, artifacts, me):
    scenes.registry(session, artifacts)
    return "/admin/models"


@place("/admin/models", Role.ADMIN)
def no_base_model_yet(session, artifacts, me):
    return "/admin/models"


@place("/admin/house/files", Role.ADMIN)
def files_that_are_kept(session, artifacts, me):
    study = builders.study(session)
    round_ = builders.round_(session, study_id=study.id, state=RoundState.COMPLETE)
    group = builders.group(session, round_id=round_.id)
    builders.sample(session, group_id=group.id, trajectory_key="studies/1/t", trajectory_size=660_000_000)
    return "/admin/house/files"


@place("/admin/house/check", Role.ADMIN)
def the_system_check(session, artifacts, me):
    return "/admin/house/check"


@place("/admin/log", Role.ADMIN, unfold)
def the_audit_log(session, artifacts, me):
    study = builders.study(session, name="Emoji")
    round_ = builders.round_(session, study_id=study.id)
    events.write(session, "study.auto_rounds_set", study, actor=me, rounds=3)
    events.write(session, "round.launched", round_, actor=me)
    events.write(session, "round.fail", round_, reason="The loss is not finite.")
    events.write(session, "user.role_changed", me, actor=me, before="annotator", role="admin")
    return "/admin/log"


@place("/admin/house/failed", Role.ADMIN)
def failed_jobs(session, artifacts, me):
    scenes.busy_house(session, artifacts)
    return "/admin/house/failed"


def _answer(status: int | None, said: str, *, ms: int = 84, end: str = "failed") -> dict[str, object]:
    return {"at": "2026-11-28T06:45:56+00:00", "end": end, "status": status, "ms": ms, "said": said}


def _sent(session, webhook):
    """What a webhook was sent: delivered, given up, tried again in an hour."""
    study = builders.study(session, name="Emoji")
    round_ = builders.round_(session, study_id=study.id, state=RoundState.COMPLETE)
    for what, columns in (
        ("round.trained", {"state": DeliveryState.DELIVERED, "attempts": [_answer(204, "", end="delivered")]}),
        (
            "round.fail",
            {
                "state": DeliveryState.GIVEN_UP,
                "end_reason": "It was tried 10 times, for about a day.",
                "attempts": [_answer(None, "It did not answer in time.", ms=10_004), _answer(500, '{"error": "no"}')],
            },
        ),
        (
            "checkpoint.made",
            {"tries": 4, "attempts": [_answer(503, "busy")] * 4, "due_at": builders.now() + timedelta(hours=1)},
        ),
    ):
        event = builders.event(session, what=what, study_id=round_.study_id, round_id=round_.id)
        data = {
            "event": event.id,
            "study": {"id": round_.study_id, "name": "Emoji"},
            "round": {"id": round_.id, "kind": "preference", "number": 1, "state": "complete", "hold": "none"},
            "actor": None,
            "details": {"from": ["training", "none"], "to": ["complete", "none"]},
            "path": f"/admin/rounds/{round_.id}",
        }
        body = {"type": what, "timestamp": "2026-11-28T06:45:56Z", "data": data}
        builders.delivery(session, webhook_id=webhook.id, event_id=event.id, body=body, **columns)


@place("/admin/webhooks", Role.ADMIN, unfold)
def no_webhook_yet(session, artifacts, me):
    return "/admin/webhooks"


@place("/admin/webhooks", Role.ADMIN, unfold)
def webhooks_of_all_kinds(session, artifacts, me):
    study = builders.study(session, name="Emoji")
    _sent(session, builders.webhook(session, note="The lab's chat", study_id=study.id, events=["round.fail"]))
    builders.webhook(session, failing_since=builders.now() - timedelta(hours=5))
    builders.webhook(
        session, off_at=builders.now(), off_reason="Nothing could be delivered for 3 days.",
        url="https://hooks.example.org/services/" + "T0123456789/" * 6,
    )  # fmt: skip
    return "/admin/webhooks"


@place("/admin/webhooks/{webhook_id:int}", Role.ADMIN, unfold)
def a_webhook_and_what_it_was_sent(session, artifacts, me):
    webhook = builders.webhook(
        session, note="The lab's chat", created_by_id=me.id, failing_since=builders.now() - timedelta(hours=5)
    )
    _sent(session, webhook)
    return f"/admin/webhooks/{webhook.id}"


@place("/admin/webhooks/{webhook_id:int}", Role.ADMIN, unfold)
def a_webhook_that_was_switched_off(session, artifacts, me):
    reason = "Nothing could be delivered for 3 days."
    webhook = builders.webhook(session, off_at=builders.now(), off_reason=reason, url="http://hooks.example.org/")
    return f"/admin/webhooks/{webhook.id}"


@place("/admin/webhooks", Role.ADMIN, lambda page: _make_a_webhook(page))
def a_webhook_with_its_secret(session, artifacts, me):
    return "/admin/webhooks"


def _make_a_webhook(page: Page) -> None:
    page.get_by_label("Address").fill("https://hooks.example.org/taste")
    page.get_by_role("button", name="Make it, and show its secret").click()
    expect(page.get_by_text("whsec_")).to_be_visible()


@place("/account", Role.ADMIN, unfold, open_door=True)
def an_account_with_wishes_for_e_mail(session, artifacts, me):
    builders.study(session, name="Emoji")
    me.email = "me@example.org"
    return "/account"


@place("/admin/mail", Role.ADMIN)
def e_mail_that_is_not_set_up(session, artifacts, me):
    return "/admin/mail"


@place("/admin/mail", Role.ADMIN, unfold, open_door=True)
def e_mail_and_what_was_sent(session, artifacts, me):
    me.email = "me@example.org"
    for state in (DeliveryState.DELIVERED, DeliveryState.GIVEN_UP):
        answers = [_answer(250, "The server took it.", end="delivered")]
        builders.delivery(session, user_id=me.id, state=state, attempts=answers)
    return "/admin/mail"
