import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from app.db import transaction
from app.models import InviteUse
from app.services import invites
from app.web import timezones
from app.web.pages import admin_payments
from tests import builders

PAGE = "/admin/payments"
MARCH = {"since": "2026-03-01", "until": "2026-03-31", "zone": "UTC"}
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def worked(factory):
    """Ada, of a panel, answered on two days, Grace on one; their study's id."""
    with transaction(factory) as session:
        ada = builders.user(session, display_name="=HYPERLINK(1)")
        grace = builders.user(session, display_name="Grace <b>")
        round_ = builders.round_(session)
        invite, _ = invites.make(session, name="Panel", actor=None, study_id=round_.study_id)
        session.add(InviteUse(invite_id=invite.id, user_id=ada.id, participant="+panel-1"))
        for person, moments in ((ada, (0, 60, 86_400)), (grace, (0, 90))):
            for seconds in moments:
                pair = builders.pair(session, round_id=round_.id)
                lease = builders.lease(session, pair_id=pair.id, user_id=person.id, given_at=NOON)
                at = NOON + timedelta(seconds=seconds)
                builders.choice(session, lease_id=lease.id, made_at=at, response_ms=0)
        return round_.study_id


def test_the_sheet_shows_people_days_and_what_they_come_to(admin, worked):
    page = admin.get(PAGE, params={**MARCH, "per_choice": "0,10", "per_hour": "12"})
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    for text in ("Grace &lt;b&gt;", "+panel-1", "2026-03-10", "2026-03-11", "1.50", "0.50"):
        assert text in page.text
    assert page.text.count("together") == 1  # who worked on one day needs no sum
    assert "per_choice=0%2C10" in page.text


def test_without_rates_there_is_no_amount(admin, worked):
    assert "Amount" not in admin.get(PAGE, params=MARCH).text


def test_by_itself_it_is_this_month_in_the_reader_s_own_time_zone(admin, worked):
    admin.cookies.set(timezones.COOKIE, "Pacific/Auckland")
    page = admin.get(PAGE).text
    today = datetime.now(timezones.named("Pacific/Auckland")).date()
    assert f'value="{today:%Y-%m}-01"' in page
    assert f'value="{today}"' in page
    assert 'value="Pacific/Auckland"' in page
    assert "Nobody answered in these days" in page


def test_what_cannot_be_read_is_said_beside_its_field(admin, worked):
    wrong = {"since": "yesterday", "until": "2026-03-31", "zone": "Mars", "per_hour": "much", "study": "x"}
    page = admin.get(PAGE, params=wrong)
    assert page.status_code == 422
    for text in ("a day such as", "a name such as Europe/Berlin", "a number such as 0.05", "a study&#39;s number"):
        assert text in page.text
    assert "not before the first day" in admin.get(PAGE, params={**MARCH, "until": "2026-02-01"}).text
    assert admin.get(f"{PAGE}/payments.csv", params=wrong).status_code == 422
    assert admin.get(PAGE, params={**MARCH, "study": "999"}).status_code == 404


def test_the_file_holds_every_line_and_no_formula(admin, worked, monkeypatch):
    monkeypatch.setattr(admin_payments, "BATCH", 1)
    file = admin.get(f"{PAGE}/payments.csv", params={**MARCH, "study": worked, "per_hour": "12"})
    assert file.headers["content-type"].startswith("text/csv")
    assert 'filename="payments-2026-03-01-2026-03-31.csv"' in file.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert [(row["day"], row["name"], row["choices"], row["minutes"], row["amount"]) for row in rows] == [
        ("2026-03-10", "'=HYPERLINK(1)", "2", "1.00", "0.20"),
        ("2026-03-11", "'=HYPERLINK(1)", "1", "0.00", "0.00"),
        ("2026-03-10", "Grace <b>", "2", "1.50", "0.30"),
    ]
    assert rows[0]["participant"] == "'+panel-1"


def test_many_people_come_in_pages(admin, worked, monkeypatch):
    monkeypatch.setattr(admin_payments, "PEOPLE_A_PAGE", 1)
    first = admin.get(PAGE, params=MARCH).text
    assert "Grace" not in first
    assert "Time at work" in first
    after = first.split("after=")[1].split('"')[0]
    second = admin.get(PAGE, params={**MARCH, "after": after}).text
    assert "Grace" in second
    assert "Time at work" not in second  # the totals stand on the first page


def test_the_api_gives_the_same(admin, worked):
    sheet = admin.call("GET", f"/payments?since=2026-03-01&until=2026-03-31&study={worked}&per_hour=12").json()
    assert [(line["day"], line["choices"], line["minutes"], line["amount"]) for line in sheet["items"]] == [
        ("2026-03-10", 2, "1.00", "0.20"), ("2026-03-11", 1, "0.00", "0.00"), ("2026-03-10", 2, "1.50", "0.30"),
    ]  # fmt: skip
    assert sheet["totals"] == {"people": 2, "choices": 5, "counted": 5, "minutes": "2.50", "amount": "0.50"}
    assert sheet["next"] is None
    assert admin.call("GET", "/payments?zone=Mars").json()["fields"] == {"zone": "a name such as Europe/Berlin"}


def test_only_admins_see_it(researcher, annotator):
    for client in (researcher, annotator):
        assert client.get(PAGE).status_code == 403
        assert client.get(f"{PAGE}/payments.csv").status_code == 403
        assert client.call("GET", "/payments").status_code == 403
