"""`tastemaker user` as a person types it."""

import json
import sys

import pytest

from app.cli import main
from app.db import transaction
from app.models import LinkPurpose, Role, UserKind
from app.services import accounts, invites, links, passwords, personal_tokens
from app.services.scopes import Scope
from app.settings import activate


@pytest.fixture
def tastemaker(monkeypatch, capsys, settings):
    """Run the command line on the test's servers: exit code, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tastemaker", *arguments])
        with activate(settings), pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def holder(sessions, link):
    with transaction(sessions) as session:
        return links.holder(session, link.rsplit("/", 1)[1], purpose=LinkPurpose.SIGN_IN)


def test_add_prints_a_link_that_signs_the_new_person_in(tastemaker, sessions):
    code, out, err = tastemaker("user", "add", "ada", "--role", "admin", "--name", "Ada L.")
    assert code == 0
    assert out.startswith("http://127.0.0.1:8000/sign-in/")
    assert "signs ada in as admin, once" in err
    user = holder(sessions, out.strip())
    assert (user.handle, user.role, user.display_name) == ("ada", Role.ADMIN, "Ada L.")


def test_a_name_that_is_taken_is_refused_with_a_remedy(tastemaker):
    tastemaker("user", "add", "ada")
    code, out, err = tastemaker("user", "add", "ada")
    assert (code, out) == (5, "")
    assert "already a user ada" in err
    assert "make a new link" in err


def test_link_makes_another_link_and_a_script_reads_it_as_json(tastemaker, sessions):
    tastemaker("user", "add", "ada", "--role", "researcher")
    _, out, _ = tastemaker("user", "link", "ada", "--json")
    said = json.loads(out)
    assert (said["handle"], said["role"], said["disabled"]) == ("ada", "researcher", False)
    assert holder(sessions, said["link"]).handle == "ada"


def test_a_token_lets_a_script_act_as_the_person(tastemaker, sessions):
    tastemaker("user", "add", "ada")
    code, out, err = tastemaker("user", "token", "ada")
    assert code == 0
    assert "30 days" in err
    with transaction(sessions) as session:
        user, scopes = personal_tokens.owner(session, out.strip())
    assert (user.handle, scopes) == ("ada", {Scope.PROFILE, Scope.ANNOTATE})


def test_a_token_has_the_scopes_it_was_asked_for_and_no_others(tastemaker, sessions):
    tastemaker("user", "add", "ada", "--role", "researcher")
    code, out, _ = tastemaker("user", "token", "ada", "--scope", "read", "--days", "7", "--name", "Notebook", "--json")
    said = json.loads(out)
    assert (code, said["scopes"]) == (0, ["read"])
    with transaction(sessions) as session:
        user, scopes = personal_tokens.owner(session, said["token"])
        [line] = personal_tokens.of_user(session, user)
    assert scopes == {Scope.READ}
    assert (line.name, (line.expires_at - line.created_at).days) == ("Notebook", 7)
    code, _, err = tastemaker("user", "token", "ada", "--scope", "house")
    assert code == 2
    assert "your role allows profile, annotate, read, data" in err


def test_a_judge_of_one_s_own_answers_by_a_token_and_is_marked_as_a_judge(tastemaker, sessions):
    code, out, err = tastemaker("user", "token", "brighter", "--judge")
    assert (code, "revoke" in err) == (0, False)
    with transaction(sessions) as session:
        user, scopes = personal_tokens.owner(session, out.strip())
    assert (user.handle, user.kind, scopes) == ("brighter", UserKind.JUDGE, {Scope.PROFILE, Scope.ANNOTATE})
    assert tastemaker("user", "disable", "brighter")[0] == 0
    with transaction(sessions) as session:
        assert personal_tokens.owner(session, out.strip()) is None
    tastemaker("user", "add", "ada")
    code, _, err = tastemaker("user", "token", "ada", "--judge")
    assert (code, "A person is called ada" in err) == (5, True)


def test_list_shows_everyone(tastemaker):
    for name in ("ada", "grace"):
        tastemaker("user", "add", name)
    assert "grace" in tastemaker("user", "list")[1]
    lines = tastemaker("user", "list", "--json")[1].splitlines()
    assert [json.loads(line)["handle"] for line in lines] == ["ada", "grace"]


def test_a_disabled_person_gets_no_link_any_more(tastemaker):
    tastemaker("user", "add", "ada")
    assert tastemaker("user", "disable", "ada")[0] == 0
    code, _, err = tastemaker("user", "link", "ada")
    assert code == 5
    assert "cannot sign in" in err


def test_an_unknown_name_is_said_with_how_to_find_the_right_one(tastemaker):
    code, _, err = tastemaker("user", "link", "nobody")
    assert code == 4
    assert "tastemaker user list" in err


def test_an_unknown_role_is_refused_with_the_ones_there_are(tastemaker):
    code, _, err = tastemaker("user", "add", "ada", "--role", "king")
    assert code == 2
    assert "annotator" in err


def test_a_reset_link_sets_a_new_password(tastemaker, sessions):
    tastemaker("user", "add", "ada")
    code, out, err = tastemaker("user", "reset-link", "ada")
    assert code == 0
    assert "sets a new password, once, within 1 day" in err
    token = out.strip().removeprefix("http://127.0.0.1:8000/reset/")
    with transaction(sessions) as session:
        assert links.holder(session, token, purpose=LinkPurpose.RESET).handle == "ada"


def test_a_password_is_asked_for_twice_and_never_shown(tastemaker, sessions, monkeypatch):
    tastemaker("user", "add", "ada")
    typed = iter(["violet teapot orbit"] * 2)
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    code, out, err = tastemaker("user", "password", "ada")
    assert (code, "violet" in out + err) == (0, False)
    assert list(typed) == []
    with transaction(sessions) as session:
        assert passwords.matches("violet teapot orbit", accounts.by_handle(session, "ada").password_hash)


def test_a_weak_password_is_refused_with_the_reason(tastemaker, monkeypatch):
    tastemaker("user", "add", "ada")
    monkeypatch.setattr("getpass.getpass", lambda _: "short")
    code, _, err = tastemaker("user", "password", "ada")
    assert code == 2
    assert "At least 10 characters" in err


def test_an_invite_is_printed_once(tastemaker, sessions):
    code, out, err = tastemaker("user", "invite", "--role", "researcher", "--uses", "3", "--days", "7")
    assert code == 0
    assert "3 people in as researcher, for 7 days" in err
    with transaction(sessions) as session:
        made = invites.find(session, out.strip().removeprefix("http://127.0.0.1:8000/join/"))
        assert (made.role, made.max_uses, made.needs_account) == (Role.RESEARCHER, 3, True)
    said = json.loads(tastemaker("user", "invite", "--json")[1])
    assert set(said) == {"id", "role", "expires", "link"}
    assert tastemaker("user", "invite", "--study", "99")[0] == 4
