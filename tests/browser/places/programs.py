"""Places of people who write programs: their tokens, and the API to be read."""

from app.models import Role
from app.services import personal_tokens
from tests.browser.places.registry import place, unfold

TOKENS = "/account/tokens"


@place(TOKENS, Role.RESEARCHER, unfold)
def tokens_of_a_researcher(session, artifacts, me):
    personal_tokens.make(session, user=me, name="notebook", wanted=["read", "data"], days=30, actor=me)
    _, token = personal_tokens.make(session, user=me, name="my own judge", wanted=["annotate"], days=7, actor=me)
    personal_tokens.owner(session, token)
    return TOKENS


@place(TOKENS, Role.ADMIN)
def no_tokens_yet(session, artifacts, me):
    return TOKENS


@place("/docs/api", None)
def the_api_at_a_glance(session, artifacts, me):
    return "/docs/api"


@place("/docs/api/{slug}", Role.RESEARCHER, unfold)
def a_part_of_the_api(session, artifacts, me):
    return "/docs/api/exports"
