import csv
import io

from app.db import transaction
from app.services import events
from tests import builders

PATH = "/admin/log"


def write(factory, count=1, **columns):
    with transaction(factory) as session:
        study = builders.study(session, name="Emoji")
        actor = builders.user(session, **columns)
        for number in range(count):
            events.write(session, "study.auto_rounds_set", study, actor=actor, rounds=number)
    return study


def test_the_log_is_the_admins_alone(annotator, researcher, anonymous):
    for client, status in ((annotator, 403), (researcher, 403), (anonymous, 401)):
        for path in (PATH, f"{PATH}/events.csv"):
            assert client.get(path).status_code == status


def test_the_log_says_who_did_what_and_goes_on_in_pages(admin, factory):
    write(factory, 101, display_name="Ada & Co")
    page = admin.get(PATH).text
    assert "Ada &amp; Co" in page
    assert "set rounds to run by themselves" in page
    assert page.count("<tr>") == 101
    older = page.split("/admin/log?before=")[1].split('"')[0]
    assert admin.get(f"{PATH}?before={older}").text.count("<tr>") == 2


def test_filters_stay_in_the_form_and_in_the_links(admin, factory):
    study = write(factory, 101, display_name="Ada")
    page = admin.get(f"{PATH}?who=ada&kind=studies&study={study.id}").text
    assert 'value="ada"' in page
    assert f"&amp;who=ada&amp;kind=studies&amp;study={study.id}" in page
    assert "Nothing found" in admin.get(f"{PATH}?who=nobody&study=x").text


def test_the_csv_holds_every_event_and_no_formula(admin, factory):
    write(factory, 2, display_name="=1+1")
    answer = admin.get(f"{PATH}/events.csv?kind=studies")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["details"] for row in rows] == ['{"rounds": 0}', '{"rounds": 1}']
    assert {(row["actor"], row["study"]) for row in rows} == {("'=1+1", "Emoji")}
