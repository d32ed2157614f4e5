"""The tables, a file per noun."""

from app.models.api_token import ApiToken
from app.models.appearance import Appearance
from app.models.base import Base
from app.models.base_model import BaseModel, CheckState, ModelCheck, ModelFamily
from app.models.checkpoint import Checkpoint
from app.models.choice import Answer, Choice, Lease, Purpose
from app.models.disk import StudyDisk
from app.models.event import Event
from app.models.export import Export
from app.models.gold import GoldAnswer
from app.models.group import Group, PolicyMean, Sample, Sampler, SampleScore, SampleState
from app.models.imported import Import, ImportedSample
from app.models.invite import Invite, InviteUse
from app.models.job import OF_THE_HOUSE, Job, JobKind, JobState, Queue, Worker
from app.models.judge import Judge, JudgeDispute, JudgeTally, Scoring
from app.models.log_line import LogLevel, LogLine
from app.models.outbox import Delivery, DeliveryState, MailWish, Webhook
from app.models.pair import Pair, PairState
from app.models.participation import Consent, GuidePicture, Participation
from app.models.prompt_set import Prompt, PromptSet, Split
from app.models.push import Push
from app.models.round import FINAL, OPEN, Hold, Round, RoundKind, RoundState, RoundTotals
from app.models.study import Study, StudyKind
from app.models.tally import AnnotatorSpread, AnnotatorTally, PromptTally, RoundTally
from app.models.training import Metric, RunState, TrainingRun, TrainingSet
from app.models.try_it import TryIt
from app.models.user import LinkPurpose, Role, SignInLink, User, UserKind, WebSession
from app.models.warning import StudyWarning, StudyWatch
from app.models.work import WorkQuarter

__all__ = [
    "FINAL",
    "OF_THE_HOUSE",
    "OPEN",
    "AnnotatorSpread",
    "AnnotatorTally",
    "Answer",
    "ApiToken",
    "Appearance",
    "Base",
    "BaseModel",
    "CheckState",
    "Checkpoint",
    "Choice",
    "Consent",
    "Delivery",
    "DeliveryState",
    "Event",
    "Export",
    "GoldAnswer",
    "Group",
    "GuidePicture",
    "Hold",
    "Import",
    "ImportedSample",
    "Invite",
    "InviteUse",
    "Job",
    "JobKind",
    "JobState",
    "Judge",
    "JudgeDispute",
    "JudgeTally",
    "Lease",
    "LinkPurpose",
    "LogLevel",
    "LogLine",
    "MailWish",
    "Metric",
    "ModelCheck",
    "ModelFamily",
    "Pair",
    "PairState",
    "Participation",
    "PolicyMean",
    "Prompt",
    "PromptSet",
    "PromptTally",
    "Purpose",
    "Push",
    "Queue",
    "Role",
    "Round",
    "RoundKind",
    "RoundState",
    "RoundTally",
    "RoundTotals",
    "RunState",
    "Sample",
    "SampleScore",
    "SampleState",
    "Sampler",
    "Scoring",
    "SignInLink",
    "Split",
    "Study",
    "StudyDisk",
    "StudyKind",
    "StudyWarning",
    "StudyWatch",
    "TrainingRun",
    "TrainingSet",
    "TryIt",
    "User",
    "UserKind",
    "WebSession",
    "Webhook",
    "WorkQuarter",
    "Worker",
]
