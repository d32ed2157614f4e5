"""The description of the API reads well and is right: names, words, examples, problems, who may call."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from app.main import create_app
from app.services.scopes import Scope
from app.settings import make_settings
from app.web.api.description import TAGS
from app.web.api.scoped import OPEN


@pytest.fixture(scope="module")
def document(tmp_path_factory) -> dict[str, Any]:
    settings = make_settings(
        data_dir=tmp_path_factory.mktemp("data"), database_url="postgresql://127.0.0.1:9/x",
        broker_url="redis://127.0.0.1:9", secret_key="s" * 40,
    )  # fmt: skip
    return create_app(settings).openapi()


@pytest.fixture(scope="module")
def operations(document) -> dict[str, dict[str, Any]]:
    return {one["operationId"]: one for methods in document["paths"].values() for one in methods.values()}


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def bodies(operation: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every body in JSON of an operation, as sent or as answered."""
    answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    places = [operation.get("requestBody", {}), *answers]
    found = [place.get("content", {}).get("application/json") for place in places]
    return [(operation["operationId"], content) for content in found if content]


def test_every_operation_says_what_it_does(operations):
    for name, operation in operations.items():
        assert operation["summary"], name
        assert operation["tags"][0] in TAGS, name
        assert not operation["description"].startswith("Scope"), f"{name} has no description"


def test_names_are_good_as_methods_of_a_client(operations):
    assert [name for name in operations if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


def test_shapes_go_by_plain_names(document):
    names = document["components"]["schemas"]
    assert [name for name in names if "__" in name or name.endswith(("Shape", "_"))] == []
    assert {"Round", "Study", "StudyPage", "Problem"} <= set(names)


def test_every_body_has_an_example_that_fits_its_own_schema(document, operations):
    wrong, without = {}, []
    for operation in operations.values():
        for name, content in bodies(operation):
            if "example" not in content:
                without.append(name)
                continue
            for error in validator(document, content["schema"]).iter_errors(content["example"]):
                wrong[name] = f"{error.json_path}: {error.message[:200]}"
    assert wrong == {}
    assert without == [], "give them an example in app/web/api/examples.json"


def test_problems_have_one_form_and_examples_that_fit_it(document):
    for name, answer in document["components"]["responses"].items():
        [(media_type, content)] = answer["content"].items()
        assert media_type == "application/problem+json"
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
        validator(document, content["schema"]).validate(content["example"])
        assert name == f"Problem{content['example']['status']}"


def test_every_operation_tells_its_problems(operations):
    for name, operation in operations.items():
        assert {"401", "403", "503"} <= set(operation["responses"]), name
        problems = {status: answer for status, answer in operation["responses"].items() if status in {"404", "409"}}
        assert all(answer["$ref"].endswith(f"Problem{status}") for status, answer in problems.items()), name


def test_who_may_call_is_told(document, operations):
    schemes = document["components"]["securitySchemes"]
    assert all(f"`{scope.value}`" in schemes["token"]["description"] for scope in Scope)
    for name, operation in operations.items():
        if name in OPEN:
            assert operation["security"] == []
        else:
            token, session = operation["security"]
            assert set(token["token"]) <= set(Scope), name
            assert session == {"session": []}
