"""The client against the API's own description: a method for each operation that matters, which asks for its very path,
and reads its very answer."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import httpx
import pytest

from app.main import create_app
from app.settings import make_settings
from tastemaker.client import Client
from tastemaker.client.reading import read
from tastemaker.client.shapes import Choice, Pair

EDITOR = "of the editor of guidelines, which shows what it uploads"
BROWSER = "of a browser: it makes a session, and a client has a token"
SELF = "one's own preferences belong to the pages that have them"
NOT_YET = "nobody has asked for it: `Client.call` reaches it"
# operations without a method, and why
LEFT_OUT = {
    **dict.fromkeys(("list_guide_pictures", "upload_guide_picture", "delete_guide_picture"), EDITOR),
    "sign_in": BROWSER,
    **dict.fromkeys(("update_me", "list_mail_wishes", "set_mail_wish", "send_test_mail"), SELF),
    **dict.fromkeys(
        (
            "list_workers", "list_queues", "list_failed_jobs", "retry_job", "clean_up_files", "get_payments",
            "pause_annotator", "resume_annotator", "preview_leaving_out", "leave_out_annotator", "take_back_annotator",
            "get_study_prompts", "create_try", "get_try", "list_judges", "get_agreement", "list_agreement_by_round",
            "get_calibration", "list_disputes", "create_scoring", "list_scorings", "get_scoring", "stop_scoring",
            "resume_scoring",
        ),
        NOT_YET,
    ),
}  # fmt: skip
CONTENT = b"x"
PAIR: dict[str, Any] = {
    "pair": 3, "lease": 4, "prompt": "owl", "left": "second", "images": {"left": "/i/a", "right": "/i/b"}, "width": 64,
    "height": 64, "answers": ["first"], "expires_at": "2026-11-01T12:00:00Z", "warm_up": False,
}  # fmt: skip
A_PAIR = read(Pair, PAIR)
A_CHOICE = Choice(pair=3, choice="first", key="8b6ddd3e-0d0c-4e3f-9f3f-3f1f7d9b8a11", late=False, extra=False)
# the method for each operation, and what to call it with
METHODS: dict[str, tuple[Any, ...]] = {
    "get_me": ("me",),
    "list_events": ("events",),
    "list_studies": ("studies.all",),
    "get_study": ("studies.get", 1),
    "create_study": ("studies.create", "Emoji"),
    "update_study": ("studies.change", 1),
    "update_labeling": ("studies.change_labeling", 1),
    "archive_study": ("studies.archive", 1),
    "unarchive_study": ("studies.unarchive", 1),
    "copy_study": ("studies.copy", 1, "Another"),
    "get_study_file": ("studies.file", 1),
    "create_study_from_file": ("studies.create_from_file", "name = 'x'"),
    "estimate_round": ("studies.estimate",),
    "list_warnings": ("studies.warnings", 1),
    "list_annotators": ("studies.quality", 1),
    "get_evaluation_grid": ("studies.grid", 1),
    "get_evaluation_scores": ("studies.scores", 1),
    "get_ranking": ("studies.ranking", 1),
    "list_base_models": ("base_models.all",),
    "register_base_model": ("base_models.register", "owner/name"),
    "get_base_model_check": ("base_models.check", 1),
    "launch_round": ("rounds.launch", 1),
    "get_round": ("rounds.get", 1),
    "pause_round": ("rounds.pause", 1),
    "resume_round": ("rounds.resume", 1),
    "advance_round": ("rounds.advance", 1),
    "cancel_round": ("rounds.cancel", 1),
    "retry_round": ("rounds.retry", 1),
    "get_comparison": ("rounds.comparison", 1),
    "get_metrics": ("rounds.metrics", 1),
    "download_metrics_events": ("rounds.tensorboard", 1),
    "download_study_events": ("studies.tensorboard", 1),
    "list_checkpoints": ("checkpoints.all",),
    "get_checkpoint": ("checkpoints.get", 1),
    "get_checkpoint_provenance": ("checkpoints.provenance", 1),
    "get_checkpoint_card": ("checkpoints.card", 1),
    "download_checkpoint_folder": ("checkpoints.folder", 1, "folder.zip"),
    "download_checkpoint": ("checkpoints.download", 1),
    "create_push": ("pushes.ask", 1, "me/emoji-lora"),
    "list_pushes": ("pushes.all", 1),
    "get_push": ("pushes.get", 1),
    "stop_push": ("pushes.stop", 1),
    "repeat_push": ("pushes.again", 1),
    "get_sample_image": ("samples.image", 1),
    "get_sample_trajectory": ("samples.trajectory", 1),
    "get_preferences": ("preferences.rows", 1),
    "create_export": ("exports.ask", 1, "csv"),
    "list_exports": ("exports.all", 1),
    "get_export": ("exports.get", 1),
    "stop_export": ("exports.stop", 1),
    "delete_export": ("exports.remove", 1),
    "download_export": ("exports.download", 1),
    "get_before": ("annotating.before", 1),
    "read_guidelines": ("annotating.read_guidelines", 1, "v"),
    "give_consent": ("annotating.agree", 1, "v"),
    "withdraw_consent": ("annotating.withdraw", 1),
    "next_pairs": ("annotating.next", 1),
    "answer_pair": ("annotating.answer", A_PAIR, "first"),
    "undo_choice": ("annotating.undo", A_CHOICE),
    "explain_choice": ("annotating.explain", A_CHOICE),
    "renew_leases": ("annotating.renew", [A_PAIR]),
    "give_back_leases": ("annotating.give_back", [A_PAIR]),
    "get_my_numbers": ("annotating.mine", 1),
    "check_base_model": ("base_models.measure", 1),
    "retry_base_model_check": ("base_models.retry", 1),
    "forget_base_model_check": ("base_models.forget", 1),
    "redraw_round": ("rounds.redraw", 1),
    "train_round_again": ("rounds.train_again", 1),
    "repeat_export": ("exports.again", 1),
    "list_prompt_lists": ("prompts.ready",),
    "list_prompt_sets": ("prompts.all",),
    "get_prompt_set": ("prompts.get", 1),
    "create_prompt_set": ("prompts.create", "Emoji"),
    "preview_prompt_set": ("prompts.preview",),
    "create_playground_try": ("playground.ask", 1, "owl", [{}, {3: 1.0}]),
    "list_playground_tries": ("playground.all",),
    "get_playground_try": ("playground.get", 1),
    "stop_playground_try": ("playground.stop", 1),
    "delete_playground_try": ("playground.remove", 1),
    "save_playground_prompt": ("playground.save_prompt", 1),
    "list_known_answers": ("known_answers.all", 1),
    "set_known_answer": ("known_answers.set", 1, "first"),
    "delete_known_answer": ("known_answers.remove", 1),
    "list_users": ("people.all",),
    "get_user": ("people.get", 1),
    "create_user": ("people.add", "ada"),
    "update_user": ("people.change", 1),
    "create_user_link": ("people.link", 1),
    "sign_out_user": ("people.sign_out", 1),
    "create_invite": ("invites.create", "Panel"),
    "list_invites": ("invites.all",),
    "revoke_invite": ("invites.revoke", 1),
    "list_webhooks": ("webhooks.all",),
    "get_webhook": ("webhooks.get", 1),
    "create_webhook": ("webhooks.create", "https://hooks.test/a"),
    "update_webhook": ("webhooks.change", 1),
    "delete_webhook": ("webhooks.remove", 1),
    "renew_webhook_secret": ("webhooks.renew_secret", 1),
    "test_webhook": ("webhooks.test", 1),
    "list_deliveries": ("webhooks.deliveries", 1),
    "redeliver": ("webhooks.deliver_again", 1),
}
KEYWORDS: dict[str, dict[str, Any]] = {
    "create_study": {"question": "Which?", "base_model": "owner/name", "prompts": ["owl"]},
    "update_labeling": {"choices_per_pair": 2},
    "create_prompt_set": {"text": "owl"},
    "preview_prompt_set": {"text": "owl"},
    "update_webhook": {"on": False},
}
# what an example of an answer says where its kind alone would not do
SAID: dict[str, Any] = {"size": 1, "sha256": hashlib.sha256(CONTENT).hexdigest(), "format": "diffusers", "next": None}


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The API as it describes itself."""
    app = create_app(
        make_settings(
            data_dir=tmp_path_factory.mktemp("site"), database_url="postgresql://127.0.0.1:9/x",
            broker_url="redis://127.0.0.1:9", secret_key="s" * 40,
        )
    )  # fmt: skip
    described: dict[str, Any] = app.openapi()
    app.state.engine.dispose()
    return described


@pytest.fixture(scope="module")
def operations(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By name, each with its method and path."""
    return {
        operation["operationId"]: {**operation, "method": method.upper(), "path": path}
        for path, methods in spec["paths"].items()
        for method, operation in methods.items()
    }


class Described(httpx.BaseTransport):
    """A site that answers each request with an example of what its operation is described to answer."""

    def __init__(self, spec: dict[str, Any], operations: dict[str, dict[str, Any]]) -> None:
        self._spec = spec
        self._operations = operations
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = self._named(request)
        self.asked.append(name)
        status, schema = answer_of(self._operations[name])
        if status == 204:
            return httpx.Response(204)
        if schema is None:
            return httpx.Response(status, content=b"{}" if "provenance" in name or "preferences" in name else CONTENT)
        return httpx.Response(status, json=example(self._spec, schema))

    def _named(self, request: httpx.Request) -> str:
        fits = {
            name: operation["path"].count("{")
            for name, operation in self._operations.items()
            if operation["method"] == request.method
            and re.fullmatch(re.sub(r"{\w+}", "[^/]+", operation["path"]), request.url.path)
        }
        assert fits, f"The API has no {request.method} {request.url.path}."
        return min(fits, key=lambda name: fits[name])


@pytest.fixture
def site(spec: dict[str, Any], operations: dict[str, dict[str, Any]]) -> Described:
    return Described(spec, operations)


def test_every_operation_has_a_method_or_a_reason(operations: dict[str, dict[str, Any]]) -> None:
    assert operations.keys() - LEFT_OUT.keys() - METHODS.keys() == set(), "give the client a method, or say why not"
    assert (METHODS.keys() | LEFT_OUT.keys()) - operations.keys() == set(), "the API has no such operations (any more)"
    assert METHODS.keys() & LEFT_OUT.keys() == set()


@pytest.mark.parametrize("name", METHODS)
def test_a_method_asks_for_its_operation_and_reads_what_that_answers(
    name: str, site: Described, spec: dict[str, Any], operations: dict[str, dict[str, Any]],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    method, *arguments = METHODS[name]
    with Client("https://site.test", "secret", transport=site) as client:
        call = attrgetter(method)(client)
        answered = call(*arguments, **KEYWORDS.get(name, {}))
        if isinstance(answered, Iterator):
            answered = list(answered)
    assert site.asked[-1] == name
    given = get_type_hints(call)["return"]
    _, schema = answer_of(operations[name])
    if name == "get_metrics":
        compare(spec, get_type_hints(given)["run"], property_of(spec, schema, "run"))
        compare(spec, get_type_hints(given)["scores"], property_of(spec, schema, "scores"))
    elif get_origin(given) is not None and issubclass(get_origin(given), Iterator) and schema is not None:
        compare(spec, list[get_args(given)[0]], property_of(spec, schema, "items"))  # type: ignore[misc]
        assert len(answered) == 1
    elif schema is not None and given not in (type(None), str) and get_origin(given) is not dict:
        compare(spec, given, schema)


def answer_of(operation: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
    """Status and schema of an operation's success; no schema where it is no JSON object."""
    status = next(code for code in operation["responses"] if code.startswith("2"))
    content = operation["responses"][status].get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return int(status), schema or None


def resolved(spec: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema behind references, and whether null is allowed, as `nullable`."""
    while "$ref" in schema or len(schema.get("allOf", [])) == 1:
        named = schema.get("$ref") or schema["allOf"][0]["$ref"]
        schema = spec["components"]["schemas"][named.rpartition("/")[2]]
    if "anyOf" in schema:
        kinds = [one for one in schema["anyOf"] if one.get("type") != "null"]
        assert len(kinds) == 1, schema
        return {**resolved(spec, kinds[0]), "nullable": len(kinds) < len(schema["anyOf"])}
    return schema


def property_of(spec: dict[str, Any], schema: dict[str, Any] | None, name: str) -> dict[str, Any]:
    assert schema is not None
    found: dict[str, Any] = resolved(spec, schema)["properties"][name]
    return found


def example(spec: dict[str, Any], schema: dict[str, Any], name: str = "") -> Any:
    """The smallest value that fits, with nothing null that need not be."""
    if name in SAID:
        return SAID[name]
    schema = resolved(spec, schema)
    if "properties" in schema:
        return {key: example(spec, one, key) for key, one in schema["properties"].items()}
    if "enum" in schema or "const" in schema:
        return schema.get("enum", [schema.get("const")])[0]
    if schema.get("format") == "date-time":
        return "2026-11-01T12:00:00Z"
    if schema.get("type") == "array":
        return [example(spec, schema["items"])]
    return {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "object": {}}[schema["type"]]


def compare(spec: dict[str, Any], hint: Any, schema: dict[str, Any], where: str = "") -> None:
    """Fails where a type of the client's is not what the description says."""
    schema = resolved(spec, schema)
    optional = get_origin(hint) in (Union, UnionType)
    assert optional == schema.get("nullable", False), f"{where}: null is {'not ' if optional else ''}possible"
    if optional:
        (hint,) = (one for one in get_args(hint) if one is not type(None))
    if is_dataclass(hint):
        known = get_type_hints(hint)
        for field in fields(hint):
            assert field.name in schema["properties"], f"{hint.__name__} has {field.name}, the API has not"
            compare(spec, known[field.name], schema["properties"][field.name], f"{hint.__name__}.{field.name}")
    elif get_origin(hint) is list:
        compare(spec, get_args(hint)[0], schema["items"], where)
    elif get_origin(hint) is Literal:
        assert set(get_args(hint)) == set(schema.get("enum", [schema.get("const")])), where
    else:
        kind = schema.get("format") if schema.get("format") in ("date-time", "binary") else schema["type"]
        kinds = {"string": str, "integer": int, "number": float, "boolean": bool, "object": dict, "date-time": datetime}
        assert (get_origin(hint) or hint) is kinds[kind], f"{where} is {kind}"
