import re

from app.web.api.description import operations


def test_the_overview_lists_every_operation_and_needs_nobody(anonymous, app):
    page = anonymous.get("/docs/api")
    assert page.status_code == 200
    for name in (route.operation_id for route in operations(app)):
        assert f"#{name}" in page.text, name
    assert "Idempotency-Key" in page.text


def test_every_group_tells_its_operations_with_fields_examples_and_scope(anonymous):
    groups = sorted(set(re.findall(r'href="/docs/api/([\w-]+)"', anonymous.get("/docs/api").text)))
    assert {"studies", "rounds", "base-models"} <= set(groups)
    for group in groups:
        page = anonymous.get(f"/docs/api/{group}")
        assert page.status_code == 200, group
        assert page.text.count("<article") >= 1
    page = anonymous.get("/docs/api/studies").text
    assert '<article class="operation card" id="launch_round"' in page
    assert "choices_per_pair" in page
    assert "open_rounds[].pairs_closed" in page


def test_a_group_that_is_none_is_not_found(anonymous):
    assert anonymous.get("/docs/api/nothing").status_code == 404
