"""When someone is through with a study: whether what their invite promises for the end is theirs."""

from sqlalchemy.orm import Session

from app.models import User
from app.services import dealing
from app.services.invites import Ending


def is_earned(session: Session, *, study_id: int, user: User, ending: Ending) -> bool:
    """Whether the wanted number is reached, or `user` has answered all there is: no more can be asked of anyone.

    Whoever has answered nothing at all has earned nothing, and nobody who is paused has.
    """
    if ending.reached:
        return True
    return ending.made > 0 and dealing.deal(session, study_id=study_id, user=user, count=1).reason == "done"
