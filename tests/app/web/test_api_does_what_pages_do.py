"""Whatever the pages can do, the API can: each route of a page that changes something has an operation beside it, or a
reason why there is none."""

import pytest
from fastapi.routing import APIRoute

from app.main import API, PAGES

SAFE = {"GET", "HEAD", "OPTIONS"}
SIGNING_IN = "who signs in, and how, is a matter of the browser"
OWN_BROWSER = "a preference or session of the browser"
TOKENS = "a token makes and revokes no tokens: one that is lost must not outlive its own end"
CHECKED = "faults beside a form's fields; the operation that does it answers 422 with the same"
# by the route of the page: the operations that do the same
OPERATIONS: dict[str, str] = {
    "/account/profile": "update_me",
    "/account/preferences": "update_me",
    "/account/mail": "set_mail_wish",
    "/account/mail/test": "send_test_mail",
    "/annotate/{study_id}": "answer_pair",
    "/annotate/{study_id}/undo": "undo_choice",
    "/annotate/{study_id}/explain": "explain_choice",
    "/annotate/{study_id}/before": "read_guidelines give_consent",
    "/annotate/{study_id}/before/withdraw": "withdraw_consent",
    "/admin/users": "create_user",
    "/admin/users/{user_id}/role": "update_user",
    "/admin/users/{user_id}/link": "create_user_link",
    "/admin/users/{user_id}/{move}": "update_user sign_out_user",
    "/admin/house/jobs/{job_id}/retry": "retry_job",
    "/admin/house/files": "clean_up_files",
    "/admin/webhooks": "create_webhook",
    "/admin/webhooks/{webhook_id:int}": "update_webhook",
    "/admin/webhooks/{webhook_id:int}/secret": "renew_webhook_secret",
    "/admin/webhooks/{webhook_id:int}/remove": "delete_webhook",
    "/admin/webhooks/{webhook_id:int}/{move}": "update_webhook test_webhook",
    "/admin/webhooks/{webhook_id:int}/deliveries/{delivery_id:int}": "redeliver",
    "/admin/mail/test": "send_test_mail",
    "/admin/mail/deliveries/{delivery_id:int}": "redeliver",
    "/admin/models": "register_base_model",
    "/admin/models/{model_id:int}/check": "check_base_model",
    "/admin/models/checks/{check_id}/retry": "retry_base_model_check",
    "/admin/models/checks/{check_id}/forget": "forget_base_model_check",
    "/admin/imports": "create_import upload_import",
    "/admin/imports/{import_id:int}/stop": "stop_import",
    "/admin/imports/{import_id:int}/again": "resume_import",
    "/admin/imports/{import_id:int}/end": "end_import",
    "/admin/imports/{import_id:int}/remove": "delete_import",
    "/admin/invites": "create_invite",
    "/admin/invites/{invite_id}/revoke": "revoke_invite",
    "/admin/studies": "create_study",
    "/admin/studies/{study_id:int}/rounds": "launch_round",
    "/admin/studies/{study_id:int}/comparisons": "launch_round",
    "/admin/studies/{study_id:int}/checkpoint": "update_study",
    "/admin/studies/{study_id:int}/auto_rounds": "update_study",
    "/admin/studies/{study_id:int}/launch": "launch_round",
    "/admin/studies/{study_id:int}/launch/look": "estimate_round",
    "/admin/studies/{study_id:int}/launch/check": "estimate_round",
    "/admin/studies/{study_id:int}/settings": "update_study",
    "/admin/studies/{study_id:int}/archive": "archive_study",
    "/admin/studies/{study_id:int}/unarchive": "unarchive_study",
    "/admin/studies/{study_id:int}/labeling": "update_labeling",
    "/admin/studies/{study_id:int}/people/{user_id:int}/pause": "pause_annotator",
    "/admin/studies/{study_id:int}/people/{user_id:int}/{move}": (
        "resume_annotator leave_out_annotator take_back_annotator"
    ),
    "/admin/studies/{study_id:int}/gold/{pair_id:int}": "set_known_answer delete_known_answer",
    "/admin/studies/check": "estimate_round",
    "/admin/tries": "create_try",
    "/admin/prompts": "create_prompt_set preview_prompt_set",
    "/admin/rounds/{round_id}/retry_with": "retry_round",
    "/admin/rounds/{round_id}/redraw": "redraw_round",
    "/admin/rounds/{round_id}/{move}": (
        "pause_round resume_round advance_round cancel_round retry_round train_round_again"
    ),
    "/research/studies/{study_id:int}/agreement/scorings": "create_scoring",
    "/research/scorings/{scoring_id:int}/stop": "stop_scoring",
    "/research/scorings/{scoring_id:int}/again": "resume_scoring",
    "/research/studies/{study_id:int}/exports": "create_export",
    "/research/exports/{export_id:int}/stop": "stop_export",
    "/research/exports/{export_id:int}/again": "repeat_export",
    "/research/exports/{export_id:int}/remove": "delete_export",
    "/research/studies/{study_id:int}/playground": "create_playground_try",
    "/research/tries/{try_id:int}/stop": "stop_playground_try",
    "/research/tries/{try_id:int}/remove": "delete_playground_try",
    "/research/tries/{try_id:int}/prompt": "save_playground_prompt",
    "/research/checkpoints/{checkpoint_id:int}/pushes": "create_push",
    "/research/pushes/{push_id:int}/stop": "stop_push",
    "/research/pushes/{push_id:int}/again": "repeat_push",
}
NONE: dict[str, str] = {
    "/sign-in": SIGNING_IN,
    "/sign-up": SIGNING_IN,
    "/sign-in/{token}": SIGNING_IN,
    "/back/{token}": SIGNING_IN,
    "/reset/{token}": SIGNING_IN,
    "/join/{token}": SIGNING_IN,
    "/account/password": SIGNING_IN,
    "/account/make-account": SIGNING_IN,
    "/account/personal-link": SIGNING_IN,
    "/account/sign-out": OWN_BROWSER,
    "/account/sign-out-everywhere": OWN_BROWSER,
    "/account/tokens": TOKENS,
    "/account/tokens/{token_id}/revoke": TOKENS,
    "/admin/studies/{study_id:int}/settings/check": CHECKED,
}


@pytest.fixture(scope="module")
def pages() -> set[str]:
    """The routes of pages that change something."""
    routes = [route for router in PAGES for route in router.routes if isinstance(route, APIRoute)]
    return {route.path for route in routes if set(route.methods or ()) - SAFE}


def test_every_route_that_changes_something_has_its_line(pages: set[str]) -> None:
    assert OPERATIONS.keys() & NONE.keys() == set()
    assert pages - OPERATIONS.keys() - NONE.keys() == set(), (
        "name the operations that do the same, or say why none does"
    )
    assert (OPERATIONS.keys() | NONE.keys()) - pages == set(), "there are no such routes (any more)"


def test_the_operations_that_are_named_are_there() -> None:
    names = {route.operation_id for router in API for route in router.routes if isinstance(route, APIRoute)}
    assert {one for line in OPERATIONS.values() for one in line.split()} - names == set()
